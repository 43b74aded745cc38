"""Somebody else on the host, for tests and demonstrations: makes and breaks what is not ours."""

from __future__ import annotations

from errno import EEXIST
from ipaddress import ip_interface

from deuteron.kernel.fake.addressing import add_address
from deuteron.kernel.fake.links import add_link, destroy_namespace, remove_link, set_down
from deuteron.kernel.fake.operations import create
from deuteron.kernel.fake.routing import add_route, add_rule
from deuteron.kernel.fake.state import (
    PROTO_STATIC,
    Link,
    Namespace,
    State,
    made_up_mac,
    new_namespace,
    new_state,
    refusal,
)
from deuteron.kernel.fake.sysctls import write
from deuteron.objects import HOST, LinkUp, Nexthop, Route, Rule


class Others:
    """What other people do to the host; the methods raise what the kernel would answer."""

    def __init__(self) -> None:
        self.state: State = new_state()

    def add_foreign_netns(self, name: str) -> None:
        """A namespace that is not ours, also where its name has a prefix of ours."""
        if name in self.state.namespaces:
            raise refusal(EEXIST, "a namespace of that name exists already", "foreign-name")
        self.state.namespaces[name] = new_namespace(name)

    def add_instance_netns(self, name: str) -> None:
        """The namespace of an instance, into which a port is put as ``eth0``."""
        self.add_foreign_netns(name)

    def add_dead_netns(self, name: str) -> None:
        """A left-over file in the namespace directory."""
        self.state.namespaces[name] = Namespace(name=name, alive=False)

    def remove_netns(self, name: str) -> None:
        """The namespace goes with all that is in it, whosever it is."""
        destroy_namespace(self.state, name)

    def add_host_bridge(self, name: str, address: str = "") -> None:
        """A bridge of the host, up, such as a provider network's ``br-ex``."""
        self.add_foreign_link(HOST, name, kind="bridge")
        if address:
            self.add_foreign_address(HOST, name, address)

    def add_foreign_link(self, netns: str, name: str, *, kind: str = "tap", mtu: int = 1500) -> None:
        """A link that is not ours, up."""
        add_link(self.state, netns, Link(name=name, kind=kind, mac=made_up_mac(netns, name), mtu=mtu))
        self.set_up(netns, name)

    def add_foreign_veth(
        self, netns: str, name: str, peer_netns: str, peer_name: str, *, master: str = "", mtu: int = 1500
    ) -> None:
        """A pair that is not ours, both ends up, ``name`` plugged in ``master``."""
        outer = Link(name=name, kind="veth", mac=made_up_mac(netns, name), mtu=mtu, master=master)
        inner = Link(name=peer_name, kind="veth", mac=made_up_mac(peer_netns, peer_name), mtu=mtu)
        outer.peer, inner.peer = (peer_netns, peer_name), (netns, name)
        add_link(self.state, netns, outer)  # nosec R103 # in memory: nothing outlives the fake kernel
        add_link(self.state, peer_netns, inner)
        self.set_up(netns, name)
        self.set_up(peer_netns, peer_name)

    def add_machine(self, name: str, bridge: str, *addresses: str, gateway: str = "") -> None:
        """A host on a provider network: a namespace with ``eth0`` plugged in a bridge of the host."""
        self.add_foreign_netns(name)  # nosec R103 # in memory: nothing outlives the fake kernel
        self.add_foreign_veth(HOST, f"veth-{name}"[:15], name, "eth0", master=bridge)
        for address in addresses:
            self.add_foreign_address(name, "eth0", address)
        if gateway:
            destination = "::/0" if ":" in gateway else "0.0.0.0/0"
            self.add_foreign_route(name, destination, "eth0", via=gateway)

    def remove_link(self, netns: str, name: str) -> None:
        """The link goes, whosever it is."""
        remove_link(self.state, netns, name)

    def set_up(self, netns: str, name: str) -> None:
        """The link goes up."""
        create(LinkUp(netns=netns, dev=name), self.state)

    def set_down(self, netns: str, name: str) -> None:
        """The link goes down."""
        set_down(self.state.namespace(netns), self.state.link(netns, name))

    def add_foreign_address(self, netns: str, dev: str, address: str) -> None:
        """An address without our protocol number."""
        add_address(self.state.link(netns, dev), str(ip_interface(address)), 0)

    def add_foreign_route(
        self, netns: str, destination: str, dev: str, *, via: str = "", table: int = 254, metric: int = 0
    ) -> None:
        """A route without our protocol number."""
        route = Route(
            netns=netns,
            table=table,
            destination=destination,
            nexthops=(Nexthop(dev=dev, via=via),),
            metric=metric or (1024 if ":" in destination else 0),
        )
        add_route(self.state.namespace(netns), route, PROTO_STATIC)

    def add_foreign_rule(self, netns: str, priority: int, table: int, *, family: int = 4) -> None:
        """A rule without our protocol number."""
        rule = Rule(netns=netns, family=family, priority=priority, table=table)
        add_rule(self.state.namespace(netns), rule, PROTO_STATIC)

    def add_foreign_table(self, netns: str, name: str) -> None:
        """An nftables table of another name."""
        self.state.namespace(netns).foreign_tables.add(name)

    def write_sysctl(self, netns: str, path: str, value: str) -> None:
        """Somebody turns a knob."""
        write(self.state.namespace(netns), path, value)
