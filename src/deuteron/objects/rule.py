"""Policy routing rules."""

from __future__ import annotations

from deuteron.objects.base import KernelObject, Key


class Rule(KernelObject, frozen=True, kw_only=True):
    """``ip rule``: packets that match look up ``table``; ours by ``FRA_PROTOCOL``.

    Attributes:
        family: 4 or 6.
        priority: lower is earlier; the kernel's own are 0, 32766 (main) and 32767.
        table: routing table number.
        iif: incoming link, or "".
        fwmark: packet mark that must match, 0 for any.
        source: source prefix, or "" for any.
    """

    netns: str
    family: int
    priority: int
    table: int
    iif: str = ""
    fwmark: int = 0
    source: str = ""

    @property
    def key(self) -> Key:
        return (
            "rule",
            self.netns,
            str(self.family),
            str(self.priority),
            self.iif,
            str(self.fwmark),
            self.source,
            str(self.table),
        )

    @property
    def container(self) -> Key | None:
        return ("netns", self.netns)
