"""Everything of a view can be found again by its pseudonym, under every key that there was, and fast."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from bench.views import many_routers
from hypothesis import given, settings

from deuteron.agent.known_things import Known, things_in, things_in_state
from deuteron.agent.reveal import Revealed, reveal
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.logs.key import Key, Keys
from deuteron.logs.pseudonym import kind_of
from deuteron.logs.reference import Kind, Ref
from deuteron.objects import HOST, Bridge, Tap, Veth
from deuteron.state.directory import State
from deuteron.state.quarantine import Quarantined
from tests.strategies_views import views
from tests.support.calls import called, seconds

AT = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = Keys(keys=(Key(made=AT, secret=b"a" * 32), Key(made=AT, secret=b"b" * 32)))


@settings(max_examples=40, deadline=None)
@given(views)
def test_every_unit_namespace_and_device_of_a_view_is_found_again(view: HostView) -> None:
    wanted = compile_host(view)
    things = {Ref("unit", unit.name) for unit in wanted.units}
    objects = [thing for unit in wanted.units for thing in unit.objects]
    things |= {Ref("namespace", thing.key[1]) for thing in objects} - {Ref("namespace", HOST)}
    links = [thing for thing in objects if isinstance(thing, Bridge | Tap | Veth)]
    things |= {Ref("device", link.name) for link in links if not link.name.startswith("veth")}
    for key in KEYS.keys:
        tokens = [key.pseudonyms.ref(thing) for thing in things]
        assert [one.token for one in reveal(tokens, things_in(view), KEYS) if not one.value] == []
        for token in tokens:
            (found,) = reveal([token], things_in(view, {kind_of(token) or "host"}), KEYS)
            assert found.value, token


@settings(max_examples=40, deadline=None)
@given(views)
def test_every_id_name_address_and_mac_is_found_again(view: HostView) -> None:
    things = [Ref("port", port.id) for port in view.ports]
    groups = (view.routers, view.networks, view.subnets, view.ports)
    things += [Ref("name", one.name) for group in groups for one in group]
    things += [Ref("address", fixed.ip_address) for port in view.ports for fixed in port.fixed_ips]
    things += [Ref("address", one.floating_ip_address) for one in view.floating_ips]
    things += [Ref("floating-ip", one.id) for one in view.floating_ips]
    things += [Ref("mac", port.mac_address) for port in view.ports]
    things += [Ref("prefix", subnet.cidr) for subnet in view.subnets]
    tokens = [KEYS.current.pseudonyms.ref(thing) for thing in things if thing.value]
    assert [one.token for one in reveal(tokens, things_in(view), KEYS) if not one.value] == []


def test_a_failed_unit_comes_with_its_reason() -> None:
    failure = Quarantined(
        unit="router/r1",
        title="router blue",
        code="foreign-name",
        error="router blue: somebody else's device is in the way",
        since=AT,
        attempts=3,
        last=AT,
        next=AT,
        left=(),
    )
    for key in KEYS.keys:
        token = key.pseudonyms.of("unit", "router/r1")
        known = [Known(Ref("router", "r1"), "router blue (r1)")]
        (found,) = reveal([token], known, KEYS, [failure])
        assert (found.value, found.known_as, found.failures) == ("r1", ("router blue (r1)",), (failure,))
    (other,) = reveal([KEYS.current.pseudonyms.of("router", "r2")], known, KEYS, [failure])
    assert (other.value, other.known_as, other.failures) == ("", (), ())


def test_ten_thousand_objects_cost_one_reading_and_a_digest_each_and_key(tmp_path: Path) -> None:
    kinds: tuple[Kind, ...] = ("router", "address")
    small, large = many_routers(125), many_routers(1250)
    assert (
        sum(map(len, (large.networks, large.subnets, large.ports, large.routers, large.floating_ips)))
        >= 10_000
    )
    (fewer, quick), (made, spent) = (
        _called(view, tmp_path / view.routers[-1].id, kinds) for view in (small, large)
    )
    known = {one.thing.canonical for one in things_in(large, kinds)}
    assert made["hmac_digest"] == len(KEYS.keys) * sum(thing.kind in kinds for thing in known)
    assert made["State.record"] == 1, "what was committed is read once"
    assert made.total() < 11 * fewer.total(), "ten times the objects, ten times the work"
    assert spent < 30 * quick, "a list that is gone through for each would be a hundred times"
    print(
        f"{made.total()} calls of functions, {made['hmac_digest']} digests, {spent:.2f} s of processor time"
    )


def _called(view: HostView, path: Path, kinds: tuple[Kind, ...]) -> tuple[Counter[str], float]:
    """What is called where one router and one address of a view are looked up, and processor time."""
    with State(path) as state:
        state.commit(view, "/etc/deuteron/topology.yaml")
    name = KEYS.keys[0].pseudonyms
    last = view.ports[-1].fixed_ips[0].ip_address
    tokens = [name.of("router", view.routers[-1].id), name.of("address", last)]
    found: list[Revealed] = []

    def look() -> None:
        with State(path) as state:
            found.extend(reveal(tokens, things_in_state(state, kinds), KEYS, state.quarantine()))

    made = called(look)
    assert [one.value for one in found] == [view.routers[-1].id, last]
    return made, seconds(look, tries=2)
