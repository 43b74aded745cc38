"""What is in the namespaces of instances is seen, also where nobody has told us which they are."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deuteron.agent.recover import recover
from deuteron.apply.engine import apply_plan, prepare
from deuteron.apply.look import look_for
from deuteron.errors import KernelError
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.protocol import Kernel, Outcome
from deuteron.objects import Delete, Look, Observed, Step, Veth, Wanted
from deuteron.state.directory import State
from deuteron.state.journal import Target
from tests.support.sandbox import Host
from tests.unit.apply.hosts import another_address, changed, fake_host, seen, wanted_of
from tests.unit.compile.world import World, distributed

Maker = Callable[[], Kernel]


class AnswerLost:
    """A kernel that removes a pair and whose answer to that never comes, once."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.lost = 0

    def observe(self, look: Look) -> Observed:
        return self._kernel.observe(look)

    def run(self, steps: Sequence[Step]) -> Outcome:
        outcome = self._kernel.run(steps)
        pairs = [
            n for n, step in enumerate(steps) if isinstance(step, Delete) and isinstance(step.object, Veth)
        ]
        if not pairs or self.lost:
            return outcome
        self.lost += 1
        done = tuple(effect and n != pairs[0] for n, effect in enumerate(outcome.done))
        return Outcome(
            done=done, failed=pairs[0], error=KernelError("kernel-timeout", "no answer", errno.ETIMEDOUT)
        )

    def close(self) -> None:
        self._kernel.close()


@pytest.fixture(params=["fake", pytest.param("linux", marks=pytest.mark.kernel)])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    if request.param == "fake":
        return fake_host()
    host: Host = request.getfixturevalue("host")
    host.make_bridge("br-ex")
    for name in ("vm5", "vm6", "vm7", "vm8"):
        host.make_netns(name)
    made: LinuxKernel = request.getfixturevalue("linux_kernel")
    return made


def without_vm7() -> World:
    world = distributed()
    del world.ports["vm7"]
    return world


def test_a_port_that_nobody_remembers_comes_back_whole_where_its_removal_fails(kernel: Kernel) -> None:
    before, after = wanted_of(distributed()), wanted_of(without_vm7())
    assert apply_plan(kernel, prepare(kernel, before)).ok
    had = kernel.observe(look_for(before)).objects
    result = apply_plan(AnswerLost(kernel), prepare(kernel, after))  # told of nothing earlier
    assert [unit.outcome for unit in result.failed] == ["undone"]
    assert kernel.observe(look_for(before)).objects == had


def test_a_change_that_was_only_written_down_is_recovered_without_touching_an_instance(
    tmp_path: Path,
) -> None:
    before, after = changed(distributed, another_address)
    kernel = fake_host()
    assert apply_plan(kernel, prepare(kernel, before)).ok
    had = seen(kernel, before, after)
    target = Target(verb="apply", view=distributed().view(), source="", at=datetime.now(UTC))
    with State(tmp_path) as state:
        plan = prepare(kernel, after, before).plan
        assert plan.units
        state.begin(target, plan.units)
        assert {unit.found for unit in recover(kernel, state).units} == {"before"}
    assert seen(kernel, before, after) == had
    assert seen(kernel, before, after) != seen(fake_host(), Wanted(units=()))
