"""What the kernel writes to every link along with ``conf/all`` is taken back with it, whosever they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from deuteron import edge
from deuteron.agent.recover import recover
from deuteron.apply.engine import Prepared, apply_plan, prepare, verify
from deuteron.apply.look import look_at_objects
from deuteron.apply.undo import take_back
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.protocol import Kernel
from deuteron.objects import Sysctl, Update, Wanted
from deuteron.reconcile.delta import Link, ends
from deuteron.state.directory import State
from deuteron.state.journal import Target
from tests.support.sandbox import Host
from tests.unit.apply.hosts import host_with, wanted_of
from tests.unit.apply.test_undo import Refusing, furnish
from tests.unit.compile.world import distributed

#: The parameter of the whole namespace, what each link calls it, and the kind of namespace where units
#: other than the one that makes it have links.
CASES: Final = {
    "net/ipv4/ip_forward": ("net/ipv4/conf/{}/forwarding", "fip-"),
    "net/ipv6/conf/all/forwarding": ("net/ipv6/conf/{}/forwarding", "fip-"),
    "net/ipv6/conf/all/disable_ipv6": ("net/ipv6/conf/{}/disable_ipv6", "net-"),
}

each = pytest.mark.parametrize("path", CASES)


class Spoilt:
    """Somebody has turned the parameter of the namespace, and the links back."""

    def __init__(
        self, kernel: Kernel, wanted: Wanted, path: str, write: Callable[[str, str, str], None]
    ) -> None:
        self.kernel, self.wanted = kernel, wanted
        own, kind = CASES[path]
        right = next(
            thing
            for unit in wanted.units
            for thing in unit.objects
            if isinstance(thing, Sysctl) and thing.path == path and thing.netns.startswith(kind)
        )
        self.netns, wrong = right.netns, "1" if right.value == "0" else "0"
        devices = {
            dev
            for unit in wanted.units
            for thing in unit.objects
            if isinstance(thing, Link)
            for place, dev in ends(thing)
            if place == self.netns
        }
        looked_at = {
            thing.path
            for unit in wanted.units
            for thing in unit.objects
            if isinstance(thing, Sysctl) and thing.netns == self.netns
        }
        usual = looked_at & {own.format("default")}
        self.paths = [path, *usual, *(own.format(dev) for dev in sorted(devices))]
        write(self.netns, path, wrong)
        for one in self.paths[1:]:
            write(self.netns, one, right.value)
        # The kernel turns this one the other way (inet_forward_change).
        redirects = "net/ipv4/conf/all/accept_redirects"
        write(self.netns, redirects, "0")
        self.spoilt = dict.fromkeys(self.paths, right.value) | {path: wrong, redirects: "0"}
        self.mended = self.spoilt | {path: right.value}
        assert len(devices) > 0
        assert self.values() == self.spoilt

    def values(self) -> dict[str, str]:
        things = [Sysctl(netns=self.netns, path=path, value="") for path in self.spoilt]
        seen = self.kernel.observe(look_at_objects(things)).objects
        return {
            path: thing.value
            for path in self.spoilt
            if isinstance(thing := seen.get(("sysctl", self.netns, path)), Sysctl)
        }

    def prepared(self) -> Prepared:
        found = prepare(self.kernel, self.wanted)
        (unit,) = found.plan.units
        (step,) = unit.steps
        assert isinstance(step, Update)
        assert {thing.key[2] for thing in step.old_contents} == set(self.paths[1:])
        return found

    def check_the_way_back(self, strike: Callable[[Prepared], str]) -> None:
        assert strike(self.prepared()) == "undone"
        assert self.values() == self.spoilt
        assert apply_plan(self.kernel, self.prepared()).ok
        assert self.values() == self.mended
        assert verify(self.kernel, self.wanted).none


@each
def test_a_repair_that_is_taken_back_leaves_the_links_as_they_were(path: str) -> None:
    wanted = wanted_of(distributed())
    kernel = host_with(wanted)

    def strike(prepared: Prepared) -> str:
        kernel.fail("update sysctl", 0, effect=True)
        (result,) = apply_plan(kernel, prepared).units
        return result.outcome

    Spoilt(kernel, wanted, path, kernel.write_sysctl).check_the_way_back(strike)


@pytest.mark.kernel
@each
def test_so_does_the_kernel(path: str, host: Host, linux_kernel: LinuxKernel) -> None:
    furnish(host)
    wanted = wanted_of(distributed())
    assert apply_plan(linux_kernel, prepare(linux_kernel, wanted)).ok

    def write(netns: str, where: str, value: str) -> None:
        with host.inside(netns):
            (Path("/proc/sys") / where).write_text(value)

    def strike(prepared: Prepared) -> str:
        with edge.guarded(Refusing("sysctl.write", 0, lost=True)):
            (result,) = apply_plan(linux_kernel, prepared).units
        return result.outcome

    Spoilt(linux_kernel, wanted, path, write).check_the_way_back(strike)


@each
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_a_process_that_ends_in_the_middle_leaves_it_as_before_or_as_wanted(
    path: str, done: bool, tmp_path: Path
) -> None:
    world = distributed()
    wanted = wanted_of(world)
    kernel = host_with(wanted)
    spoilt = Spoilt(kernel, wanted, path, kernel.write_sysctl)
    (unit,) = spoilt.prepared().plan.units
    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    with State(tmp_path, clock=lambda: now) as state:
        state.begin(Target(verb="apply", view=world.view(), source="f.yaml", at=now), (unit,))
        if done:
            assert kernel.run(unit.steps).failed is None
        (found,) = recover(kernel, state).units
        assert found.found == ("after" if done else "before")
    assert spoilt.values() == (spoilt.mended if done else spoilt.spoilt)


def test_a_link_that_nobody_has_put_back_is_as_it_was_too() -> None:
    wanted = wanted_of(distributed())
    kernel = host_with(wanted)
    spoilt = Spoilt(kernel, wanted, "net/ipv4/ip_forward", kernel.write_sysctl)
    kernel.write_sysctl(spoilt.netns, spoilt.paths[-1], "0")
    before = spoilt.values()
    unit = prepare(kernel, wanted).plan.units[0]
    assert kernel.run(unit.steps).failed is None
    assert spoilt.values() == spoilt.mended
    assert take_back(kernel, unit.steps) == ()
    assert spoilt.values() == before
