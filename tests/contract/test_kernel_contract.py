"""What every implementation of the kernel protocol promises."""

from __future__ import annotations

from errno import EEXIST, ENETUNREACH, ENODEV, ENOENT
from typing import Any

import msgspec
import pytest

from deuteron.kernel.protocol import Kernel
from deuteron.objects import (
    Create,
    Delete,
    KernelObject,
    LinkUp,
    Look,
    Netns,
    NftElement,
    Route,
    Sysctl,
    Update,
)
from tests.contract import things
from tests.contract.rigs import Rig
from tests.contract.things import (
    ADDRESS,
    ADDRESS6,
    BASE,
    BRIDGE,
    CONTENTS,
    ELEMENT,
    FDB,
    IIF_RULE,
    LINK_ROUTE,
    LINK_SYSCTL,
    MEMBER,
    MULTIPATH,
    NEIGHBOUR,
    NET_NETNS,
    NETNS,
    ONLINK,
    PROXY6,
    QR,
    QR_UP,
    ROUTE,
    ROUTE6,
    ROUTER,
    RULE,
    SYSCTL,
    TABLE,
    TAP_DEVICE,
    UPS,
    VETH,
    VM,
    VM_VETH,
    look,
    make,
    refused,
    run,
    there,
)

ALL = (*BASE, *CONTENTS)
SWITCHES = (LinkUp, Sysctl)


def refused_with(kernel: Kernel, thing: KernelObject) -> int:
    """The errno with which making ``thing`` is refused."""
    error = refused(kernel, Create(thing)).error
    return error.errno if error is not None else 0


def named(thing: KernelObject) -> str:
    return " ".join(thing.key).replace("/", ":")


@pytest.fixture
def full(kernel: Kernel) -> Kernel:
    """Everything made."""
    make(kernel, ALL)
    return kernel


def test_what_is_made_is_what_is_observed(full: Kernel) -> None:
    observed = look(full)
    loopback = [LinkUp(netns=name, dev="lo") for name in (NETNS.name, NET_NETNS.name)]
    assert {thing.key: thing for thing in (*ALL, *loopback)} == observed.objects
    assert observed.foreign == ()


def test_owners_are_those_of_the_mark_of_namespace_or_link(full: Kernel) -> None:
    owners = look(full).owners
    assert owners.keys() == look(full).objects.keys()
    router = (NETNS, TABLE, ELEMENT, SYSCTL, LINK_SYSCTL, ADDRESS, ROUTE, IIF_RULE, VETH, QR_UP, FDB)
    assert {owners[thing.key] for thing in router} == {"router/r1"}
    assert owners[BRIDGE.key] == owners[NET_NETNS.key] == owners[UPS[0].key] == "network/n1"
    assert owners[UPS[1].key] == "router/r1", "the outer end is the router's though the namespace is not"


@pytest.mark.tun
def test_a_tap_belongs_to_its_port(full: Kernel) -> None:
    assert look(full).owners[TAP_DEVICE.key] == "port/p3"


@pytest.mark.parametrize("thing", [one for one in ALL if not isinstance(one, SWITCHES)], ids=named)
def test_made_twice_is_refused_and_changes_nothing(full: Kernel, thing: KernelObject) -> None:
    before = look(full)
    outcome = refused(full, Create(thing))
    assert (outcome.failed, outcome.done) == (0, (False,))
    assert outcome.error is not None
    assert outcome.error.errno == EEXIST, outcome.error
    assert look(full) == before


@pytest.mark.parametrize(
    "thing", [one for one in reversed(CONTENTS) if not isinstance(one, Sysctl)], ids=named
)
def test_deleted_is_gone_and_deleted_twice_succeeds(full: Kernel, thing: KernelObject) -> None:
    run(full, Delete(thing))
    assert thing.key not in look(full).objects
    after = look(full)
    run(full, Delete(thing))
    assert look(full) == after


def test_all_is_deleted_in_reverse_and_nothing_is_left(full: Kernel) -> None:
    run(full, *(Delete(thing) for thing in reversed(ALL)))
    left = look(full)
    assert (left.objects, left.foreign, left.netns) == ({}, (), {})
    run(full, *(Delete(thing) for thing in reversed(ALL) if isinstance(thing, Netns)))


CHANGES: list[Any] = [
    (BRIDGE, msgspec.structs.replace(BRIDGE, mtu=1400)),
    (VETH, msgspec.structs.replace(VETH, mtu=1400)),
    (VETH, msgspec.structs.replace(VETH, mac="fe:16:3e:00:00:aa")),
    (VETH, msgspec.structs.replace(VETH, peer_mac="fa:16:3e:00:00:aa")),
    (VETH, msgspec.structs.replace(VETH, master="")),
    pytest.param(TAP_DEVICE, msgspec.structs.replace(TAP_DEVICE, master=""), marks=pytest.mark.tun),
    (NEIGHBOUR, msgspec.structs.replace(NEIGHBOUR, mac="fa:16:3e:00:00:aa")),
    (ROUTE, msgspec.structs.replace(ROUTE, nexthops=MULTIPATH.nexthops)),
    (MULTIPATH, msgspec.structs.replace(MULTIPATH, nexthops=ROUTE.nexthops)),
    (ONLINK, msgspec.structs.replace(ONLINK, nexthops=LINK_ROUTE.nexthops)),
    (SYSCTL, msgspec.structs.replace(SYSCTL, value="0")),
    (LINK_SYSCTL, msgspec.structs.replace(LINK_SYSCTL, value="0")),
    (ELEMENT, msgspec.structs.replace(ELEMENT, value=("10.0.0.77",))),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), CHANGES, ids=lambda thing: named(thing))
def test_updated_in_place(full: Kernel, old: KernelObject, new: KernelObject) -> None:
    run(full, Update(old=old, new=new))
    assert there(full, [old, new]) == [new]
    run(full, Update(old=new, new=old))
    assert there(full, [old, new]) == [old]


def test_a_table_is_replaced_with_the_elements_that_are_wanted(full: Kernel) -> None:
    other = things.table(policy=False)
    run(full, Update(old=TABLE, new=other, contents=(ELEMENT,), old_contents=(ELEMENT, MEMBER)))
    assert there(full, [TABLE, other, ELEMENT, MEMBER]) == [other, ELEMENT]


def test_missing_namespace_and_link_have_their_errors(kernel: Kernel) -> None:
    make(kernel, [NET_NETNS, BRIDGE])
    homeless: tuple[KernelObject, ...] = (ADDRESS, VETH, TABLE, RULE, QR_UP)
    for thing in homeless:
        assert refused_with(kernel, thing) == ENOENT, thing
    make(kernel, [NETNS])
    linkless: tuple[KernelObject, ...] = (ADDRESS, ADDRESS6, NEIGHBOUR, PROXY6, QR_UP, ONLINK)
    for thing in linkless:
        assert refused_with(kernel, thing) == ENODEV, thing


def test_a_gateway_out_of_reach_is_refused_unless_onlink(kernel: Kernel) -> None:
    make(kernel, [*BASE, ADDRESS, *UPS, ONLINK])
    far = msgspec.structs.replace(
        ONLINK, table=17, nexthops=(msgspec.structs.replace(ONLINK.nexthops[0], onlink=False),)
    )
    assert refused_with(kernel, far) == ENETUNREACH


def test_a_route_needs_its_link_up(kernel: Kernel) -> None:
    make(kernel, [*BASE, ADDRESS, ADDRESS6])
    for route in (ROUTE, ONLINK, LINK_ROUTE, ROUTE6):
        assert refused(kernel, Create(route)).done == (False,)


def test_down_takes_routes_neighbours_and_ipv6_addresses(full: Kernel) -> None:
    before = look(full).objects
    run(full, Delete(QR_UP))
    after = look(full).objects
    gone = {key[0] for key in before.keys() - after.keys()}
    assert gone == {"up", "route", "neighbour", "proxy", "address"}
    assert there(full, [ADDRESS, ADDRESS6, IIF_RULE, LINK_SYSCTL]) == [ADDRESS, IIF_RULE, LINK_SYSCTL]


def test_the_last_ipv4_address_takes_the_links_ipv4_routes(full: Kernel) -> None:
    run(full, Delete(ADDRESS))
    assert there(full, [ROUTE, ONLINK, LINK_ROUTE, ROUTE6]) == [ROUTE6]


def test_a_pair_goes_with_either_end(rig: Rig, full: Kernel) -> None:
    rig.remove_link(ROUTER, QR)
    assert there(full, [VETH, ADDRESS, ROUTE]) == []
    make(full, [VETH])
    run(full, Delete(NETNS))
    assert there(full, [NETNS, VETH, TABLE, IIF_RULE, BRIDGE]) == [BRIDGE]
    make(full, [NETNS, VETH])
    run(full, Delete(NET_NETNS))
    assert there(full, [NETNS, VETH, BRIDGE]) == [NETNS]


def test_an_instances_end_is_ours_its_namespace_is_not(rig: Rig, kernel: Kernel) -> None:
    rig.netns(VM)
    rig.link(VM, "own0")
    rig.address(VM, "own0", "192.0.2.7/24")
    address = msgspec.structs.replace(ADDRESS, netns=VM, dev="eth0", address="10.0.0.5/24")
    up = LinkUp(netns=VM, dev="eth0")
    route = msgspec.structs.replace(
        ROUTE, netns=VM, nexthops=(msgspec.structs.replace(ROUTE.nexthops[0], dev="eth0"),)
    )
    make(kernel, [NET_NETNS, BRIDGE, VM_VETH, address, up, route])
    observed = look(kernel)
    assert there(kernel, [VM_VETH, address, up, route]) == [VM_VETH, address, up, route]
    assert {observed.owners[thing.key] for thing in (VM_VETH, address, up, route)} == {"port/p2"}
    assert observed.foreign == ()
    assert set(observed.links[VM]) == {"lo", "eth0", "own0"}
    run(kernel, Delete(VM_VETH))
    assert set(look(kernel).links[VM]) == {"lo", "own0"}


def test_an_instance_that_leaves_takes_its_port_along(rig: Rig, kernel: Kernel) -> None:
    rig.netns(VM)
    make(kernel, [NET_NETNS, BRIDGE, VM_VETH])
    rig.remove_netns(VM)
    deadline = 200
    while there(kernel, [VM_VETH]) and deadline:  # a namespace ends in the kernel's own time
        deadline -= 1
    assert there(kernel, [VM_VETH, BRIDGE]) == [BRIDGE]
    assert VM not in look(kernel).netns


def test_what_is_foreign_in_our_namespace_is_reported_and_survives(rig: Rig, full: Kernel) -> None:
    rig.link(ROUTER, "own0")
    rig.address(ROUTER, QR, "192.0.2.7/24")
    rig.route(ROUTER, "198.18.0.0/15", QR)
    rig.rule(ROUTER, 99, 77)
    rig.table(ROUTER, "somebody")
    kinds = {(foreign.netns, foreign.kind) for foreign in look(full).foreign}
    wanted = {(ROUTER, kind) for kind in ("link", "address", "route", "rule", "nft_table")}
    assert kinds == wanted
    before = look(full)
    outcome = refused(full, Delete(NETNS))
    assert outcome.error is not None
    assert outcome.error.code == "foreign-in-namespace"
    assert look(full) == before
    run(full, Delete(TABLE), Delete(ROUTE))
    assert {(foreign.netns, foreign.kind) for foreign in look(full).foreign} == wanted


def test_a_namespace_of_our_name_without_our_mark_is_foreign(rig: Rig, kernel: Kernel) -> None:
    rig.netns(ROUTER)
    observed = look(kernel)
    assert [(foreign.netns, foreign.kind) for foreign in observed.foreign] == [(ROUTER, "netns")]
    assert observed.objects == {}
    assert observed.netns == {ROUTER: True}
    assert refused(kernel, Create(NETNS)).done == (False,)
    assert refused(kernel, Delete(NETNS)).done == (False,)
    assert look(kernel) == observed


def test_a_dead_namespace_file_is_seen_and_replaced(rig: Rig, kernel: Kernel) -> None:
    rig.dead_netns(ROUTER)
    assert look(kernel).netns == {ROUTER: False}
    make(kernel, [NETNS])
    assert look(kernel).netns == {ROUTER: True}
    run(kernel, Delete(NETNS))
    rig.dead_netns(ROUTER)
    run(kernel, Delete(NETNS))
    assert look(kernel).netns == {}


def test_a_provider_bridge_takes_outer_ends_and_stays(rig: Rig, kernel: Kernel) -> None:
    rig.bridge("br-ex")
    gateway = msgspec.structs.replace(VETH, netns="", name="tapg", master="br-ex", altname="tap-g-full")
    gateway = msgspec.structs.replace(gateway, peer_name="qg-g", peer_altname="qg-g-full")
    make(kernel, [NETNS, gateway])
    assert there(kernel, [gateway]) == [gateway]
    assert look(kernel).links[""]["br-ex"] == "bridge"
    run(kernel, Delete(NETNS))
    assert there(kernel, [gateway]) == []
    assert "br-ex" in look(kernel).links[""]


def test_nft_steps_that_follow_one_another_are_all_or_nothing(full: Kernel) -> None:
    before = look(full)
    more = msgspec.structs.replace(ELEMENT, item=("203.0.113.60",))
    lost = NftElement(netns=ROUTER, set="no_such_set", item=("203.0.113.60",), value=("10.0.0.5",))
    outcome = refused(full, Delete(MEMBER), Create(more), Create(lost), Create(ADDRESS))
    assert outcome.done == (False,) * 4
    assert outcome.failed in (0, 1, 2)
    assert look(full) == before


def test_an_element_moves_in_one_transaction(full: Kernel) -> None:
    other = msgspec.structs.replace(ELEMENT, value=("10.0.0.66",))
    run(full, Delete(ELEMENT), Create(other))
    assert there(full, [other]) == [other]


@pytest.mark.parametrize("at", range(0, len(ALL), 3))
def test_what_is_reported_done_is_what_is_there_after_a_failure(kernel: Kernel, at: int) -> None:
    impossible = msgspec.structs.replace(ADDRESS, netns=NET_NETNS.name, dev="no-such-link")
    steps = [Create(thing) for thing in ALL]
    steps.insert(max(at, len(BASE)), Create(impossible))
    outcome = refused(kernel, *steps)
    assert outcome.failed == steps.index(Create(impossible))
    observed = look(kernel).objects
    for step, done in zip(steps, outcome.done, strict=True):
        if not isinstance(step.object, Sysctl):
            assert (observed.get(step.object.key) == step.object) == done, step
    assert all(outcome.done[: outcome.failed])


def test_a_link_is_born_with_the_values_of_default(kernel: Kernel) -> None:
    path = "net/ipv4/conf/default/arp_ignore"
    make(kernel, [NETNS, NET_NETNS, BRIDGE, Sysctl(netns=ROUTER, path=path, value="1"), VETH])
    seen = kernel.observe(Look(sysctls={ROUTER: (f"net/ipv4/conf/{QR}/arp_ignore",)})).objects
    assert [one.value for one in seen.values() if isinstance(one, Sysctl)] == ["1"]


def test_forwarding_of_all_reaches_every_link(full: Kernel) -> None:
    paths = (f"net/ipv4/conf/{QR}/forwarding", f"net/ipv6/conf/{QR}/forwarding")
    run(full, Create(Sysctl(netns=ROUTER, path="net/ipv6/conf/all/forwarding", value="1")))
    seen = full.observe(Look(sysctls={ROUTER: paths})).objects
    assert [one.value for one in seen.values() if isinstance(one, Sysctl)] == ["1", "1"]


def test_a_parameter_that_is_not_there_is_not_observed_and_not_written(kernel: Kernel) -> None:
    make(kernel, [NETNS])
    assert not [one for one in look(kernel).objects.values() if one == LINK_SYSCTL]
    assert refused_with(kernel, LINK_SYSCTL) == ENOENT


def test_a_look_at_some_namespaces_leaves_out_the_others(full: Kernel) -> None:
    seen = full.observe(Look(only=frozenset({NET_NETNS.name})))
    assert {key for key, thing in seen.objects.items() if getattr(thing, "netns", "") == ROUTER} == set()
    assert BRIDGE.key in seen.objects
    assert set(seen.netns) == {ROUTER, NET_NETNS.name}


def test_a_multipath_route_is_observed_in_order(full: Kernel) -> None:
    routes = [thing for thing in look(full).objects.values() if isinstance(thing, Route)]
    assert MULTIPATH in routes


def test_a_forwarding_entry_is_gone_with_its_bridge_and_deleting_it_succeeds(full: Kernel) -> None:
    run(full, Update(old=VETH, new=msgspec.structs.replace(VETH, master="")))
    assert there(full, [FDB]) == []
    run(full, Delete(FDB))
