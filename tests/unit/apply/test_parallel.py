"""Several workers make what one makes, say the same about it, and stop like one."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from errno import EPERM

import msgspec
import pytest

from deuteron import locks
from deuteron.apply.destroy import NOTHING, destroy_plan
from deuteron.apply.engine import Prepared, apply_plan, prepare, verify
from deuteron.apply.look import look_for
from deuteron.apply.parallel import turns
from deuteron.apply.result import Result, UnitResult
from deuteron.errors import KernelError
from deuteron.kernel.fake import FakeKernel
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.kernel.linux.worker import Worker
from deuteron.kernel.protocol import Kernel, Outcome
from deuteron.objects import Look, Observed, Step, Wanted
from deuteron.reconcile import UnitPlan
from tests.support.lock_order import LockOrder
from tests.support.sandbox import Host
from tests.unit.apply.hosts import (
    CHANGES,
    WORLDS,
    Change,
    changed,
    fake_host,
    host_with,
    seen,
    smaller_mtu,
    wanted_of,
)
from tests.unit.compile.world import World, distributed


def many(count: int) -> Wanted:
    """Routers, each with a network of its own, on one external network."""
    world = World()
    world.external("public", "203.0.113.0/24")
    for number in range(count):
        inside, outside = f"10.{number}.0.1", f"203.0.113.{number + 10}"
        world.network(f"n{number}", f"10.{number}.0.0/24")
        world.router(f"r{number}", [(f"n{number}", inside)], ("public", outside))
    return wanted_of(world)


def told(result: Result) -> list[UnitResult]:
    return [msgspec.structs.replace(one, seconds=0.0) for one in result.units]


class Shared:
    """One of several kernels of one fake host, which serves one at a time and lets others in between."""

    def __init__(self, kernel: FakeKernel, guard: threading.Lock, rng: random.Random) -> None:
        self.kernel, self.guard, self.rng = kernel, guard, rng
        self.runs = 0

    def observe(self, look: Look) -> Observed:
        with self.guard:
            return self.kernel.observe(look)

    def run(self, steps: Sequence[Step]) -> Outcome:
        self.runs += 1
        time.sleep(self.rng.random() / 500)
        with self.guard:
            return self.kernel.run(steps)

    def close(self) -> None:
        pass


def workers(kernel: FakeKernel, count: int, seed: int) -> list[Shared]:
    guard, rng = threading.Lock(), random.Random(seed)
    return [Shared(kernel, guard, rng) for _ in range(count)]


def go(kernels: Sequence[Kernel], prepared: Prepared) -> Result:
    return apply_plan(kernels[0], prepared, others=kernels[1:])


@pytest.mark.parametrize("make", WORLDS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_result_of_several_is_that_of_one(make: Callable[[], World], change: Change) -> None:
    before, after = changed(make, change)
    one, several = host_with(before), host_with(before)
    alone = apply_plan(one, prepare(one, after, before))
    together = go(workers(several, 3, seed=1), prepare(several, after, before))
    assert told(alone) == told(together)
    assert seen(one, before, after) == seen(several, before, after)
    assert several.snapshot() == one.snapshot()


@pytest.mark.parametrize("seed", range(6))
def test_many_routers_by_several_workers_with_one_that_always_fails(seed: int) -> None:
    wanted = many(8)
    found = []
    for count in (1, 4):
        kernel = fake_host()
        prepared = prepare(kernel, wanted)
        victim = next(unit for unit in prepared.plan.units if unit.title == "router r3")
        crew: Sequence[Kernel] = [Poisoned(one, victim) for one in workers(kernel, count, seed)]
        found.append((told(go(crew, prepared)), kernel.snapshot()))
    assert found[0] == found[1], f"seed {seed}"
    outcomes = [one.outcome for one in found[0][0]]
    assert (outcomes.count("undone"), outcomes.count("done")) == (1, len(outcomes) - 1)


class Poisoned:
    """Refuses the first routing step of one unit, whoever tries."""

    def __init__(self, kernel: Shared, victim: UnitPlan) -> None:
        self.kernel, self.victim = kernel, victim

    def observe(self, look: Look) -> Observed:
        return self.kernel.observe(look)

    def run(self, steps: Sequence[Step]) -> Outcome:
        if tuple(steps) != self.victim.steps:
            return self.kernel.run(steps)
        at = len(steps) // 2
        outcome = self.kernel.run(steps[:at])
        error = KernelError("kernel-refused", "poison", EPERM)
        done = (*outcome.done, *(False,) * (len(steps) - at))
        return Outcome(done=done, failed=at, error=error)

    def close(self) -> None:
        pass


def test_the_work_is_shared_and_every_write_is_by_the_owner() -> None:
    kernel, order = fake_host(), LockOrder()
    crew = workers(kernel, 3, seed=2)
    with locks.observed(order):
        assert go(crew, prepare(kernel, many(6))).ok
    assert order.problems() == []
    assert order.edges, "no lock was taken at all"
    assert all(worker.runs > 0 for worker in crew)


def test_a_unit_waits_for_what_it_needs_and_not_for_its_like() -> None:
    kernel = fake_host()
    found = turns(prepare(kernel, many(3)).plan.units)
    by_title = {turn.unit.title: turn for turn in found}
    position = {turn.unit.title: index for index, turn in enumerate(found)}
    router = by_title["router r1"]
    assert position["network n1"] in router.after
    assert position["network n2"] not in router.after
    assert position["router r0"] not in router.after
    assert all(earlier < index for index, turn in enumerate(found) for earlier in turn.after)


def test_where_no_namespace_is_made_a_router_still_waits_for_its_network() -> None:
    before, after = changed(distributed, smaller_mtu)
    found = turns(prepare(host_with(before), after, before).plan.units)
    kinds = [turn.unit.unit.partition("/")[0] for turn in found]
    assert not any(turn.unit.needs for turn in found)
    assert kinds.index("network") in found[kinds.index("router")].after


class Interrupting:
    """A reporter that presses Ctrl-C when the second unit begins."""

    def __init__(self) -> None:
        self.started: list[str] = []

    def unit_started(self, unit: UnitPlan) -> None:
        self.started.append(unit.unit)
        if len(self.started) == 2:
            signal.raise_signal(signal.SIGINT)

    def unit_done(self, result: UnitResult) -> None:
        pass

    def unit_failed(self, result: UnitResult) -> None:
        pass


def test_an_interruption_leaves_every_unit_whole() -> None:
    kernel, wanted = fake_host(), many(5)
    crew = workers(kernel, 3, seed=3)
    prepared = prepare(kernel, wanted)
    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        apply_plan(crew[0], prepared, Interrupting(), others=crew[1:])
    assert threading.active_count() == threads
    there = kernel.observe(look_for(wanted))
    whole = {unit.name: {o.key for o in unit.objects} for unit in wanted.units}
    for unit, keys in whole.items():
        found = {key for key, owner in there.owners.items() if owner == unit and key in keys}
        assert found in (set(), keys), unit
    assert apply_plan(kernel, prepare(kernel, wanted)).ok
    assert verify(kernel, wanted).none


# --- the real kernel


def furnish(host: Host) -> None:
    host.make_bridge("br-ex")
    for name in ("vm5", "vm6", "vm7", "vm8"):
        host.make_netns(name)


@pytest.mark.kernel
def test_the_real_kernel_is_the_same_after_one_worker_and_after_three(host: Host) -> None:
    furnish(host)
    wanted = many(6)
    kernels = [LinuxKernel(host.netns_dir) for _ in range(3)]
    try:
        states, results = [], []
        for crew in (kernels[:1], kernels):
            result = go(crew, prepare(kernels[0], wanted))
            assert result.ok, result.failed
            results.append(told(result))
            observed = kernels[0].observe(look_for(wanted))
            states.append((observed.objects, observed.owners, observed.unmarked))
            assert verify(kernels[0], wanted).none
            assert go(crew, destroy_plan(kernels[0], wanted)).ok
            assert host.leaks() == []
        assert states[0] == states[1]
        assert results[0] == results[1]
    finally:
        for kernel in kernels:
            kernel.close()


@pytest.mark.kernel
def test_a_kernel_that_does_not_answer_is_not_waited_for_twice() -> None:
    worker, gate = Worker(deadline=0.5), threading.Event()
    with pytest.raises(KernelError, match=r"did not answer within 0\.5 s") as late:
        worker.call(lambda: gate.wait(30))
    assert late.value.code == "kernel-timeout"
    # Of one that would be waited for the answer comes, long after the gate has opened by itself.
    worker._deadline = 60
    with pytest.raises(KernelError):
        worker.call(lambda: None)
    worker._deadline = 10
    gate.set()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            assert worker.call(lambda: 7) == 7
            break
        except KernelError:
            time.sleep(0.01)
    else:
        pytest.fail("the worker never came back")
    worker.close()


@pytest.mark.kernel
def test_a_long_look_that_goes_on_from_namespace_to_namespace_is_waited_for(host: Host) -> None:
    """On a host of thousands under load one look takes longer than any single answer may."""
    for name in ("one", "two"):
        host.make_netns(name)
    directory, worker = NetnsDirectory(host.netns_dir), Worker(deadline=1)

    def walk() -> int:
        for turn in range(8):
            fd = directory.open(("one", "two")[turn % 2])
            worker.enter(fd)
            worker.enter(worker.home)
            os.close(fd)
            time.sleep(0.2)
        return 7

    assert worker.call(walk) == 7
    worker.close()


def test_nothing_to_do_is_nothing_to_do_for_any_number() -> None:
    kernel = fake_host()
    assert go(workers(kernel, 3, seed=0), prepare(kernel, NOTHING)).units == ()
