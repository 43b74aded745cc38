"""``kill -9`` at every crossing of the edge, before or after its effect; then start again."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import msgspec
import pytest

from tests.crash import worlds
from tests.crash.aftermath import ROADS, Road, command, go_on, idle, name
from tests.crash.cases import CASES
from tests.crash.messages import EFFECTS, MOMENTS, Moment, Strike
from tests.crash.place import Picture, Place
from tests.faults.operations import Operation
from tests.support.sandbox import private_host

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(1800)]

#: ``make soak``: each crossing, each moment, each way on.  Without it each crossing has one of them, and
#: of a row of equal crossings, such as sixty kernel parameters one after the other, every third is taken.
EVERY = bool(os.environ.get("DEUTERON_CRASH_EVERY"))


class Kill(msgspec.Struct, frozen=True):
    """Where the process is killed, and how somebody goes on."""

    number: int
    moment: Moment
    road: Road


def kills(verbs: tuple[str, ...]) -> list[Kill]:
    """The kills of an operation that makes these effects."""
    numbers = range(1, len(verbs) + 1)
    if EVERY:
        return [Kill(*each) for each in itertools.product(numbers, MOMENTS, ROADS)]
    chosen = [number for number in numbers if number % 3 == 0 or not _inside(verbs, number)]
    return [Kill(each, MOMENTS[turn % 2], ROADS[turn // 2 % 4]) for turn, each in enumerate(chosen)]


def _inside(verbs: tuple[str, ...], number: int) -> bool:
    """Whether the crossings before and after this one are the same."""
    return len(set(verbs[max(number - 2, 0) : number + 1])) == 1


class Ground:
    """A host that is brought from one topology to another, and is looked at in both."""

    def __init__(self, place: Place, case: Operation) -> None:
        self.place = place
        self.before, self.after = (
            None if one is None else place.file(one) for one in (case.before, case.after)
        )
        # A first process makes the state directory and the directory of namespaces; those after it do not.
        self.bring(self.after)
        self.bring(self.before)
        old = place.committed()
        alone = place.run(*command(self.after), strike=Strike(verbs=EFFECTS))
        assert alone.status == 0, str(alone)
        self.verbs = alone.report.verbs
        assert idle(place, self.after) == []
        self._views = (old, place.committed())
        self._pictures = {name(self.after): place.picture(*self._views)}
        self.bring(self.before)
        self._pictures[name(self.before)] = place.picture(*self._views)

    def bring(self, file: Path | None) -> None:
        """The host as the file has it, by a command that nobody disturbs."""
        if self.place.source() != name(file):
            self.place.done(*command(file))

    def looks_different(self) -> list[str]:
        """How the host differs from what it was when what is committed had been applied undisturbed."""
        wanted: Picture = self._pictures[self.place.source()]
        return wanted.differences(self.place.picture(*self._views))

    @property
    def now(self) -> Path | None:
        return self.after if self.place.source() == name(self.after) else self.before


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_killed_at_any_crossing_it_ends_in_one_of_the_two_topologies(place: Place, case: Operation) -> None:
    ground = Ground(place, case)
    for kill in kills(ground.verbs):
        ground.bring(ground.before)
        strike = Strike(at=kill.number, moment=kill.moment, verbs=EFFECTS)
        killed = place.run(*command(ground.after), strike=strike)
        verb = ground.verbs[kill.number - 1]
        said = (
            f"{case.name}: {kill.moment} crossing {kill.number} of {len(ground.verbs)} ({verb}), {kill.road}"
        )
        # The wait for what goes on in the kernel makes a crossing more, or less.
        assert killed.killed or kill.number > len(ground.verbs) - 3, f"{said}: {killed}"
        assert go_on(place, kill.road, ground.before, ground.after) == [], said
        assert ground.looks_different() == [], said
        assert idle(place, ground.now) == [], said


def test_the_very_first_process_on_a_host_may_be_killed_at_any_crossing(place: Place) -> None:
    file = place.file(worlds.distributed())
    verbs = place.run("apply", file, strike=Strike(verbs=EFFECTS)).report.verbs
    for kill in kills(verbs)[:: 1 if EVERY else 4]:
        with private_host() as host:
            virgin = Place(
                host, place.program, place.folder, f"state-{kill.number}-{kill.moment}-{kill.road}"
            )
            virgin.furnish()
            strike = Strike(at=kill.number, moment=kill.moment, verbs=EFFECTS)
            killed = virgin.run("apply", file, strike=strike)
            verb = verbs[kill.number - 1]
            said = f"{kill.moment} crossing {kill.number} of {len(verbs)} ({verb}), {kill.road}"
            assert killed.killed or kill.number > len(verbs) - 3, f"{said}: {killed}"
            assert go_on(virgin, kill.road, None, file) == [], said
            assert idle(virgin, file if virgin.source() else None) == [], said
