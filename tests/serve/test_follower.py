"""A host that follows its view: on a fake kernel, against a look at everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from deuteron.agent.change import change
from deuteron.agent.serve import Follower
from deuteron.apply.engine import verify
from deuteron.compile import compile_host
from deuteron.domain import Binding, HostView, Network
from deuteron.errors import InputError
from deuteron.feed.part import Part, difference
from deuteron.kernel.fake import FakeKernel
from deuteron.kernel.protocol import Outcome
from deuteron.objects import Delete, Look, Observed, Step
from deuteron.state.directory import State
from tests.strategies_views import views
from tests.unit.apply.hosts import (
    add_floating_ip,
    drop_floating_ip,
    instance_moves,
    move_floating_ip,
)
from tests.unit.compile.world import World, distributed

_BRIDGES: Final = ("br-ex", "br-ext0", "br-ext1")


class Counting(FakeKernel):
    """Remembers what was looked at, and which steps were run."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[frozenset[str] | None] = []
        self.steps: list[Step] = []

    def observe(self, look: Look) -> Observed:
        self.looks.append(look.only)
        return super().observe(look)

    def run(self, steps: Sequence[Step]) -> Outcome:
        self.steps += steps
        return super().run(steps)


def made() -> Counting:
    kernel = Counting()
    for bridge in _BRIDGES:
        kernel.add_host_bridge(bridge)
    for net in range(3):
        for instance in range(4):
            kernel.add_instance_netns(f"net{net}-vm{instance}")
    for name in ("vm5", "vm6", "vm7", "vm8"):
        kernel.add_instance_netns(name)
    return kernel


def follower(kernel: FakeKernel, state: State) -> Follower:
    return Follower(kernel, state, partial(change, (kernel,), state), _BRIDGES)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(tmp_path / "state") as opened:
        yield opened


@settings(
    max_examples=25,
    deadline=None,
    print_blob=True,
    # No shrinking: whole histories take minutes to get smaller, and the blob brings the found one back.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(views, min_size=2, max_size=4))
def test_the_host_is_what_the_whole_view_wants(
    tmp_path_factory: pytest.TempPathFactory, history: list[HostView]
) -> None:
    kernel = made()
    with State(tmp_path_factory.mktemp("state") / "state") as state:
        host = follower(kernel, state)
        host.begin(1, history[0])
        for revision, (before, after) in enumerate(pairwise(history), 2):
            report = host.follow(revision, difference(before, after))
            assert not [one for one in report.items if one.state == "failed"]
            assert verify(kernel, compile_host(after)).none
        host.rest()
        assert state.committed() == host.model.view


@pytest.mark.parametrize("alter", [add_floating_ip, drop_floating_ip, move_floating_ip, instance_moves])
def test_a_change_looks_at_its_own_namespaces_alone(state: State, alter: Callable[[World], None]) -> None:
    kernel = made()
    world = distributed()
    world.network("other", "10.9.0.0/24")
    world.port("other-vm", "other", "10.9.0.9", binding=Binding(tap="tap-other"))
    host = follower(kernel, state)
    before = world.view()
    host.begin(1, before)
    alter(world)
    kernel.looks.clear()
    report = host.follow(2, difference(before, world.view()))
    assert {one.state for one in report.items} == {"done"}
    for only in kernel.looks:
        assert only is not None
        assert not any(netns.startswith("net-") and netns not in _wires(world) for netns in only)


@pytest.mark.parametrize("alter", [drop_floating_ip, move_floating_ip])
def test_a_floating_ip_is_made_without_a_look_and_left_to_the_watch_to_confirm(
    state: State, alter: Callable[[World], None]
) -> None:
    kernel, world = made(), distributed()
    host = follower(kernel, state)
    before = world.view()
    host.begin(1, before)
    alter(world)
    kernel.looks.clear()
    report = host.follow(2, difference(before, world.view()))
    assert kernel.looks == []
    assert {netns.partition("-")[0] for netns in report.unconfirmed} >= {"fip", "qrouter"}
    assert verify(kernel, compile_host(world.view())).none


def test_where_memory_is_wrong_the_change_is_made_by_a_look(state: State) -> None:
    kernel, world = made(), distributed()
    host = follower(kernel, state)
    before = world.view()
    wanted = compile_host(before)
    host.begin(1, before)
    drop_floating_ip(world)
    lost = {thing.key for unit in compile_host(world.view()).units for thing in unit.objects}
    gone = [thing for unit in wanted.units for thing in unit.objects if thing.key not in lost]
    assert kernel.run([Delete(thing) for thing in gone]).error is None
    kernel.looks.clear()
    report = host.follow(2, difference(before, world.view()))
    assert {one.state for one in report.items} == {"done"}
    assert verify(kernel, compile_host(world.view())).none
    assert not state.quarantine()


def _wires(world: World) -> set[str]:
    return {f"net-{world.networks['web'].id}"}


def test_what_somebody_else_broke_nearby_is_left_to_the_watch(state: State) -> None:
    kernel, world = made(), distributed()
    host = follower(kernel, state)
    before = world.view()
    host.begin(1, before)
    kernel.fail("Create", 1, times=1)
    add_floating_ip(world)
    report = host.follow(2, difference(before, world.view()))
    assert "failed" in {one.state for one in report.items}
    after = host.follow(3, Part())
    assert after.items == ()


def test_a_bridge_that_nobody_mapped_is_refused(state: State) -> None:
    kernel, world = made(), distributed()
    host = follower(kernel, state)
    host.begin(1, world.view())
    network = Network(id="evil", name="evil", bridge="docker0")
    kernel.steps.clear()
    with pytest.raises(InputError) as caught:
        host.follow(2, Part(networks=(network,)))
    assert caught.value.code == "feed-foreign-bridge"
    assert not kernel.steps


def test_a_part_that_does_not_fit_is_refused_and_the_next_one_is_made(state: State) -> None:
    kernel, world = made(), distributed()
    host = follower(kernel, state)
    before = world.view()
    host.begin(1, before)
    lost = replace(before.ports[0], network_id="00000000-0000-4000-8000-00000000dead")
    with pytest.raises(InputError) as caught:
        host.follow(2, Part(ports=(lost,)))
    assert caught.value.code == "feed-bad-view"
    add_floating_ip(world)
    host.follow(3, difference(before, world.view()))
    assert verify(kernel, compile_host(world.view())).none


def test_a_namespace_that_others_need_and_that_has_gone_leads_to_a_look_at_everything(state: State) -> None:
    kernel, world = made(), distributed()
    host = follower(kernel, state)
    before = world.view()
    host.begin(1, before)
    wanted = compile_host(before)
    fip = next(unit for unit in wanted.units if unit.name.startswith("fip/"))
    kernel.remove_netns(next(thing.key[1] for thing in fip.objects))
    add_floating_ip(world)
    kernel.looks.clear()
    host.follow(2, difference(before, world.view()))
    assert None in kernel.looks
    assert verify(kernel, compile_host(world.view())).none
