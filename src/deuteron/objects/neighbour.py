"""Neighbour entries and forwarding database entries."""

from __future__ import annotations

from deuteron.objects.base import KernelObject, Key
from deuteron.objects.link import link_key


class Neighbour(KernelObject, frozen=True, kw_only=True):
    """A permanent neighbour (ARP or ND) entry, ours by ``NDA_PROTOCOL``."""

    netns: str
    dev: str
    address: str
    mac: str

    @property
    def key(self) -> Key:
        return ("neighbour", self.netns, self.dev, self.address)

    @property
    def container(self) -> Key | None:
        return link_key(self.netns, self.dev)


class NeighbourProxy(KernelObject, frozen=True, kw_only=True):
    """A proxy entry: ``dev`` answers neighbour solicitations for ``address``; ours by ``NDA_PROTOCOL``."""

    netns: str
    dev: str
    address: str

    @property
    def key(self) -> Key:
        return ("proxy", self.netns, self.dev, self.address)

    @property
    def container(self) -> Key | None:
        return link_key(self.netns, self.dev)


class Fdb(KernelObject, frozen=True, kw_only=True):
    """A static forwarding database entry of a bridge member: ``mac`` is behind ``dev``."""

    netns: str
    dev: str
    mac: str

    @property
    def key(self) -> Key:
        return ("fdb", self.netns, self.dev, self.mac)

    @property
    def container(self) -> Key | None:
        return link_key(self.netns, self.dev)
