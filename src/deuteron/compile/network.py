"""A tenant network on this host: a bridge in a namespace of its own, as long as something is plugged in."""

from __future__ import annotations

from deuteron.compile import filter as tables
from deuteron.compile import names
from deuteron.compile.draft import Draft
from deuteron.compile.index import Index, wire
from deuteron.domain import Network
from deuteron.objects import Bridge, LinkUp, Netns, Unit


def network_unit(index: Index, network: Network) -> Unit | None:
    """The unit of a network.

    ``None`` for a provider network, whose bridge is the host's, and for one that nothing is plugged into
    here: it comes with the first port, and goes with the last.
    """
    if network.bridge or network.id not in index.plugged:
        return None
    draft = Draft("network", network.id, f"network {network.name or network.id}")
    netns, bridge = wire(network)
    altname = names.altname("br", network.id)
    draft.add(
        Netns(name=netns, owner=draft.name),
        *index.policy.netns_sysctls("network", netns),
        tables.network_table(index.policy, netns),
        Bridge(
            netns=netns,
            name=bridge,
            mac=names.derived_mac(altname),
            mtu=network.mtu,
            owner=draft.name,
            altname=altname,
        ),
    )
    if network.admin_state_up:
        draft.add(LinkUp(netns=netns, dev=bridge))
    return draft.unit()
