"""Network namespaces."""

from __future__ import annotations

from deuteron.objects.base import KernelObject, Key


class Netns(KernelObject, frozen=True, kw_only=True):
    """A named network namespace (``/run/netns/<name>``), with ``lo`` up.

    Ours are known by their name's prefix together with an alias on ``lo``
    that holds :func:`deuteron.objects.ownership.mark` of ``owner``.

    Attributes:
        name: file name below the namespace directory.
        owner: the unit that it belongs to, for instance ``router/<id>``.
    """

    name: str
    owner: str

    @property
    def key(self) -> Key:
        return ("netns", self.name)

    @property
    def container(self) -> Key | None:
        return None
