"""Foreign things around a host: bridges, namespaces, cables, addresses, routes.

None of them carries a mark of ours: to the engine they are a provider's and the tenants' own.
:class:`LinuxWorld` makes them in the kernel, in a sandbox; ``fake_world.py`` has the same
for the fake kernel.  Whoever makes a world takes it away again: it is a context manager.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec

from deuteron.kernel.linux.libc import CLONE_NEWNET, unshare
from deuteron.kernel.linux.netlink.address import new_address
from deuteron.kernel.linux.netlink.errors import refused
from deuteron.kernel.linux.netlink.link import (
    delete_link,
    dump_links,
    get_link,
    new_bridge,
    new_veth,
    parse_link,
    set_link,
)
from deuteron.kernel.linux.netlink.route import NexthopRecord, new_route
from deuteron.kernel.linux.netlink.socket import NetlinkSocket
from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.kernel.linux.worker import OWN_NETNS
from deuteron.lab.inside import NETNS_DIR, in_thread, inside

_FORWARDING: Final = (Path("/proc/sys/net/ipv4/ip_forward"), Path("/proc/sys/net/ipv6/conf/all/forwarding"))
_STATIC: Final = 4  # RTPROT_STATIC, an administrator's


class End(msgspec.Struct, frozen=True, kw_only=True):
    """One end of a cable (a veth pair).

    Attributes:
        mac: "" lets the kernel choose.
        master: the bridge in ``netns`` that it is plugged in, or "".
        addresses: with prefix lengths.
    """

    netns: str
    dev: str
    mac: str = ""
    master: str = ""
    addresses: tuple[str, ...] = ()


class World(Protocol):
    """What can be made around a host; ``""`` is the host's own namespace."""

    def namespace(self, name: str, *, forwarding: bool = False) -> None:
        """A namespace with ``lo`` up; with ``forwarding`` it routes."""
        ...

    def remove_namespace(self, name: str) -> None:
        """Take a namespace away, with the cables that end in it."""
        ...

    def bridge(self, name: str, mtu: int) -> None:
        """A bridge in the host's namespace, up."""
        ...

    def cable(self, outer: End, inner: End, mtu: int) -> None:
        """A veth pair, both ends up."""
        ...

    def address(self, netns: str, dev: str, address: str) -> None:
        """An address with its prefix length."""
        ...

    def route(self, netns: str, destination: str, via: str = "", dev: str = "") -> None:
        """A route by a gateway that is on a link, or on the link ``dev`` itself."""
        ...


class LinuxWorld:
    """A :class:`World` of the running kernel; only inside a sandbox (``kernel/linux/sandbox.py``)."""

    def __init__(self, netns_dir: Path = NETNS_DIR) -> None:
        self._directory = NetnsDirectory(netns_dir)
        self._directory.prepare()
        self._namespaces: list[str] = []
        #: Outer and inner namespace of each cable, by the outer end.
        self._cables: dict[tuple[str, str], str] = {}
        self._bridges: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take everything away that was made here and is still there."""
        with ExitStack() as each:  # the last one first; what one of them raises keeps none from its turn
            for name in self._bridges:
                each.callback(self._delete_link, "", name)
            each.callback(self._unplug_all)
            for name in reversed(self._namespaces):
                each.callback(self.remove_namespace, name)
        self._bridges.clear()

    def namespace(self, name: str, *, forwarding: bool = False) -> None:
        """See :class:`World`."""

        def make() -> None:
            unshare(CLONE_NEWNET)
            self._directory.keep_own(name)
            with NetlinkSocket() as wire:
                _send(wire, [set_link("lo", up=True)])
            if forwarding:
                for switch in _FORWARDING:  # shows the namespace of the thread that opens it
                    switch.write_text("1")

        in_thread(make)
        self._namespaces.append(name)

    def remove_namespace(self, name: str) -> None:
        """See :class:`World`."""
        # The cables first: what a namespace takes with it, it takes some time after its end.
        with ExitStack() as each:
            each.callback(self._directory.remove, name)
            each.callback(self._unplug_all, name)
        self._namespaces.remove(name)

    def bridge(self, name: str, mtu: int) -> None:
        """See :class:`World`."""
        with self._wire("") as wire:
            _send(wire, [new_bridge(name, _mac("", name), mtu, up=True)])
        self._bridges.append(name)

    def cable(self, outer: End, inner: End, mtu: int) -> None:
        """See :class:`World`."""
        with self._wire(outer.netns) as wire, self._place(inner.netns) as place:
            master = parse_link(wire.request(get_link(outer.master))).index if outer.master else 0
            made = new_veth(
                outer.dev,
                outer.mac or _mac(outer.netns, outer.dev),
                mtu,
                inner.dev,
                inner.mac or _mac(inner.netns, inner.dev),
                peer_netns_fd=place.fileno(),
                master=master,
                up=True,
            )
            _send(wire, [made])
        with self._wire(inner.netns) as wire:  # a veth goes up only once its peer is there
            _send(wire, [set_link(inner.dev, up=True)])
        self._cables[outer.netns, outer.dev] = inner.netns
        for end in (outer, inner):
            for each in end.addresses:
                self.address(end.netns, end.dev, each)

    def address(self, netns: str, dev: str, address: str) -> None:
        """See :class:`World`."""
        with self._wire(netns) as wire:
            index = parse_link(wire.request(get_link(dev))).index
            _send(wire, [new_address(index, address)])

    def route(self, netns: str, destination: str, via: str = "", dev: str = "") -> None:
        """See :class:`World`."""
        with self._wire(netns) as wire:
            index = parse_link(wire.request(get_link(dev))).index if dev else 0
            _send(wire, [new_route(destination, [NexthopRecord(index, via)], protocol=_STATIC)])

    def links(self, netns: str = "") -> tuple[str, ...]:
        """The names of all links of a namespace, sorted."""
        with self._wire(netns) as wire:
            return tuple(sorted(parse_link(each).name for each in wire.dump(dump_links())))

    def namespaces(self) -> tuple[str, ...]:
        """The names of all namespaces, sorted."""
        return tuple(self._directory.list())

    def _wire(self, netns: str) -> NetlinkSocket:
        return inside(self._directory.path / netns, NetlinkSocket) if netns else NetlinkSocket()

    def _place(self, netns: str) -> BufferedReader:
        return (self._directory.path / netns if netns else OWN_NETNS).open("rb")

    def _unplug_all(self, name: str | None = None) -> None:
        """Every cable, or those that end in a namespace."""
        with ExitStack() as each:
            for end, inner in self._cables.items():
                if name is None or name in (end[0], inner):
                    each.callback(self._unplug, end)

    def _unplug(self, end: tuple[str, str]) -> None:
        self._delete_link(*end)
        del self._cables[end]

    def _delete_link(self, netns: str, name: str) -> None:
        if netns and not self._directory.inode(netns):
            return
        with self._wire(netns) as wire:
            ack = wire.batch([delete_link(name)])[0]
        if ack.errno not in (0, errno.ENODEV):
            raise refused(ack.errno, ack.text, "to remove a link of the lab")


def _send(wire: NetlinkSocket, messages: Sequence[bytes]) -> None:
    for ack in wire.batch(messages):
        if ack.errno:
            raise refused(ack.errno, ack.text, "a piece of the lab's world")


def _mac(netns: str, dev: str) -> str:
    digest = hashlib.sha256(f"{netns} {dev}".encode()).hexdigest()
    return "02:" + ":".join(digest[i : i + 2] for i in range(0, 10, 2))
