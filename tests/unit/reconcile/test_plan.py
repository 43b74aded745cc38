"""What a plan does, in which order, and what it refuses to do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from deuteron.objects import (
    Address,
    Announce,
    Bridge,
    Create,
    Delete,
    FlushFlows,
    KernelObject,
    LinkUp,
    Neighbour,
    Netns,
    Nexthop,
    NftElement,
    NftSet,
    NftTable,
    Observed,
    Route,
    Run,
    Step,
    Sysctl,
    Unit,
    Update,
    Veth,
    Wanted,
)
from deuteron.reconcile import InvariantError, Plan, make_plan

R, N, F = "qrouter-1", "net-1", "fip-1"
FLOATING, FIXED = "203.0.113.50", "10.0.0.5"


def veth(name: str = "tap1", *, peer: str = "qr-1", peer_netns: str = R, **more: object) -> Veth:
    values: dict[str, object] = {
        "netns": N,
        "name": name,
        "mac": "fe:16:3e:00:00:01",
        "peer_netns": peer_netns,
        "peer_name": peer,
        "peer_mac": "fa:16:3e:00:00:01",
        "mtu": 1500,
        "master": "br-1",
        "owner": "router/1",
        "altname": f"tap-{name}",
        "peer_altname": f"qr-{name}",
    }
    return Veth(**{**values, **more})  # type: ignore[arg-type]  # the fields' own types


def address(text: str, dev: str = "qr-1") -> Address:
    return Address(netns=R, dev=dev, address=text)


def route(destination: str, via: str, dev: str = "qr-1") -> Route:
    return Route(netns=R, destination=destination, nexthops=(Nexthop(dev=dev, via=via),))


def up(dev: str = "qr-1") -> LinkUp:
    return LinkUp(netns=R, dev=dev)


def element(name: str = "floating_to_fixed", item: str = FLOATING, value: str = FIXED) -> NftElement:
    return NftElement(netns=R, set=name, item=(item,), value=(value,))


NETWORK = (
    Netns(name=N, owner="network/1"),
    Bridge(netns=N, name="br-1", mac="fa:16:3f:00:00:01", mtu=1500, owner="network/1", altname="br-net-1"),
)
HOME = Netns(name=R, owner="router/1")
TABLE = NftTable(netns=R)


def wanted(*objects: KernelObject, announce: Sequence[tuple[KernelObject, Announce]] = ()) -> Wanted:
    """The network, and a router with these objects."""
    return Wanted(
        units=(
            Unit(name="network/1", title="network one", objects=NETWORK),
            Unit(
                name="router/1",
                title="router r1",
                objects=objects,
                announce=tuple((obj.key, action) for obj, action in announce),
            ),
        )
    )


def observed(state: Wanted) -> Observed:
    units = [(unit.name, obj) for unit in state.units for obj in unit.objects]
    return Observed(
        objects={obj.key: obj for _, obj in units},
        owners={obj.key: name for name, obj in units},
    )


def steps(old: Wanted, new: Wanted) -> tuple[Step, ...]:
    plan = make_plan(new, observed(old))
    return tuple(step for unit in plan.units for step in unit.steps)


def change(old: Sequence[KernelObject], new: Sequence[KernelObject]) -> tuple[Step, ...]:
    """The steps of the router from one list of objects to another."""
    return steps(wanted(HOME, *old), wanted(HOME, *new))


def test_no_difference_is_no_plan() -> None:
    state = wanted(HOME, veth(), address("10.0.0.1/24"))
    assert make_plan(state, observed(state)) == Plan()


def test_a_new_address_comes_before_the_old_one_goes() -> None:
    old, new = address("10.0.0.1/24"), address("10.9.0.1/24")
    assert change([veth(), old], [veth(), new]) == (Create(new), Delete(old))


def test_a_route_follows_its_gateway_without_a_gap() -> None:
    old, new = address("10.0.0.1/24"), address("10.9.0.1/24")
    before, after = route("0.0.0.0/0", "10.0.0.254"), route("0.0.0.0/0", "10.9.0.254")
    found = change([veth(), up(), old, before], [veth(), up(), new, after])
    assert found == (Create(new), Update(before, after), Delete(old))


def test_the_second_address_of_a_subnet_is_made_again_since_the_first_takes_it_along() -> None:
    first, second = address("10.0.0.1/24"), address("10.0.0.2/24")
    via, rest = route("192.0.2.0/24", "10.0.0.9"), address("10.7.0.1/24")
    found = change([veth(), first, second, rest], [veth(), second, rest])
    assert found == (Delete(second), Delete(first), Create(second))
    # Without the third one the link would be without an address: its routes go too.
    found = change([veth(), up(), first, second, via], [veth(), up(), second, via])
    assert found == (Delete(via), Delete(second), Delete(first), Create(second), Create(via))


def test_an_ipv6_address_with_another_prefix_length_goes_first() -> None:
    old, new = address("2001:db8::1/64"), address("2001:db8::1/56")
    assert change([veth(), old], [veth(), new]) == (Delete(old), Create(new))


def test_a_link_that_goes_down_gets_back_what_it_loses() -> None:
    keeps = [address("2001:db8::1/64"), Neighbour(netns=R, dev="qr-1", address="10.0.0.9", mac="02::")]
    stays = address("10.0.0.1/24")
    found = change([veth(), up(), stays, *keeps], [veth(), stays, *keeps])
    assert found[0] == Delete(up())
    assert set(found[1:]) == {Delete(one) for one in keeps} | {Create(one) for one in keeps}


def test_another_mac_address_takes_permanent_neighbours_along() -> None:
    neighbour = Neighbour(netns=R, dev="qr-1", address="10.0.0.9", mac="02::")
    old, new = veth(), veth(peer_mac="fa:16:3e:00:00:99")
    assert change([old, neighbour], [new, neighbour]) == (
        Delete(neighbour),
        Update(old, new),
        Create(neighbour),
    )


def test_a_link_changes_in_place_where_it_can() -> None:
    old, new = veth(), veth(mtu=1400)
    assert change([old, up(), address("10.0.0.1/24")], [new, up(), address("10.0.0.1/24")]) == (
        Update(old, new),
    )


def test_a_link_with_another_end_is_replaced_and_what_it_held_made_anew() -> None:
    old, new = veth(), veth(peer="qr-9")
    inside = [
        Sysctl(netns=R, path="net/ipv4/conf/qr-1/x", value="1", dev="qr-1"),
        address("10.0.0.1/24"),
        up(),
    ]
    after = [address("10.0.0.1/24", "qr-9"), up("qr-9")]
    found = change([old, *inside], [new, *after])
    assert found == (Delete(old, tuple(inside)), Create(new), *map(Create, after))


def test_a_link_in_the_way_of_a_new_one_goes_first() -> None:
    old, new = veth("tap1"), veth("tap2")
    found = change([old, up()], [new, up()])
    assert found == (Delete(old, (up(),)), Create(new), Create(up()))


def test_a_namespace_goes_with_its_contents_and_its_wires_explicitly_before() -> None:
    gone = [TABLE, veth(), element(), address("10.0.0.1/24"), up()]
    plan = make_plan(Wanted(units=(wanted().units[0],)), observed(wanted(HOME, *gone)))
    (unit,) = plan.units
    assert unit.title == "router 1"
    assert unit.steps == (
        Delete(veth(), (address("10.0.0.1/24"), up())),
        Delete(HOME, (TABLE, element())),
    )
    assert plan.tally.destroy == 6


def test_unwanted_units_go_routers_before_networks() -> None:
    plan = make_plan(Wanted(units=()), observed(wanted(HOME, veth())))
    assert [unit.unit for unit in plan.units] == ["router/1", "network/1"]
    assert plan.units[1].needs == ("router/1",)


def test_a_changed_table_is_one_step_with_all_elements() -> None:
    table = NftTable(netns=R, sets=())
    new = NftTable(
        netns=R, sets=(NftSet(name="floating_to_fixed", type=("ipv4_addr",), data=("ipv4_addr",)),)
    )
    other = element(item="203.0.113.51", value="10.0.0.6")
    found = change([table, element()], [new, other])
    assert found[0] == Update(table, new, contents=(other,), old_contents=(element(),))
    assert all(isinstance(step, Run) for step in found[1:])


def test_flows_end_after_the_translation_has_changed() -> None:
    flush = [Run(FlushFlows(netns=R, address=one)) for one in (FIXED, FLOATING)]
    assert change([TABLE, element()], [TABLE]) == (Delete(element()), *flush)
    assert change([TABLE], [TABLE, element()]) == (Create(element()), *flush)
    moved = element(value="10.0.0.6")
    assert change([TABLE, element()], [TABLE, moved]) == (
        Update(element(), moved),
        flush[0],
        Run(FlushFlows(netns=R, address="10.0.0.6")),
        flush[1],
    )


def test_a_namespace_that_is_made_has_no_flows_to_end() -> None:
    state = wanted(HOME, TABLE, element())
    assert not [step for step in steps(Wanted(units=(state.units[0],)), state) if isinstance(step, Run)]


def test_an_announcement_follows_what_it_announces() -> None:
    made, say = address("203.0.113.50/32"), Announce(netns=R, dev="qr-1", address="203.0.113.50")
    state = wanted(HOME, veth(), made, announce=[(made, say)])
    assert steps(wanted(HOME, veth()), state) == (Create(made), Run(say))
    assert steps(state, state) == ()


def test_element_changes_of_a_table_follow_one_another() -> None:
    new, far = element(item="203.0.113.51", value="10.0.0.6"), address("10.9.0.1/24")
    found = change([TABLE, veth(), element()], [TABLE, veth(), new, far])
    assert found[:3] == (Create(new), Delete(element()), Create(far))


def test_sysctls_that_nobody_wants_are_left_alone() -> None:
    assert change([Sysctl(netns=R, path="net/ipv4/ip_forward", value="1")], []) == ()


def test_a_namespace_in_use_cannot_be_deleted() -> None:
    fip = Netns(name=F, owner="fip/1")
    leg = veth("fpr-1", peer="rfp-1", netns=F, master="")
    before = Wanted(units=(*wanted(HOME, leg).units, Unit(name="fip/1", title="fip", objects=(fip,))))
    with pytest.raises(InvariantError, match=r"fip-1 would be deleted while router r1") as refused:
        make_plan(wanted(HOME, leg), observed(before))
    assert refused.value.code == "namespace-in-use"


def test_a_floating_ip_that_moves_to_a_later_router_is_made_there() -> None:
    """Its route vanishes with the first router's leg, so the second cannot change it in place."""
    fip = Unit(name="fip/1", title="fip", objects=(Netns(name=F, owner="fip/1"),))

    def router(number: int, *, has_it: bool, leg: bool = True) -> Unit:
        name = f"fpr-{number}"
        wire = veth(
            name, peer=f"rfp-{number}", peer_netns=f"qrouter-{number}", netns=F, owner=f"router/{number}"
        )
        way = Route(netns=F, destination="203.0.113.50/32", nexthops=(Nexthop(dev=name, via="169.254.64.0"),))
        home = Netns(name=f"qrouter-{number}", owner=f"router/{number}")
        objects = (home, *([wire, LinkUp(netns=F, dev=name)] if leg else []), *([way] if has_it else []))
        return Unit(name=f"router/{number}", title=f"r{number}", objects=objects)

    first = Wanted(units=(fip, router(1, has_it=True), router(2, has_it=False)))
    then = Wanted(units=(fip, router(1, has_it=False, leg=False), router(2, has_it=True)))
    one, two = make_plan(then, observed(first)).units
    (gone,) = one.steps
    assert isinstance(gone, Delete)
    assert [obj.key[0] for obj in gone.contents] == ["up", "route"]
    assert [type(step) for step in two.steps] == [Create]
    back = make_plan(first, observed(then)).units
    assert [type(step) for step in back[0].steps] == [Create, Create, Update]
    assert len(back) == 1
