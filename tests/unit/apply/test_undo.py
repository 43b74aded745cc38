"""Taking back is looked at: afterwards all is as before, or it is told what is not."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from errno import EBUSY, EPERM

import pytest

from deuteron import edge
from deuteron.apply.destroy import destroy_plan
from deuteron.apply.engine import apply_plan, prepare, verify
from deuteron.apply.look import look_for
from deuteron.apply.rollback import before, of_unit
from deuteron.apply.undo import restore, take_back
from deuteron.errors import HostError, KernelError
from deuteron.kernel.fake import FakeKernel
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.linux.nft import Nftables
from deuteron.kernel.protocol import Kernel, Outcome
from deuteron.objects import Create, Delete, Look, Netns, Observed, Step, Sysctl, Veth, Wanted
from deuteron.objects.nft import NftTable
from tests.support.sandbox import Host
from tests.unit.apply.hosts import (
    CHANGES,
    WORLDS,
    Change,
    add_floating_ip,
    apply,
    changed,
    fake_host,
    host_with,
    router_down,
    seen,
    steps_of,
    wanted_of,
)
from tests.unit.compile.world import World, distributed

NOTHING = Wanted(units=())


def by_unit(kernel: Kernel, *wanted: Wanted) -> dict[str, dict[object, object]]:
    observed = kernel.observe(look_for(*wanted))
    units: dict[str, dict[object, object]] = {}
    for key, thing in observed.objects.items():
        units.setdefault(observed.owners[key], {})[key] = thing
    return units


@pytest.mark.parametrize("make", WORLDS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_whichever_answer_is_lost_the_unit_is_as_before(make: Callable[[], World], change: Change) -> None:
    """The step has happened and nobody says so."""
    earlier, after = changed(make, change)
    for number in range(steps_of(prepare(host_with(earlier), after, earlier))):
        kernel = host_with(earlier)
        start = by_unit(kernel, earlier, after)
        prepared = prepare(kernel, after, earlier)
        kernel.fail(number, errno.ETIMEDOUT, effect=True)
        result = apply_plan(kernel, prepared)
        kernel.assert_consumed()
        (bad,) = [one for one in result.units if one.outcome in ("undone", "undo-failed")]
        assert (bad.outcome, bad.code) == ("undone", "kernel-timeout"), (number, bad)
        now = by_unit(kernel, earlier, after)
        for one in result.units:
            if one.outcome != "done":
                assert now.get(one.unit) == start.get(one.unit), (number, one)
        assert apply(kernel, after, earlier).ok
        assert verify(kernel, after).none


@pytest.mark.parametrize("way", ["there", "away"])
def test_the_way_back_is_walked_once_and_nothing_on_it_is_refused(way: str) -> None:
    """The look afterwards could mend a wrong order; it is left nothing to do."""
    wanted = wanted_of(distributed())
    kernel, aim = (fake_host(), wanted) if way == "there" else (host_with(wanted), NOTHING)
    start = seen(kernel, wanted)
    steps = [step for unit in prepare(kernel, aim, wanted).plan.units for step in unit.steps]
    assert kernel.run(steps).failed is None
    assert take_back(kernel, steps) == ()
    assert seen(kernel, wanted) == start


def test_a_unit_that_was_taken_back_is_not_what_the_next_one_goes_back_to() -> None:
    """A floating IP moves from a router that goes to one that stays, and both of them fail."""
    earlier, after = distributed(), distributed()
    for world in (earlier, after):
        world.network("other", "10.1.0.0/24")
        world.router("r2", [("other", "10.1.0.1")], ("public", "203.0.113.12"), distributed=True)
        world.leg("r2", "public", 4)
        world.vm("vm8", "other", "10.1.0.8")
    router_down(after)
    after.floating_ip("203.0.113.50", "public", "r2", "vm8", "10.1.0.8")
    old, new = wanted_of(earlier), wanted_of(after)
    kernel = host_with(old)
    start = seen(kernel, old, new)
    prepared = prepare(kernel, new, old)
    planned = {unit.steps for unit in prepared.plan.units}

    def happens(steps: Sequence[Step]) -> Outcome | None:
        if tuple(steps) not in planned:
            return None
        outcome = kernel.run(steps[:-1])
        error = outcome.error or KernelError("kernel-refused", "the last step", EPERM)
        failed = len(steps) - 1 if outcome.failed is None else outcome.failed
        return Outcome(done=(*outcome.done, False), failed=failed, error=error)

    result = apply_plan(Hands(kernel, happens), prepared)
    assert [one.outcome for one in result.units if one.unit.startswith("router/")] == ["undone", "undone"]
    assert {one.outcome for one in result.units} <= {"undone", "skipped"}
    assert seen(kernel, old, new) == start


def test_a_step_back_that_is_refused_once_is_mended() -> None:
    earlier, after = changed(distributed, add_floating_ip)
    kernel = host_with(earlier)
    start = seen(kernel, earlier, after)
    prepared = prepare(kernel, after, earlier)
    kernel.fail(3, EPERM, times=2)
    outcomes = {one.outcome for one in apply_plan(kernel, prepared).units}
    assert "undone" in outcomes
    assert "undo-failed" not in outcomes
    kernel.assert_consumed()
    assert {k: v for k, v in seen(kernel, earlier, after).items() if k in start} == start


def test_a_look_that_is_refused_once_does_not_stop_the_undo() -> None:
    kernel = fake_host()
    prepared = prepare(kernel, wanted_of(distributed()))
    kernel.fail("create nfttable", EPERM)
    kernel.fail("observe", EBUSY)
    assert {one.outcome for one in apply_plan(kernel, prepared).units} <= {"done", "undone", "skipped"}
    kernel.assert_consumed()


def test_what_cannot_be_taken_back_is_told_and_the_others_go_on() -> None:
    kernel, wanted = fake_host(), wanted_of(distributed())
    prepared = prepare(kernel, wanted)
    kernel.fail("create route", EPERM)
    kernel.fail("delete netns", EPERM, times=1000)
    result = apply_plan(kernel, prepared)
    (bad,) = [one for one in result.units if one.outcome == "undo-failed"]
    assert bad.code == "undo-failed"
    assert any(line.startswith("still there: namespace ") for line in bad.left), bad.left
    assert [one for one in result.units if one.outcome == "done"]
    kernel.forgive()
    assert apply(kernel, wanted).ok
    assert verify(kernel, wanted).none


class Hands:
    """A kernel in which something happens in the middle of a run."""

    def __init__(self, kernel: FakeKernel, happens: Callable[[Sequence[Step]], Outcome | None]) -> None:
        self.kernel = kernel
        self.happens = happens

    def observe(self, look: Look) -> Observed:
        return self.kernel.observe(look)

    def run(self, steps: Sequence[Step]) -> Outcome:
        outcome = self.happens(steps)
        return outcome if outcome is not None else self.kernel.run(steps)

    def close(self) -> None:
        pass


def once(act: Callable[[Sequence[Step]], Outcome | None]) -> Callable[[Sequence[Step]], Outcome | None]:
    left = [act]
    return lambda steps: left.pop()(steps) if left else None


def is_router(steps: Sequence[Step]) -> bool:
    return any(isinstance(s, Create) and s.object.key[1].startswith("qrouter-") for s in steps)


def test_an_error_that_nobody_foresaw_is_its_units_failure_and_not_the_runs_end() -> None:
    kernel, wanted = fake_host(), wanted_of(distributed())
    struck: list[bool] = []

    def happens(steps: Sequence[Step]) -> Outcome | None:
        if is_router(steps) and not struck:
            struck.append(True)
            kernel.run(steps[:7])
            raise HostError("no-libnftables", "the library went away")
        return None

    hands = Hands(kernel, happens)
    result = apply_plan(hands, prepare(kernel, wanted))
    (bad,) = [one for one in result.units if one.outcome == "undone"]
    assert (bad.unit.partition("/")[0], bad.code) == ("router", "no-libnftables")
    assert not [key for key in seen(kernel, wanted) if key[1].startswith(("qrouter-", "snat-"))]
    assert apply(kernel, wanted).ok


def test_an_interruption_takes_the_unit_back_before_it_goes_on() -> None:
    kernel = fake_host()
    start = kernel.snapshot()

    def happens(steps: Sequence[Step]) -> Outcome | None:
        kernel.run(steps[: len(steps) // 2])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_plan(Hands(kernel, once(happens)), prepare(kernel, wanted_of(distributed())))
    assert kernel.snapshot() == start


def test_what_somebody_takes_away_while_a_unit_fails_is_made_again() -> None:
    earlier, after = changed(distributed, add_floating_ip)
    kernel = host_with(earlier)
    start = seen(kernel, earlier, after)
    router = next(key[1] for key in start if key[1].startswith("qrouter-"))
    table = start["nft_table", router]

    def happens(steps: Sequence[Step]) -> Outcome | None:
        if any(isinstance(s, Create) and s.object.key[1] == router for s in steps):
            kernel.fail(1, EPERM)
            outcome = kernel.run(steps)
            kernel.run([Delete(table)])
            return outcome
        return None

    struck = [happens]

    def first(steps: Sequence[Step]) -> Outcome | None:
        outcome = struck[0](steps) if struck else None
        if outcome is not None:
            struck.clear()
        return outcome

    result = apply_plan(Hands(kernel, first), prepare(kernel, after, earlier))
    assert "undo-failed" not in {one.outcome for one in result.units}
    assert seen(kernel, earlier, after)["nft_table", router] == table


def test_a_link_without_its_mark_and_a_dead_namespace_file_are_swept() -> None:
    kernel, wanted = fake_host(), wanted_of(distributed())
    prepared = prepare(kernel, wanted)
    start = kernel.snapshot()
    port = next(unit for unit in prepared.plan.units if unit.unit.startswith("port/"))
    network = next(unit for unit in prepared.plan.units if unit.unit in port.needs)
    assert kernel.run(network.steps).failed is None
    made = kernel.snapshot()
    veth = next(s.object for s in port.steps if isinstance(s, Create) and isinstance(s.object, Veth))
    assert kernel.run([Create(veth)]).failed is None
    for netns, name in ((veth.netns, veth.name), (veth.peer_netns, veth.peer_name)):
        kernel.state.link(netns, name).alias = ""
    assert restore(kernel, port.unit, {}, port.steps) == ()
    assert kernel.snapshot() == made
    kernel.run([Delete(s.object) for s in network.steps if isinstance(s, Create)])
    kernel.add_dead_netns(
        next(s.object.name for s in network.steps if isinstance(s, Create) and isinstance(s.object, Netns))
    )
    assert restore(kernel, network.unit, {}, network.steps) == ()
    assert kernel.snapshot() == start


def test_a_link_of_our_name_with_another_mac_address_is_never_swept() -> None:
    kernel, wanted = fake_host(), wanted_of(distributed())
    prepared = prepare(kernel, wanted)
    port = next(unit for unit in prepared.plan.units if unit.unit.startswith("port/"))
    network = next(unit for unit in prepared.plan.units if unit.unit in port.needs)
    assert kernel.run(network.steps).failed is None
    veth = next(s.object for s in port.steps if isinstance(s, Create) and isinstance(s.object, Veth))
    kernel.add_foreign_link(veth.peer_netns, veth.peer_name)
    there = kernel.snapshot()
    restore(kernel, port.unit, {}, port.steps)
    assert kernel.snapshot() == there


def test_a_destroy_without_memory_that_fails_gives_the_kernel_parameters_back() -> None:
    wanted = wanted_of(distributed())
    kernel = host_with(wanted)
    start = kernel.snapshot()
    prepared = destroy_plan(kernel)
    router = next(one for one in prepared.plan.units if one.unit.startswith("router/"))
    number = sum(len(u.steps) for u in prepared.plan.units[: prepared.plan.units.index(router) + 1])
    kernel.fail(number - 1, EPERM)
    result = apply_plan(kernel, prepared)
    (bad,) = [one for one in result.units if one.outcome == "undone"]
    assert bad.unit == router.unit
    for name, namespace in start.items():
        if name.startswith(("qrouter-", "snat-")):
            assert kernel.snapshot()[name].sysctls == namespace.sysctls
    assert any(isinstance(thing, Sysctl) for thing in seen(kernel, wanted).values())


def test_what_went_with_a_namespace_and_was_not_ours_is_told() -> None:
    wanted = wanted_of(distributed())
    kernel = host_with(wanted)
    netns = next(key[1] for key in seen(kernel, wanted) if key[1].startswith("snat-"))
    kernel.add_foreign_table(netns, "ip theirs")
    prepared = destroy_plan(kernel, wanted)
    router = next(one for one in prepared.plan.units if one.unit.startswith("router/"))
    position = next(i for i, step in enumerate(router.steps) if step.object.key == ("netns", netns))  # type: ignore[union-attr]  # no action in it
    start = of_unit(kernel.observe(look_for(wanted)), router.unit, router.steps)
    assert kernel.run(router.steps[: position + 1]).failed is None
    left = restore(kernel, router.unit, start, router.steps, foreign=prepared.observed.foreign)
    assert [line for line in left if "ip theirs" in line and netns in line] == list(left)
    assert start == of_unit(kernel.observe(look_for(wanted)), router.unit, router.steps)


# --- the real kernel


class Refusing:
    """The n-th passage of one verb is refused, or its answer lost."""

    def __init__(self, verb: str, number: int, times: int = 1, *, lost: bool = False) -> None:
        self.verb, self.number, self.times, self.lost = verb, number, times, lost
        self.struck = 0

    def _strike(self, verb: str) -> bool:
        if verb != self.verb or self.struck >= self.times:
            return False
        self.number -= 1
        if self.number >= 0:
            return False
        self.struck += 1
        return True

    def before(self, verb: str) -> None:
        if not self.lost and self._strike(verb):
            raise OSError(EPERM, "refused")

    def after(self, verb: str) -> None:
        if self.lost and self._strike(verb):
            raise OSError(errno.ETIMEDOUT, "lost")

    def spoiled(self, verb: str, count: int) -> tuple[int, int] | None:
        return None


def furnish(host: Host) -> None:
    host.make_bridge("br-ex")
    for name in ("vm5", "vm6", "vm7", "vm8"):
        host.make_netns(name)


@pytest.mark.kernel
@pytest.mark.parametrize("lost", [False, True], ids=["refused", "answer-lost"])
@pytest.mark.parametrize("verb", ["netns.umount", "netns.unlink"])
def test_a_namespace_that_does_not_go_has_all_that_was_in_it_again(
    verb: str, lost: bool, host: Host, linux_kernel: LinuxKernel
) -> None:
    """Its links were removed before; no step says so."""
    furnish(host)
    wanted = wanted_of(distributed())
    assert apply_plan(linux_kernel, prepare(linux_kernel, wanted)).ok
    start = by_unit(linux_kernel, wanted)
    prepared = destroy_plan(linux_kernel)
    guard = Refusing(verb, 1, lost=lost)
    with edge.guarded(guard):
        result = apply_plan(linux_kernel, prepared)
    assert guard.struck
    assert [one.outcome for one in result.units].count("undone") == 1
    now = by_unit(linux_kernel, wanted)
    for one in result.units:
        assert now.get(one.unit) == (None if one.outcome == "done" else start[one.unit]), one
    assert apply_plan(linux_kernel, prepare(linux_kernel, wanted)).ok
    assert by_unit(linux_kernel, wanted) == start
    assert apply_plan(linux_kernel, destroy_plan(linux_kernel)).ok
    assert host.leaks() == []


@pytest.mark.kernel
def test_a_table_that_holds_a_rule_of_others_is_told_where_it_cannot_be_made_again(
    host: Host, linux_kernel: LinuxKernel
) -> None:
    furnish(host)
    wanted = wanted_of(distributed())
    assert apply_plan(linux_kernel, prepare(linux_kernel, wanted)).ok
    netns = next(key[1] for key in seen_on(linux_kernel, wanted) if key[1].startswith("qrouter-"))
    with host.inside(netns):
        Nftables().run("add rule inet deuteron forward meta length > 9000 counter drop")
    prepared = destroy_plan(linux_kernel, wanted)
    with edge.guarded(Refusing("netns.unlink", 1)):
        result = apply_plan(linux_kernel, prepared)
    bad = [one for one in result.units if one.outcome == "undo-failed"]
    table = [line for one in bad for line in one.left if "filter and translation" in line and netns in line]
    assert table, result
    assert apply_plan(linux_kernel, prepare(linux_kernel, wanted)).ok
    assert isinstance(seen_on(linux_kernel, wanted)["nft_table", netns], NftTable)


def seen_on(kernel: LinuxKernel, wanted: Wanted) -> dict[tuple[str, ...], object]:
    return dict(kernel.observe(look_for(wanted)).objects)


def test_the_state_before_follows_from_the_steps() -> None:
    earlier, after = changed(distributed, add_floating_ip)
    kernel = host_with(earlier)
    prepared = prepare(kernel, after, earlier)
    (router,) = [one for one in prepared.plan.units if one.unit.startswith("router/")]
    start = of_unit(prepared.observed, router.unit, router.steps)
    assert apply_plan(kernel, prepared).ok
    now = of_unit(kernel.observe(look_for(earlier, after)), router.unit, router.steps)
    assert now != start
    assert before(now, router.steps) == start
