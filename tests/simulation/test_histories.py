"""The same random history of changes and refusals on both kernels ends in the same state, change by change.

The real kernel goes first: one of its writes is refused at the edge of the process.  Which units
that hits is its affair; on the fake a step of the same units is refused.  What becomes of them
must then be the same, and so must everything that can be observed.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from errno import EBUSY, EIO, ENOBUFS, ENOMEM, EPERM
from typing import Final

import pytest

from deuteron import edge
from deuteron.apply.engine import apply_plan, prepare
from deuteron.apply.look import look_for
from deuteron.apply.result import Result, Silent
from deuteron.compile import compile_host
from deuteron.inputs import topology
from deuteron.inputs.allocate import Allocations
from deuteron.kernel.fake import FakeKernel
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.protocol import Kernel
from deuteron.objects import Observed, Wanted
from deuteron.reconcile import UnitPlan
from tests.simulation.agent import NOTHING
from tests.simulation.cloud import EXTERNALS, INSTANCES, Cloud, mutate
from tests.support.sandbox import Host

SEEDS: Final = range(6)
CHANGES: Final = 12

#: What writes to the kernel; a look may not be refused here, or there would be no unit to blame.
_WRITES: Final = frozenset(
    {
        "netlink.batch",
        "nft.commit",
        "sysctl.write",
        "netns.unshare",
        "netns.mount",
        "netns.file",
        "netns.umount",
    }
)


@dataclass
class OneWrite(Silent):
    """A guard that refuses one write of one unit, and the reporter that tells it which unit is at work."""

    unit: int
    at: int
    errno: int
    lost: bool
    hit: set[str] = field(default_factory=set)
    working: str = ""

    def unit_started(self, unit: UnitPlan) -> None:
        self.working = unit.unit if self.unit == 0 else ""
        self.unit -= 1

    def before(self, verb: str) -> None:
        if not self.lost:
            self._pass(verb, self.errno)

    def after(self, verb: str) -> None:
        if self.lost:
            self._pass(verb, EIO)

    def spoiled(self, verb: str, count: int) -> tuple[int, int] | None:
        del verb, count
        return None

    def _pass(self, verb: str, errno: int) -> None:
        if not self.working or verb not in _WRITES:
            return
        self.at -= 1
        if self.at < 0:
            self.hit.add(self.working)
            self.working = ""
            raise OSError(errno, os.strerror(errno))


class RefusesUnits(FakeKernel):
    """A fake kernel that refuses a step in the middle of each unit that is named."""

    def __init__(self) -> None:
        super().__init__()
        self.units: set[str] = set()

    def unit_started(self, unit: UnitPlan) -> None:
        if unit.unit in self.units:
            self.fail(len(unit.steps) // 2, EPERM)

    def unit_done(self, result: object) -> None:
        """Nothing."""

    def unit_failed(self, result: object) -> None:
        """Nothing."""


@pytest.mark.kernel
@pytest.mark.parametrize("seed", SEEDS)
def test_both_kernels_end_each_change_in_the_same_state(
    seed: int, linux_kernel: LinuxKernel, host: Host
) -> None:
    print(f"seed {seed}")
    chance, cloud, allocations = random.Random(seed), Cloud(), Allocations()
    fake = RefusesUnits()
    _furnish(fake, host)
    before = NOTHING
    for number in range(CHANGES):
        told = [mutate(cloud, chance) for _ in range(chance.randint(2, 6))]
        view, allocations = topology.load(cloud.text(), "cloud.yaml", "sim", allocations)
        wanted = compile_host(view)
        place = f"seed {seed}, change {number}: {told}"
        _change_both(linux_kernel, fake, wanted, before, chance if number % 3 else None, place)
        before = wanted
    _change_both(linux_kernel, fake, NOTHING, before, None, f"seed {seed}, destroy")
    assert not host.leaks()


def _furnish(fake: FakeKernel, host: Host) -> None:
    for name in INSTANCES:
        fake.add_instance_netns(name)
        host.make_netns(name)
    for bridge, _, _ in EXTERNALS.values():
        fake.add_host_bridge(bridge)
        host.make_bridge(bridge)


def _change_both(
    linux: LinuxKernel,
    fake: RefusesUnits,
    wanted: Wanted,
    before: Wanted,
    chance: random.Random | None,
    place: str,
) -> None:
    guard = _guard(chance)
    with edge.guarded(guard):
        real = apply_plan(linux, prepare(linux, wanted, before), guard)
    fake.units = {one.unit for one in real.failed if one.outcome == "undone"}
    played = apply_plan(fake, prepare(fake, wanted, before), fake)
    assert _became(real) == _became(played), place
    _same(_observe(linux, wanted, before), _observe(fake, wanted, before), place)
    if not real.ok:
        assert apply_plan(linux, prepare(linux, wanted, before)).ok, place
        assert apply_plan(fake, prepare(fake, wanted, before)).ok, place
        _same(_observe(linux, wanted, before), _observe(fake, wanted, before), place)
    assert prepare(linux, wanted).plan.units == (), place


def _guard(chance: random.Random | None) -> OneWrite:
    if chance is None:
        return OneWrite(unit=-1, at=0, errno=EPERM, lost=False)
    return OneWrite(
        unit=chance.randint(0, 5),
        at=chance.randint(0, 5),
        errno=chance.choice([EPERM, EBUSY, ENOBUFS, ENOMEM]),
        lost=chance.random() < 0.3,
    )


def _became(result: Result) -> list[tuple[str, str]]:
    return sorted((one.unit, one.outcome) for one in result.units)


def _observe(kernel: Kernel, wanted: Wanted, before: Wanted) -> Observed:
    return kernel.observe(look_for(wanted, before))


def _same(linux: Observed, fake: Observed, place: str) -> None:
    real, played = linux.objects, fake.objects
    lines = [f"only in the kernel: {real[key]}" for key in real.keys() - played.keys()]
    lines += [f"only in the fake: {played[key]}" for key in played.keys() - real.keys()]
    both = real.keys() & played.keys()
    lines += [f"{real[key]} != {played[key]}" for key in both if real[key] != played[key]]
    assert not lines, "\n".join([place, *sorted(lines)])
    assert linux.owners == fake.owners, place
    assert linux.netns == fake.netns, place
