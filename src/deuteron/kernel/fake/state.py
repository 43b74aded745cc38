"""What the fake kernel holds: namespaces with all that is in them, ours or not.

Each thing carries its protocol number, as in the real kernel, so that observation
tells ours from others' by the same rules (:mod:`deuteron.objects.ownership`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from errno import EEXIST, ENODEV, ENOENT
from typing import Final

from deuteron.errors import KernelError
from deuteron.kernel.fake.conntrack import Flow
from deuteron.objects import HOST, Nexthop, NftTable, Rule

#: ``IFAPROT_KERNEL_LO`` and ``IFAPROT_KERNEL_LL`` of linux/if_addr.h.
ADDRESS_LO: Final = 1
ADDRESS_LL: Final = 3

#: ``RTPROT_KERNEL`` and ``RTPROT_STATIC`` of linux/rtnetlink.h.
PROTO_KERNEL: Final = 2
PROTO_STATIC: Final = 4

#: Table, destination, metric.
RouteId = tuple[int, str, int]


@dataclass
class Link:
    """A network device of one namespace; its members vanish with it.

    Attributes:
        peer: namespace and name of a veth's other end.
        outer: it is the outer end of a pair of ours.
        addresses: each with its ``IFA_PROTO``, in the order in which they came.
        neighbours: permanent entries: address to MAC and ``NDA_PROTOCOL``.
        proxies: proxy entries with their ``NDA_PROTOCOL``.
        fdb: static forwarding entries with their ``NDA_PROTOCOL``.
        sysctls: by path, the link's name replaced by ``*``.
    """

    name: str
    kind: str
    mac: str
    mtu: int = 1500
    alias: str = ""
    altname: str = ""
    master: str = ""
    up: bool = False
    peer: tuple[str, str] | None = None
    outer: bool = False
    addresses: dict[str, int] = field(default_factory=dict)
    neighbours: dict[str, tuple[str, int]] = field(default_factory=dict)
    proxies: dict[str, int] = field(default_factory=dict)
    fdb: dict[str, int] = field(default_factory=dict)
    sysctls: dict[str, str] = field(default_factory=dict)


@dataclass
class Namespace:
    """A network namespace, or a left-over file of that name (``alive`` is false).

    Attributes:
        routes: what was asked for; connected and local routes follow from addresses.
        elements: of the table's sets and maps: set, item, value.
        foreign_tables: nftables tables of others, by name.
        flows: tracked connections; they do not take part in ``==``.
    """

    name: str
    alive: bool = True
    links: dict[str, Link] = field(default_factory=dict)
    routes: dict[RouteId, tuple[tuple[Nexthop, ...], int]] = field(default_factory=dict)
    rules: dict[Rule, int] = field(default_factory=dict)
    sysctls: dict[str, str] = field(default_factory=dict)
    table: NftTable | None = None
    elements: dict[str, dict[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    foreign_tables: set[str] = field(default_factory=set)
    flows: list[Flow] = field(default_factory=list, compare=False)

    def link(self, name: str) -> Link:
        """The link called ``name``, by name or altname.

        Raises:
            KernelError: ``ENODEV``.
        """
        if name in self.links:
            return self.links[name]
        for link in self.links.values():
            if name == link.altname:
                return link
        raise refusal(ENODEV, "there is no such link in the namespace")

    def claim(self, *names: str) -> None:
        """Make sure that no link has any of these names.

        Raises:
            KernelError: ``EEXIST``.
        """
        taken = self.links.keys() | {link.altname for link in self.links.values() if link.altname}
        if not taken.isdisjoint(names):
            raise refusal(EEXIST, "a link of that name exists already")


@dataclass
class State:
    """All namespaces by name; ``HOST`` is the one of the agent itself."""

    namespaces: dict[str, Namespace] = field(default_factory=dict)

    def namespace(self, name: str) -> Namespace:
        """The namespace called ``name``.

        Raises:
            KernelError: ``ENOENT``; a left-over file is no namespace.
        """
        found = self.namespaces.get(name)
        if found is None or not found.alive:
            raise refusal(ENOENT, "there is no such namespace; look again and plan anew", "no-netns")
        return found

    def link(self, netns: str, name: str) -> Link:
        """The link called ``name`` in ``netns``.

        Raises:
            KernelError: ``ENOENT`` without the namespace, ``ENODEV`` without the link.
        """
        return self.namespace(netns).link(name)

    def find_link(self, netns: str, name: str) -> Link | None:
        """The same, or ``None``."""
        found = self.namespaces.get(netns)
        return found.links.get(name) if found is not None else None

    def alive(self) -> Iterator[Namespace]:
        """The namespaces that can be entered."""
        return (namespace for namespace in self.namespaces.values() if namespace.alive)


def new_state() -> State:
    """A host with nothing but ``lo``."""
    state = State()
    state.namespaces[HOST] = new_namespace(HOST)
    return state


def new_namespace(name: str) -> Namespace:
    """A namespace with ``lo`` up."""
    lo = Link(name="lo", kind="loopback", mac="00:00:00:00:00:00", mtu=65536, up=True)
    lo.addresses = {"127.0.0.1/8": ADDRESS_LO, "::1/128": ADDRESS_LO}
    return Namespace(name=name, links={"lo": lo})


def refusal(errno: int, why: str, code: str = "kernel-refused") -> KernelError:
    """The kernel's answer to something that it does not do."""
    return KernelError(code, why, errno)


def made_up_mac(*words: str) -> str:
    """A stable unicast MAC address for a link of a test."""
    digest = hashlib.sha256("/".join(words).encode()).digest()
    return "02:" + ":".join(f"{octet:02x}" for octet in digest[:5])
