"""A process that ends anywhere leaves units that the next one makes whole: on the fake, after every step."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from deuteron.agent.change import Interrupted, back, change, forward, wanted_of
from deuteron.agent.recover import recover
from deuteron.apply.engine import Prepared, prepare, verify
from deuteron.domain import HostView
from deuteron.errors import HostError
from deuteron.inputs.allocate import Allocations
from deuteron.kernel.fake import FakeKernel
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.linux.netlink import link
from deuteron.kernel.protocol import Kernel, Outcome
from deuteron.objects import (
    HOST,
    Announce,
    Bridge,
    Create,
    FlushFlows,
    Netns,
    Observed,
    Run,
    Step,
    Veth,
    Wanted,
)
from deuteron.objects.ownership import may_be_ours
from deuteron.reconcile import UnitPlan
from deuteron.state.directory import State
from deuteron.state.journal import Target
from tests.support.sandbox import Host
from tests.unit.apply.hosts import fake_host, move_floating_ip
from tests.unit.compile.world import World, centralised, distributed

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def target(world: World | None) -> Target:
    if world is None:
        return Target(verb="destroy", view=None, source="", at=NOON)
    return Target(verb="apply", view=world.view(), source="f.yaml", at=NOON, allocations=Allocations())


def moved() -> World:
    world = distributed()
    move_floating_ip(world)
    return world


CHANGES: dict[str, tuple[World | None, World | None]] = {
    "first": (None, distributed()),
    "last": (distributed(), None),
    "other-kind": (distributed(), centralised()),
    "moves": (distributed(), moved()),
}


def go(kernel: Kernel, state: State, where: Target) -> None:
    done = change([kernel], state, where, wanted_of(where))
    assert done.result.ok, done.result.failed
    assert done.mismatches == ()


def begin(kernel: Kernel, state: State, where: Target, *before: Target) -> tuple[UnitPlan, ...]:
    """As far as a change has come when its journal is on the disk."""
    units = prepare(kernel, wanted_of(where), *map(wanted_of, before)).plan.units
    state.begin(where, units)
    return units


def crashes(units: tuple[UnitPlan, ...]) -> Iterator[tuple[int, int]]:
    """Every moment of a change: so many units done, and so many steps of the next."""
    for number, unit in enumerate(units):
        yield from ((number, steps) for steps in range(len(unit.steps)))
    yield len(units), 0


def of_ours(kernel: Kernel, *targets: Target) -> Observed:
    return prepare(kernel, Wanted(units=()), *map(wanted_of, targets)).observed


@pytest.mark.parametrize("way", [forward, back], ids=["forward", "back"])
@pytest.mark.parametrize("name", CHANGES)
def test_after_a_crash_at_any_step_all_is_as_wanted_or_as_before(
    name: str, way: Callable[[State], Target], tmp_path: Path
) -> None:
    old, new = map(target, CHANGES[name])
    aims = (old, new)

    def start(number: int) -> tuple[FakeKernel, State, tuple[UnitPlan, ...]]:
        kernel, state = fake_host(), State(tmp_path / str(number), clock=lambda: NOON)
        if old.view is not None:
            go(kernel, state, old)
        return kernel, state, begin(kernel, state, new, *aims)

    kernel, state, units = start(-1)
    state.close()
    moments = list(crashes(units))
    # A sample; every one is asked of real processes by tests/crash.
    for number, (whole, steps) in enumerate(moments[:: max(1, len(moments) // 30)]):
        kernel, state, units = start(number)
        with state:
            before = of_ours(kernel, *aims).objects
            for unit in units[:whole]:
                assert kernel.run(unit.steps).failed is None
            between = of_ours(kernel, *aims).objects
            if steps:
                assert kernel.run(units[whole].steps[:steps]).failed is None
            where = f"{name}: after {whole} units and {steps} steps"
            recovered = recover(kernel, state)
            assert recovered.unwhole == (), where
            found = {unit.unit: unit for unit in recovered.units}
            for unit in units[:whole]:
                assert found[unit.unit].found in ("after", "before"), (where, found[unit.unit])
            for unit in units[whole + 1 :]:
                assert found[unit.unit].found in ("before", "after"), (where, found[unit.unit])
            if steps and found[units[whole].unit].found != "after":
                assert of_ours(kernel, *aims).objects == between, where
            aim = way(state)
            assert aim.view == (old if way is back else new).view, where
            go(kernel, state, aim)
            assert verify(kernel, wanted_of(aim)).none, where
            assert (state.pending(), state.intents()) == (None, ()), where
            if way is back:
                assert of_ours(kernel, *aims).objects == before, where


@pytest.mark.parametrize(("name", "action"), [("first", Announce), ("moves", FlushFlows)])
def test_what_leaves_no_object_is_done_again_for_units_that_were_done(
    name: str, action: type, tmp_path: Path
) -> None:
    kernel, (old, new) = fake_host(), map(target, CHANGES[name])
    with State(tmp_path) as state:
        go(kernel, state, old)
        units = begin(kernel, state, new)
        for unit in units:
            assert kernel.run(unit.steps).failed is None
        actions = [step for unit in units for step in unit.steps if isinstance(step, Run)]
        assert action in {type(step.action) for step in actions}
        kernel.log.clear()
        assert {unit.found for unit in recover(kernel, state).units} == {"after"}
        assert sorted(map(str, kernel.log)) == sorted(map(str, actions))


def test_a_reboot_is_made_good_without_a_file(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        go(fake_host(), state, target(distributed()))
        rebooted = fake_host()
        again = forward(state)
        assert again is not None
        go(rebooted, state, again)
        assert verify(rebooted, wanted_of(target(distributed()))).none


def test_a_reboot_in_the_middle_of_a_change_is_made_good_both_ways(tmp_path: Path) -> None:
    for way, world in ((forward, moved()), (back, distributed())):
        with State(tmp_path / way.__name__) as state:
            kernel = fake_host()
            go(kernel, state, target(distributed()))
            begin(kernel, state, target(moved()))
            rebooted = fake_host()
            assert {unit.found for unit in recover(rebooted, state).units} <= {"gone", "before"}
            aim = way(state)
            assert aim is not None
            go(rebooted, state, aim)
            assert verify(rebooted, wanted_of(target(world))).none


class Stopped(FakeKernel):
    """Ctrl-C in the middle of the n-th unit."""

    def __init__(self) -> None:
        super().__init__()
        self.runs = -1

    def run(self, steps: Sequence[Step]) -> Outcome:
        self.runs -= 1
        if not self.runs:
            super().run(steps[: len(steps) // 2])
            raise KeyboardInterrupt
        return super().run(steps)


def test_an_interrupted_change_can_be_finished_or_taken_back(tmp_path: Path) -> None:
    kernel = Stopped()
    kernel.add_host_bridge("br-ex")
    for name in ("vm5", "vm6", "vm7", "vm8"):
        kernel.add_instance_netns(name)
    with State(tmp_path, clock=lambda: NOON) as state:
        kernel.runs = 3
        with pytest.raises(Interrupted):
            change([kernel], state, target(distributed()), wanted_of(target(distributed())))
        assert state.pending() == target(distributed())
        assert state.committed() is None
        assert {unit.found for unit in recover(kernel, state).units} == {"before", "after"}
        go(kernel, state, back(state))
        assert of_ours(kernel, target(distributed())).objects == {}
        assert (state.pending(), state.committed()) == (None, None)


def test_ctrl_c_before_anything_was_begun_is_just_that(tmp_path: Path) -> None:
    def planned() -> Prepared:
        raise KeyboardInterrupt

    where = target(distributed())
    with State(tmp_path) as state, pytest.raises(KeyboardInterrupt) as stopped:
        change([fake_host()], state, where, wanted_of(where), planned=planned)
    assert not isinstance(stopped.value, Interrupted)


def test_a_journal_that_cannot_be_written_leaves_the_kernel_alone(tmp_path: Path) -> None:
    kernel, where = fake_host(), target(distributed())
    before = kernel.snapshot()
    with State(tmp_path) as state:
        other = sqlite3.connect(tmp_path / "state.sqlite")
        other.execute("ALTER TABLE intent RENAME TO elsewhere")
        other.close()
        with pytest.raises(HostError) as refused:
            change([kernel], state, where, wanted_of(where))
        assert refused.value.code == "state-corrupt"
    assert kernel.snapshot() == before


class Watched(FakeKernel):
    """Notes, before each write, what another process would find on the disk."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.found: list[tuple[bool, HostView | None]] = []
        self.add_host_bridge("br-ex")
        for name in ("vm5", "vm6", "vm7", "vm8"):
            self.add_instance_netns(name)

    def run(self, steps: Sequence[Step]) -> Outcome:
        with State(self.path) as other:
            told = tuple(steps) in {intent.steps for intent in other.intents()}
            self.found.append((told and other.pending() is not None, other.committed()))
        return super().run(steps)


def test_what_is_about_to_be_done_is_on_the_disk_before_each_write_and_not_taken_for_done(
    tmp_path: Path,
) -> None:
    kernel, (old, new) = Watched(tmp_path), map(target, CHANGES["moves"])
    with State(tmp_path) as state:
        go(kernel, state, old)
        assert kernel.found
        assert set(kernel.found) == {(True, None)}
        kernel.found.clear()
        go(kernel, state, new)
        assert kernel.found
        assert set(kernel.found) == {(True, old.view)}
        assert state.committed() == new.view


# --- what only a real kernel leaves between two messages


@pytest.fixture
def ground(host: Host, linux_kernel: LinuxKernel, tmp_path: Path) -> Iterator[Ground]:
    host.make_bridge("br-ex")
    for name in ("vm5", "vm6", "vm7", "vm8"):
        host.make_netns(name)
    with State(tmp_path / "state") as state:
        yield Ground(host, linux_kernel, state)


class Ground:
    """A real host, on which a change is begun and stopped anywhere."""

    def __init__(self, host: Host, kernel: LinuxKernel, state: State) -> None:
        self.host, self.kernel, self.state = host, kernel, state
        self.units = begin(kernel, state, target(distributed()))

    def run_before(self, thing: type) -> UnitPlan:
        """Everything up to the first unit that makes a ``thing`` whose ends are in two places."""
        for unit in self.units:
            for number, step in enumerate(unit.steps):
                if isinstance(step, Create) and isinstance(step.object, thing):
                    assert self.kernel.run(unit.steps[:number]).failed is None
                    return unit
            assert self.kernel.run(unit.steps).failed is None
        raise AssertionError(f"nothing makes a {thing.__name__}")

    def half_make(self, veth: Veth, *, mac: str | None = None) -> None:
        """The first of the messages that make a pair, and nothing after it."""
        peer = self.kernel._spaces.get(veth.peer_netns)
        message = link.new_veth(
            veth.name, mac or veth.mac, veth.mtu, veth.peer_name, veth.peer_mac, peer_netns_fd=peer.fd
        )
        with self.host.netlink(veth.netns) as rt:
            (ack,) = rt.batch([message])
        assert not ack.errno, ack

    def mark(self, netns: str, name: str, owner: str) -> None:
        with self.host.netlink(netns) as rt:
            (ack,) = rt.batch([link.set_link(name, alias=f"deuteron {owner}")])
        assert not ack.errno

    def converge(self) -> None:
        go(self.kernel, self.state, target(distributed()))
        assert verify(self.kernel, wanted_of(target(distributed()))).none
        go(self.kernel, self.state, target(None))
        assert self.host.leaks() == []
        assert not any(link.name.startswith(("tap", "qr-")) for link in self.host.links().values())


def pairs_of(units: tuple[UnitPlan, ...], where: Callable[[Veth], bool]) -> Veth:
    made = [step.object for unit in units for step in unit.steps if isinstance(step, Create)]
    return next(thing for thing in made if isinstance(thing, Veth) and where(thing))


PLACES: dict[str, Callable[[Veth], bool]] = {
    "host": lambda veth: veth.netns == HOST,
    "instance": lambda veth: not may_be_ours(veth.peer_netns),
    "ours": lambda veth: may_be_ours(veth.netns) and may_be_ours(veth.peer_netns),
}


def run_up_to(ground: Ground, veth: Veth) -> None:
    """All steps before the one that makes the pair."""
    for unit in ground.units:
        for number, step in enumerate(unit.steps):
            if step == Create(veth):
                assert ground.kernel.run(unit.steps[:number]).failed is None
                return
        assert ground.kernel.run(unit.steps).failed is None


@pytest.mark.kernel
@pytest.mark.parametrize("marked", ["no end", "outer end", "inner end"])
@pytest.mark.parametrize("place", PLACES)
def test_a_half_made_pair_goes_and_is_made_anew(place: str, marked: str, ground: Ground) -> None:
    veth = pairs_of(ground.units, PLACES[place])
    run_up_to(ground, veth)
    ground.half_make(veth)
    if marked == "outer end":
        ground.mark(veth.netns, veth.name, veth.owner)
    elif marked == "inner end":
        ground.mark(veth.peer_netns, veth.peer_name, veth.owner)
    recovered = recover(ground.kernel, ground.state)
    assert recovered.unwhole == (), recovered.units
    assert "restored" in {unit.found for unit in recovered.units}
    assert veth.name not in ground.host.links(veth.netns)
    ground.converge()


@pytest.mark.kernel
@pytest.mark.parametrize("other", ["mac", "kind"])
def test_a_link_of_the_journals_name_that_somebody_else_made_stays(other: str, ground: Ground) -> None:
    veth = pairs_of(ground.units, PLACES["host"])
    run_up_to(ground, veth)
    if other == "mac":
        ground.half_make(replace(veth, peer_netns="vm5"), mac="02:00:00:00:00:77")
    else:
        with ground.host.netlink() as rt:
            (ack,) = rt.batch([link.new_bridge(veth.name, veth.mac, 1500)])
        assert not ack.errno
    before = ground.host.links()[veth.name]
    assert recover(ground.kernel, ground.state).unwhole == ()
    assert ground.host.links()[veth.name] == before


@pytest.mark.kernel
def test_a_half_made_bridge_goes_with_its_namespace(ground: Ground) -> None:
    bridge = next(
        step.object
        for unit in ground.units
        for step in unit.steps
        if isinstance(step, Create) and isinstance(step.object, Bridge)
    )
    ground.run_before(Bridge)
    with ground.host.netlink(bridge.netns) as rt:
        (ack,) = rt.batch([link.new_bridge(bridge.name, bridge.mac, 1500)])
    assert not ack.errno
    recovered = recover(ground.kernel, ground.state)
    assert recovered.unwhole == (), recovered.units
    assert ground.host.leaks() == []
    ground.converge()


@pytest.mark.kernel
def test_a_file_without_its_namespace_goes(ground: Ground) -> None:
    made = next(
        step.object
        for unit in ground.units
        for step in unit.steps
        if isinstance(step, Create) and isinstance(step.object, Netns)
    )
    (ground.host.netns_dir / made.name).touch()
    recovered = recover(ground.kernel, ground.state)
    assert recovered.unwhole == (), recovered.units
    assert not (ground.host.netns_dir / made.name).exists()
    ground.converge()


@pytest.mark.kernel
def test_half_of_every_unit_is_taken_back_on_the_real_kernel(ground: Ground) -> None:
    for number, unit in enumerate(ground.units):
        before = of_ours(ground.kernel, target(distributed())).objects
        assert ground.kernel.run(unit.steps[: (len(unit.steps) + 1) // 2]).failed is None
        recovered = recover(ground.kernel, ground.state)
        assert recovered.unwhole == (), recovered.units
        assert recovered.units[number].found in ("restored", "after", "before")
        if recovered.units[number].found != "after":
            assert of_ours(ground.kernel, target(distributed())).objects == before
            assert ground.kernel.run(unit.steps).failed is None
    ground.converge()
