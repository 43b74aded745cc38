"""Links: veth pairs, bridges, taps, and whether they are up.

A veth pair is one object, since the kernel makes and removes both ends at once.
``netns``/``name`` is the *outer* end, the one where a wire is plugged in (on the
bridge of a network, or the fip namespace's end of a leg); ``peer_*`` is the inner
one.  The outer end is always in a namespace that we own or in the host's, so
an agent with no memory finds every pair of ours without knowing where the inner
end went::

      net-<network>                       qrouter-<router>
     +----------------------------+      +------------------+
     |  br-xxx --- tapxxx (outer) |======| qr-xxx (inner)   |
     +----------------------------+      +------------------+
"""

from __future__ import annotations

from deuteron.objects.base import KernelObject, Key


def link_key(netns: str, name: str) -> Key:
    """The key of the link called ``name`` in ``netns``."""
    return ("link", netns, name)


class Bridge(KernelObject, frozen=True, kw_only=True):
    """A Linux bridge: no spanning tree, no forward delay, no multicast snooping.

    Attributes:
        mac: fixed, or the bridge would change its own with its members.
        mtu: bytes.
        altname: a second name that holds the full id.
    """

    netns: str
    name: str
    mac: str
    mtu: int
    owner: str
    altname: str

    @property
    def key(self) -> Key:
        return link_key(self.netns, self.name)

    @property
    def container(self) -> Key | None:
        return ("netns", self.netns)


class Veth(KernelObject, frozen=True, kw_only=True):
    """A veth pair; see the module's picture for which end is which.

    Attributes:
        mac: of the outer end.
        peer_mac: of the inner end.
        mtu: bytes, both ends.
        master: the bridge in ``netns`` that the outer end is plugged in, or "".
        altname: second name of the outer end, holds the full port or router id.
        peer_altname: the same for the inner end, or "" where that namespace is not ours.
    """

    netns: str
    name: str
    mac: str
    peer_netns: str
    peer_name: str
    peer_mac: str
    mtu: int
    master: str
    owner: str
    altname: str
    peer_altname: str

    @property
    def key(self) -> Key:
        return link_key(self.netns, self.name)

    @property
    def container(self) -> Key | None:
        # Either namespace takes the pair with it; see ``reconcile.delta``.
        return ("netns", self.netns) if self.netns else None


class Tap(KernelObject, frozen=True, kw_only=True):
    """A persistent tap device for a virtual machine, plugged in a bridge."""

    netns: str
    name: str
    mac: str
    mtu: int
    master: str
    owner: str
    altname: str

    @property
    def key(self) -> Key:
        return link_key(self.netns, self.name)

    @property
    def container(self) -> Key | None:
        return ("netns", self.netns) if self.netns else None


class LinkUp(KernelObject, frozen=True, kw_only=True):
    """That the link ``dev`` is administratively up; its absence is a link that is down.

    An object of its own, so that the plan can put addresses and filters in place first.
    """

    netns: str
    dev: str

    @property
    def key(self) -> Key:
        return ("up", self.netns, self.dev)

    @property
    def container(self) -> Key | None:
        return link_key(self.netns, self.dev)
