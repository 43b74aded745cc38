"""Ports: a veth pair from a network's bridge into a namespace, or a tap for a virtual machine."""

from __future__ import annotations

from typing import Final

from deuteron.compile import names
from deuteron.compile.draft import Draft
from deuteron.compile.filter import own_address
from deuteron.compile.index import Index, bridge_need, wire
from deuteron.compile.routes import default_routes
from deuteron.domain import Binding, Port
from deuteron.objects import Address, Announce, LinkUp, Need, Tap, Unit, Veth

#: Prefixes of ports on external networks.
EXTERNAL: Final = ("qg-", "fg-")


def port_unit(index: Index, port: Port) -> Unit | None:
    """The unit of an instance's port on this host; ``None`` for any other port."""
    binding = port.binding
    if binding is None:
        return None
    draft = Draft("port", port.id, f"port {port.name or port.id}")
    if binding.netns:
        _into_netns(draft, index, port, binding)
    else:
        _tap(draft, index, port, binding)
    return draft.unit()


def _into_netns(draft: Draft, index: Index, port: Port, binding: Binding) -> None:
    """The instance is a namespace: ``eth0`` there, with its addresses and default routes.

    Its IPv6 link-local address is the instance's own affair, as are its sysctls.
    """
    draft.need(Need(kind="netns", name=binding.netns, why=f"port {port.name or port.id}"))
    dev = names.INSTANCE_DEVICE
    plug(draft, index, port, binding.netns, dev)
    draft.add(*addresses(index, port, binding.netns, dev))
    if index.is_up(port):
        draft.add(*default_routes(index, port, binding.netns, dev))


def _tap(draft: Draft, index: Index, port: Port, binding: Binding) -> None:
    network = index.network_of(port)
    netns, bridge = wire(network)
    draft.need(*bridge_need(network))
    draft.add(
        Tap(
            netns=netns,
            name=binding.tap,
            mac=names.outer_mac(port.mac_address),
            mtu=network.mtu,
            master=bridge,
            owner=draft.name,
            altname=names.altname("tap", port.id),
        )
    )
    if index.is_up(port):
        draft.add(LinkUp(netns=netns, dev=binding.tap))


def router_port(draft: Draft, index: Index, port: Port, prefix: str, netns: str) -> str:
    """A port of a router or of a fip namespace, with its addresses; returns its device's name.

    ``prefix`` is ``qr-``, ``qg-``, ``sg-`` or ``fg-``.  External ones are announced; internal ones
    are not, since a distributed router's ``qr-`` is on every host at once.
    """
    dev = names.device(prefix, port.id)
    plug(draft, index, port, netns, dev, names.altname(prefix.rstrip("-"), port.id))
    if any(fixed.ip_version == 6 for fixed in port.fixed_ips):
        draft.add(Address(netns=netns, dev=dev, address=names.link_local(port.mac_address)))
    for address in addresses(index, port, netns, dev):
        draft.add(address, own_address(netns, address.address.partition("/")[0]))
        if prefix in EXTERNAL and index.is_up(port):
            announce(draft, address)
    return dev


def announce(draft: Draft, address: Address) -> None:
    """Announce an address on its own link."""
    bare = address.address.partition("/")[0]
    draft.announce(address, Announce(netns=address.netns, dev=address.dev, address=bare))


def plug(draft: Draft, index: Index, port: Port, netns: str, dev: str, altname: str = "") -> None:
    """A veth pair between the bridge of the port's network and ``dev`` in ``netns``."""
    network = index.network_of(port)
    outer_netns, bridge = wire(network)
    outer = names.device("tap", port.id)
    draft.need(*bridge_need(network))
    draft.add(
        Veth(
            netns=outer_netns,
            name=outer,
            mac=names.outer_mac(port.mac_address),
            peer_netns=netns,
            peer_name=dev,
            peer_mac=port.mac_address,
            mtu=network.mtu,
            master=bridge,
            owner=draft.name,
            altname=names.altname("tap", port.id),
            peer_altname=altname,
        )
    )
    if index.is_up(port):
        draft.add(LinkUp(netns=outer_netns, dev=outer), LinkUp(netns=netns, dev=dev))


def addresses(index: Index, port: Port, netns: str, dev: str) -> list[Address]:
    """The port's fixed addresses with the prefix length of their subnets."""
    return [
        Address(
            netns=netns, dev=dev, address=f"{fixed.ip_address}/{index.subnets[fixed.subnet_id].prefixlen}"
        )
        for fixed in port.fixed_ips
    ]
