"""The diagnosis, from values alone: what is remembered, what was seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from deuteron.agent.diagnose import (
    NO_ORIGIN,
    Finding,
    Memory,
    Seen,
    age_in_words,
    diagnose,
    half_made_links,
    is_healthy,
    tally,
)
from deuteron.apply.look import look_for
from deuteron.kernel.fake import FakeKernel
from deuteron.kernel.fake.state import Link
from deuteron.objects import (
    HOST,
    Address,
    Bridge,
    Create,
    Delete,
    KernelObject,
    Netns,
    NftElement,
    NftTable,
    Sysctl,
    Update,
    Veth,
    Wanted,
)
from deuteron.state.history import Record
from deuteron.state.journal import Intent, Target
from deuteron.state.quarantine import Quarantined
from tests.unit.apply.hosts import drop_floating_ip, host_with, move_floating_ip, wanted_of
from tests.unit.compile.world import World, distributed, ident

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
ROUTER = f"qrouter-{ident('r1')}"
UNIT = f"router/{ident('r1')}"
FILE = "/etc/deuteron/topology.yaml"


@pytest.fixture
def wanted() -> Wanted:
    return wanted_of(distributed())


@pytest.fixture
def kernel(wanted: Wanted) -> FakeKernel:
    return host_with(wanted)


def seen(kernel: FakeKernel, wanted: Wanted) -> Seen:
    observed = kernel.observe(look_for(wanted))
    return Seen(observed=observed, now=NOW, born={ROUTER: NOW - timedelta(hours=5)})


def findings(kernel: FakeKernel, wanted: Wanted, **memory: object) -> tuple[Finding, ...]:
    return diagnose(replace(Memory(wanted=wanted), **memory), seen(kernel, wanted))


def one(kernel: FakeKernel, wanted: Wanted, **memory: object) -> Finding:
    (finding,) = findings(kernel, wanted, **memory)
    return finding


def first(kernel: FakeKernel, wanted: Wanted, kind: type[KernelObject], netns: str = ROUTER) -> KernelObject:
    objects = kernel.observe(look_for(wanted)).objects
    return next(
        thing for key, thing in sorted(objects.items()) if isinstance(thing, kind) and key[1] == netns
    )


def run(kernel: FakeKernel, *steps: Create | Delete | Update) -> None:
    assert kernel.run(steps).failed is None


def made(unit: str) -> dict[str, Record]:
    at = datetime(2026, 11, 22, 17, 4, tzinfo=UTC)
    return {unit: Record(made_at=at, changed_at=at, source=FILE, verb="apply")}


def test_a_host_as_wanted_has_nothing(kernel: FakeKernel, wanted: Wanted) -> None:
    assert findings(kernel, wanted) == ()
    assert is_healthy(())


def test_what_is_gone_is_missing_with_its_owner_age_and_origin(kernel: FakeKernel, wanted: Wanted) -> None:
    address = first(kernel, wanted, Address)
    assert isinstance(address, Address)
    run(kernel, Delete(address))
    finding = next(each for each in findings(kernel, wanted, history=made(UNIT)) if "address" in each.what)
    assert (finding.kind, finding.unit, finding.netns) == ("missing", UNIT, ROUTER)
    assert finding.what == f"address {address.address} on {address.dev} in {ROUTER}"
    assert finding.age == 5 * 3600
    assert finding.origin == f"made by apply of {FILE}, 2026-11-22 17:04 UTC"


def test_who_made_it_is_unknown_where_no_history_tells(kernel: FakeKernel, wanted: Wanted) -> None:
    run(kernel, Delete(first(kernel, wanted, NftElement)))
    assert one(kernel, wanted).origin == NO_ORIGIN


def test_a_namespace_that_is_gone_is_one_finding_for_all_in_it(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.remove_netns(ROUTER)
    found = findings(kernel, wanted)
    namespace = next(each for each in found if each.what.startswith("namespace"))
    assert (namespace.kind, namespace.unit) == ("missing", UNIT)
    assert f"namespace {ROUTER}, with " in namespace.what
    # The leg's and the ports' outer ends are elsewhere, and were lost with it.
    assert len(found) < 12


def test_a_changed_parameter_is_told_with_both_values(kernel: FakeKernel, wanted: Wanted) -> None:
    sysctl = first(kernel, wanted, Sysctl)
    assert isinstance(sysctl, Sysctl)
    other = "1" if sysctl.value == "0" else "0"
    kernel.write_sysctl(ROUTER, sysctl.path, other)
    finding = one(kernel, wanted)
    assert finding.kind == "changed"
    assert finding.what == f"kernel parameter {sysctl.path} in {ROUTER} is {other}, not {sysctl.value}"


def test_a_changed_link_is_told_by_field(kernel: FakeKernel, wanted: Wanted) -> None:
    netns = f"net-{ident('web')}"
    bridge = first(kernel, wanted, Bridge, netns)
    assert isinstance(bridge, Bridge)
    run(kernel, Update(bridge, replace(bridge, mtu=1400)))
    finding = one(kernel, wanted)
    assert (finding.kind, finding.unit) == ("changed", f"network/{ident('web')}")
    assert finding.what == f"bridge {bridge.name} in {netns}: MTU is 1400, not 1500"


def test_a_changed_filter_is_told_by_chain(kernel: FakeKernel, wanted: Wanted) -> None:
    table = first(kernel, wanted, NftTable)
    assert isinstance(table, NftTable)
    chains = tuple(replace(each, rules=()) if each.name == "forward" else each for each in table.chains)
    elements = tuple(
        thing
        for key, thing in sorted(kernel.observe(look_for(wanted)).objects.items())
        if isinstance(thing, NftElement) and key[1] == ROUTER
    )
    run(kernel, Update(table, replace(table, chains=chains), elements, elements))
    finding = one(kernel, wanted)
    assert finding.kind == "changed"
    assert finding.what.endswith(f"in {ROUTER}: chain forward differs")


def test_a_changed_translation_names_both(kernel: FakeKernel, wanted: Wanted) -> None:
    other = distributed()
    move_floating_ip(other)
    found = diagnose(Memory(wanted=wanted_of(other)), seen(kernel, wanted))
    (changed,) = (each for each in found if each.kind == "changed")
    assert "translation of destination 203.0.113.50 to 10.0.0.5" in changed.what
    assert "and not translation of destination 203.0.113.50 to 10.0.0.7" in changed.what


def test_what_is_ours_and_no_longer_wanted_is_a_leak(kernel: FakeKernel, wanted: Wanted) -> None:
    less = distributed()
    drop_floating_ip(less)
    found = diagnose(Memory(wanted=wanted_of(less), history=made(UNIT)), seen(kernel, wanted))
    assert {each.kind for each in found} == {"leaked"}
    assert {each.unit for each in found} == {UNIT}
    assert any("203.0.113.50" in each.what for each in found)
    assert all(FILE in each.origin for each in found)


def test_a_whole_unit_that_leaked_is_one_finding_a_namespace(kernel: FakeKernel, wanted: Wanted) -> None:
    found = diagnose(Memory(wanted=Wanted(units=())), seen(kernel, wanted))
    namespaces = [each for each in found if each.what.startswith("namespace ")]
    assert len(namespaces) == len({each.netns for each in namespaces}) == 4
    assert all(" in it" in each.what for each in namespaces)
    assert tally(found) == {"leaked": len(found)}
    assert len(found) < 12


def test_where_nothing_was_ever_committed_ours_is_unclaimed_and_not_a_leak(
    kernel: FakeKernel, wanted: Wanted
) -> None:
    found = diagnose(Memory(), seen(kernel, wanted))
    assert {each.kind for each in found} == {"unclaimed"}
    assert {each.unit for each in found} == {unit.name for unit in wanted.units}
    assert all("--adopt" in each.mend and "destroy" in each.mend for each in found)


def test_what_is_not_ours_is_told_and_is_no_illness(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.add_foreign_link(ROUTER, "theirs")
    kernel.add_foreign_address(ROUTER, "theirs", "192.0.2.9/24")
    kernel.add_foreign_route(ROUTER, "198.51.100.0/24", "theirs")
    kernel.add_foreign_rule(ROUTER, 77, 78)
    kernel.add_foreign_table(ROUTER, "inet theirs")
    kernel.add_foreign_netns("qrouter-theirs")
    found = findings(kernel, wanted)
    assert {each.kind for each in found} == {"foreign"}
    assert is_healthy(found)
    told = " | ".join(each.what for each in found)
    for word in ("link tap theirs", "address ", "route 198.51.100.0/24", "rule 77", "nft table inet theirs"):
        assert word in told
    assert "namespace qrouter-theirs has a name of ours, and no mark of ours" in told
    assert {each.mend for each in found} == {"it is left alone"}


def test_a_file_without_a_namespace_is_half_made(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.add_dead_netns("qrouter-dead")
    finding = one(kernel, wanted)
    assert (finding.kind, finding.netns, finding.unit) == ("half-made", "qrouter-dead", "")
    assert finding.origin == NO_ORIGIN
    assert not is_healthy((finding,))


def test_a_dead_file_with_another_name_is_nobodys_business(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.add_dead_netns("vm-of-somebody")
    assert findings(kernel, wanted) == ()


def test_a_dead_file_of_a_wanted_namespace_has_its_unit(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.remove_netns(ROUTER)
    kernel.add_dead_netns(ROUTER)
    (dead,) = (each for each in findings(kernel, wanted) if each.kind == "half-made")
    assert dead.unit == UNIT


def veth(wanted: Wanted) -> Veth:
    things = (thing for unit in wanted.units if unit.name == UNIT for thing in unit.objects)
    return next(thing for thing in things if isinstance(thing, Veth) and thing.netns == f"net-{ident('web')}")


def half_made(kernel: FakeKernel, pair: Veth, mac: str) -> None:
    """The outer end as a kill between the making and the marking leaves it."""
    link = Link(name=pair.name, kind="veth", mac=mac)
    kernel.remove_link(pair.netns, pair.name)
    kernel.state.namespaces[pair.netns].links[pair.name] = link


def interrupted(wanted: Wanted) -> dict[str, object]:
    intent = Intent(unit=UNIT, title="router r1", steps=(Create(veth(wanted)),))
    return {"pending": target(), "intents": (intent,)}


def target() -> Target:
    at = datetime(2026, 11, 23, 4, 50, tzinfo=UTC)
    return Target(verb="apply", view=None, source=FILE, at=at)


def test_an_unmarked_link_that_the_journal_names_is_half_made(kernel: FakeKernel, wanted: Wanted) -> None:
    pair = veth(wanted)
    half_made(kernel, pair, pair.mac)
    found = findings(kernel, wanted, **interrupted(wanted))
    (half,) = (each for each in found if each.kind == "half-made")
    assert (half.unit, half.netns) == (UNIT, pair.netns)
    assert f"link {pair.name} " in half.what
    assert half.origin == f"interrupted apply of {FILE}, 2026-11-23 04:50 UTC"
    assert not any(each.kind == "foreign" for each in found)


def test_a_link_of_that_name_with_another_mac_address_is_foreign(kernel: FakeKernel, wanted: Wanted) -> None:
    pair = veth(wanted)
    half_made(kernel, pair, "02:00:00:00:00:99")
    found = findings(kernel, wanted, **interrupted(wanted))
    assert not any(each.kind == "half-made" for each in found)
    assert any(each.kind == "foreign" and pair.name in each.what for each in found)


def test_on_the_host_too(wanted: Wanted) -> None:
    pair = Veth(
        netns=HOST,
        name="tap1",
        mac="fe:16:3e:00:00:01",
        peer_netns=ROUTER,
        peer_name="qg-1",
        peer_mac="fa:16:3e:00:00:01",
        mtu=1500,
        master="br-ex",
        owner=UNIT,
        altname="tap-1",
        peer_altname="qg-1",
    )
    kernel = host_with(wanted)
    kernel.state.namespaces[HOST].links["tap1"] = Link(name="tap1", kind="veth", mac=pair.mac)
    intent = Intent(unit=UNIT, title="router r1", steps=(Create(pair),))
    assert half_made_links((intent,), seen(kernel, wanted).observed) == {(HOST, "tap1"): UNIT}


def test_an_interrupted_change_is_told_first(kernel: FakeKernel, wanted: Wanted) -> None:
    finding = findings(kernel, wanted, **interrupted(wanted))[0]
    assert (finding.kind, finding.age) == ("interrupted", 600)
    assert finding.what.startswith(f"apply of {FILE} was begun and not finished (1 unit in")
    assert "deuteron recover" in finding.mend


def test_a_quarantined_unit_is_told_with_code_and_next_try(kernel: FakeKernel, wanted: Wanted) -> None:
    unit = Quarantined(
        unit=UNIT,
        title="router r1",
        code="kernel-refused",
        error="router r1: step 3 failed",
        left=("address 10.0.0.1",),
        since=NOW,
        attempts=3,
        last=NOW,
        next=NOW + timedelta(minutes=4),
    )
    finding = one(kernel, wanted, quarantine=(unit,))
    assert (finding.kind, finding.code, finding.unit) == ("quarantined", "kernel-refused", UNIT)
    assert finding.what == "router r1: step 3 failed; left: address 10.0.0.1"
    assert finding.origin == "failed 3 times since 2026-11-23 05:00 UTC"
    assert "2026-11-23 05:04 UTC" in finding.mend
    assert not is_healthy((finding,))


@pytest.mark.parametrize("code", ["state-corrupt", "host-taken"])
def test_trouble_with_the_state_comes_with_the_way_out(code: str, kernel: FakeKernel, wanted: Wanted) -> None:
    found = diagnose(Memory(trouble=((code, "it is damaged"),)), seen(kernel, wanted))
    assert (found[0].kind, found[0].code, found[0].what) == ("state", code, "it is damaged")
    assert "--adopt" in found[0].mend


def test_a_clock_that_went_back_makes_nothing_younger_than_now(kernel: FakeKernel, wanted: Wanted) -> None:
    run(kernel, Delete(first(kernel, wanted, NftElement)))
    future = replace(seen(kernel, wanted), born={ROUTER: NOW + timedelta(days=1)})
    assert diagnose(Memory(wanted=wanted), future)[0].age == 0


def test_a_line_break_in_a_name_forges_no_line(kernel: FakeKernel, wanted: Wanted) -> None:
    kernel.add_foreign_link(ROUTER, "x\ny")
    assert all("\n" not in each.what for each in findings(kernel, wanted))


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (90, "2 min"), (7200, "2 h"), (3 * 86400, "3 d")]
)
def test_ages(seconds: float, words: str) -> None:
    assert age_in_words(seconds) == words


def test_the_namespace_of_a_dead_file_is_removed_by_the_kernel() -> None:
    kernel = FakeKernel()
    kernel.add_dead_netns("qrouter-dead")
    run(kernel, Delete(Netns(name="qrouter-dead", owner="")))
    assert "qrouter-dead" not in kernel.state.namespaces


def test_an_empty_world_on_an_empty_host() -> None:
    assert findings(FakeKernel(), wanted_of(World())) == ()
