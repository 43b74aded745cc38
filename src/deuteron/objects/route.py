"""Routes."""

from __future__ import annotations

from typing import Final

import msgspec

from deuteron.objects.base import KernelObject, Key

MAIN_TABLE: Final = 254


class Nexthop(msgspec.Struct, frozen=True, order=True, kw_only=True, gc=False):
    """One way on.

    Attributes:
        dev: the link to leave by.
        via: the gateway's address, or "" where the destination is on the link itself.
        onlink: the gateway is reached on ``dev`` although no connected subnet holds it.
    """

    dev: str
    via: str = ""
    onlink: bool = False


class Route(KernelObject, frozen=True, kw_only=True):
    """A unicast route, ours by ``RTA_PROTOCOL``.

    Attributes:
        table: routing table number, 1 to 2**32-1.
        destination: canonical prefix, ``0.0.0.0/0`` and ``::/0`` for the default.
        nexthops: one, or several for equal-cost multipath, sorted.
        metric: priority; the kernel gives IPv6 routes 1024 where none is said, we always say.
    """

    netns: str
    table: int = MAIN_TABLE
    destination: str
    nexthops: tuple[Nexthop, ...]
    metric: int = 0

    @property
    def key(self) -> Key:
        return ("route", self.netns, str(self.table), self.destination, str(self.metric))

    @property
    def container(self) -> Key | None:
        # Gone with the link, and also when the link goes down: the delta knows.
        return ("up", self.netns, self.nexthops[0].dev)
