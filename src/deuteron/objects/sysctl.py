"""Kernel parameters of a namespace."""

from __future__ import annotations

from deuteron.objects.base import HOST, KernelObject, Key
from deuteron.objects.link import link_key


class Sysctl(KernelObject, frozen=True, kw_only=True):
    """A value below ``/proc/sys`` as seen in ``netns``; never the host's namespace.

    Attributes:
        path: with slashes, ``net/ipv4/conf/fg-0123/proxy_arp``.
        value: as the kernel prints it.
        dev: the link that the path names, or "" for a path of the whole namespace.
    """

    netns: str
    path: str
    value: str
    dev: str = ""

    def __post_init__(self) -> None:
        if self.netns == HOST:
            raise ValueError("a sysctl of the host's namespace is never written")

    @property
    def key(self) -> Key:
        return ("sysctl", self.netns, self.path)

    @property
    def container(self) -> Key | None:
        return link_key(self.netns, self.dev) if self.dev else ("netns", self.netns)
