"""What links say for themselves follows from what their namespaces say, and is put back link by link."""

from __future__ import annotations

from errno import EPERM

import msgspec
import pytest

from deuteron.apply.engine import apply_plan, prepare, verify
from deuteron.apply.isolate import frozen
from deuteron.apply.look import look_for
from deuteron.apply.read_back import read_back
from deuteron.compile import compile_host
from deuteron.domain.policy import Override
from deuteron.kernel.fake import FakeKernel
from deuteron.objects import (
    Create,
    KernelObject,
    Netns,
    OwnValue,
    RefusedUnit,
    Sysctl,
    Unit,
    Update,
    Veth,
    Wanted,
    own_values,
)
from deuteron.reconcile import Plan, make_plan
from deuteron.reconcile.delta import ends
from tests.unit.apply.hosts import fake_host, wanted_of
from tests.unit.compile.world import distributed

R = "qrouter-r1"


def values_of(*pairs: tuple[str, str]) -> tuple[OwnValue, ...]:
    return own_values(Sysctl(netns=R, path=path, value=value) for path, value in pairs)


def test_a_link_starts_with_default_and_should_stay_so() -> None:
    found = values_of(
        ("net/ipv4/conf/all/proxy_arp", "0"),
        ("net/ipv4/conf/default/proxy_arp", "0"),
        ("net/ipv6/conf/default/accept_ra", "0"),
    )
    assert found == (OwnValue("ipv4", "proxy_arp", "0"), OwnValue("ipv6", "accept_ra", "0"))


def test_of_all_only_what_a_link_can_outbid_follows() -> None:
    found = values_of(
        ("net/ipv4/conf/all/arp_ignore", "1"),
        ("net/ipv4/conf/all/accept_source_route", "0"),
        ("net/ipv4/conf/all/bc_forwarding", "0"),
        ("net/ipv6/conf/all/forwarding", "1"),
        ("net/netfilter/nf_conntrack_tcp_be_liberal", "1"),
        ("net/ipv4/neigh/default/proxy_delay", "0"),
    )
    assert found == (OwnValue("ipv4", "arp_ignore", "1", less=True),)


@pytest.mark.parametrize("turned", [False, True])
def test_ip_forward_is_every_links_forwarding_unless_default_says_otherwise(turned: bool) -> None:
    pairs = [("net/ipv4/conf/default/forwarding", "0"), ("net/ipv4/ip_forward", "1")]
    assert values_of(pairs[1]) == (OwnValue("ipv4", "forwarding", "1"),)
    assert values_of(*(reversed(pairs) if turned else pairs)) == (OwnValue("ipv4", "forwarding", "0"),)


def applied(wanted: Wanted) -> FakeKernel:
    kernel = fake_host()
    assert apply_plan(kernel, prepare(kernel, wanted)).ok
    assert verify(kernel, wanted).none
    return kernel


def inner_link(wanted: Wanted, prefix: str) -> tuple[str, str, str]:
    """The unit, the namespace and the name of one end of a pair."""
    return next(
        (unit.name, netns, name)
        for unit in wanted.units
        for one in unit.objects
        if isinstance(one, Veth)
        for netns, name in ends(one)
        if name.startswith(prefix)
    )


def loosen(kernel: FakeKernel, netns: str, dev: str, name: str = "proxy_arp") -> Sysctl:
    loose = Sysctl(netns=netns, path=f"net/ipv4/conf/{dev}/{name}", value="1", dev=dev)
    assert kernel.run([Create(loose)]).failed is None
    return loose


def test_a_loosened_link_is_a_change_of_its_own_unit_alone() -> None:
    wanted = wanted_of(distributed())
    kernel = applied(wanted)
    unit, netns, dev = inner_link(wanted, "qr-")
    loose = loosen(kernel, netns, dev)
    (planned,) = verify(kernel, wanted).plan.units
    assert planned.unit == unit
    assert planned.steps == (Update(loose, msgspec.structs.replace(loose, value="0")),)
    assert apply_plan(kernel, prepare(kernel, wanted)).ok
    assert verify(kernel, wanted).none


def test_a_link_that_goes_is_not_tightened_first() -> None:
    wanted = wanted_of(distributed())
    kernel = applied(wanted)
    unit, netns, dev = inner_link(wanted, "qr-")
    loosen(kernel, netns, dev)
    units = [
        msgspec.structs.replace(
            one, objects=tuple(thing for thing in one.objects if dev not in str(msgspec.to_builtins(thing)))
        )
        if one.name == unit
        else one
        for one in wanted.units
    ]
    plan = make_plan(Wanted(units=tuple(units)), kernel.observe(look_for(wanted)))
    assert not [
        s for one in plan.units for s in one.steps if isinstance(s, Update) and isinstance(s.new, Sysctl)
    ]
    kernel = applied(wanted)
    loosen(kernel, netns, dev)
    assert apply_plan(kernel, prepare(kernel, Wanted(units=()), wanted)).ok
    assert not [name for name in kernel.observe(look_for(wanted)).objects if name[0] == "netns"]


def test_a_link_made_anew_says_what_it_should() -> None:
    wanted = wanted_of(distributed())
    kernel = applied(wanted)
    _unit, netns, dev = inner_link(wanted, "qr-")
    loosen(kernel, netns, dev)
    other = msgspec.structs.replace(
        wanted,
        units=tuple(
            msgspec.structs.replace(
                one,
                objects=tuple(
                    msgspec.structs.replace(t, name="tapother")
                    if isinstance(t, Veth) and t.peer_name == dev
                    else t
                    for t in one.objects
                    if not (t.key[0] == "up" and t.key[2].startswith("tap"))
                ),
            )
            for one in wanted.units
        ),
    )
    assert apply_plan(kernel, prepare(kernel, other)).ok
    assert verify(kernel, other).none


def test_a_unit_that_is_left_as_it_is_keeps_what_its_links_say() -> None:
    wanted = wanted_of(distributed())
    kernel = applied(wanted)
    unit, netns, dev = inner_link(wanted, "qr-")
    loosen(kernel, netns, dev)
    observed = kernel.observe(look_for(wanted))
    held = {unit: RefusedUnit(unit=unit, title="r1", code="kernel-refused", error="held")}
    assert make_plan(frozen(wanted, observed, held), observed).units == ()


def test_an_operators_value_reaches_the_links_that_are_there() -> None:
    view = distributed().view()
    kernel = applied(compile_host(view))
    name = "net/ipv4/conf/{conf}/rp_filter"
    override = Override(what="sysctl", name=name, kinds=("router",), value="2", reason="")
    wanted = compile_host(msgspec.structs.replace(view, overrides=(override,)))
    changed = prepare(kernel, wanted)
    _unit, _netns, dev = inner_link(wanted, "qr-")
    paths = {
        s.new.path
        for u in changed.plan.units
        for s in u.steps
        if isinstance(s, Update) and isinstance(s.new, Sysctl)
    }
    assert f"net/ipv4/conf/{dev}/rp_filter" in paths
    assert apply_plan(kernel, changed).ok
    assert verify(kernel, wanted).none


def test_only_namespaces_of_ours_are_judged() -> None:
    wanted = wanted_of(distributed())
    ours = {thing.name for unit in wanted.units for thing in unit.objects if isinstance(thing, Netns)}
    assert set(look_for(wanted).own) == ours


def parameters_made(plan: Plan, dev: str) -> set[tuple[str, str]]:
    """What a plan writes to a link of its own, the paths with the values."""
    steps = (step for unit in plan.units for step in unit.steps)
    things = [step.object for step in steps if isinstance(step, Create)]
    return {(one.path, one.value) for one in things if isinstance(one, Sysctl) and one.dev == dev}


@pytest.mark.parametrize(("mtu", "family6"), [(1500, True), (1279, False)])
def test_a_link_that_is_made_where_default_has_been_loosened_does_not_start_with_that(
    mtu: int, family6: bool
) -> None:
    wanted = wanted_of(distributed())
    kernel = applied(wanted)
    _unit, netns, dev = inner_link(wanted, "qr-")
    small = Wanted(units=tuple(with_mtu(unit, dev, mtu) for unit in wanted.units))
    kernel.remove_link(netns, dev)
    for family, name in (("ipv4", "proxy_arp"), ("ipv6", "accept_redirects")):
        kernel.write_sysctl(netns, f"net/{family}/conf/default/{name}", "1")
    expected = {(f"net/ipv4/conf/{dev}/proxy_arp", "0")}
    if family6:
        expected.add((f"net/ipv6/conf/{dev}/accept_redirects", "0"))
    assert parameters_made(prepare(kernel, small).plan, dev) == expected


def with_mtu(unit: Unit, dev: str, mtu: int) -> Unit:
    return msgspec.structs.replace(
        unit,
        objects=tuple(
            msgspec.structs.replace(one, mtu=mtu) if isinstance(one, Veth) and one.peer_name == dev else one
            for one in unit.objects
        ),
    )


def test_such_a_link_is_right_although_its_namespace_cannot_be_put_right() -> None:
    """The namespace's unit fails before the router's makes its link there."""
    wanted = wanted_of(distributed())
    kernel = applied(wanted)
    router, netns, dev = inner_link(wanted, "fpr-")
    kernel.remove_link(netns, dev)
    kernel.write_sysctl(netns, "net/ipv4/conf/default/proxy_arp", "1")
    prepared = prepare(kernel, wanted)
    kernel.fail("update sysctl", EPERM)
    result = apply_plan(kernel, prepared)
    assert {one.unit for one in result.failed} == {unit.unit for unit in prepared.plan.units} - {router}
    assert read_back(kernel, wanted, prepared.plan, result) == ()
    odd = [thing for thing in kernel.observe(look_for(wanted)).objects.values() if is_own(thing, dev)]
    assert odd == []


def is_own(thing: KernelObject, dev: str) -> bool:
    return isinstance(thing, Sysctl) and thing.dev == dev and thing.path.endswith("/proxy_arp")


def test_links_that_are_made_in_a_namespace_as_it_should_be_are_not_written_to() -> None:
    wanted = wanted_of(distributed())
    _unit, _netns, dev = inner_link(wanted, "qr-")
    given = {
        (one.path, one.value)
        for unit in wanted.units
        for one in unit.objects
        if isinstance(one, Sysctl) and one.dev == dev
    }
    assert parameters_made(prepare(fake_host(), wanted).plan, dev) == given
