"""Random changes, killed at random, for as long as is asked; all of it from one seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from tests.crash.aftermath import ROADS, Road, command, go_on, idle, name
from tests.crash.messages import EFFECTS, MOMENTS, Moment, Strike
from tests.crash.place import Place
from tests.crash.process import Ended
from tests.crash.worlds import Cloud, next_cloud, random_cloud

#: Seconds that a command of this size takes at the most: kills by the clock fall in there.
_LONGEST: Final = 0.15
#: Crossings of the edge that such a command makes at the most; a number beyond its end kills nothing.
_CROSSINGS: Final = 450
#: And effects among them.
_EFFECTS: Final = 150
#: How often in a row the start after a crash is killed too.
_AGAIN: Final = 3


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """One way to end a process: at a crossing of the edge, or ``seconds`` after its start."""

    strike: Strike = Strike()
    seconds: float = 0.0


class Storm:
    """Kills at random; stops with an :class:`AssertionError` that tells seed, kill and history."""

    def __init__(self, place: Place, seed: int) -> None:
        self.place = place
        self.seed = seed
        self.kills = 0
        #: What became of the commands: ``killed``, ``survived``; by roads.
        self.tally: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._cloud: Cloud = random_cloud(self._chance)
        self._now: Path | None = None
        self._told: list[str] = []

    def run(self, kills: int, progress: Callable[[int], None] = lambda _done: None) -> None:
        """Go on until so many processes were killed."""
        for _ in range(kills * 20):
            if self.kills >= kills:
                return
            self.once()
            progress(self.kills)
        raise AssertionError(f"seed {self.seed}: only {self.kills} of {kills} processes died in time")

    def once(self) -> None:
        """One change, killed perhaps; a start after it, killed perhaps; what must hold then."""
        before, target = self._now, self._next()
        road = self._chance.choice(ROADS)
        self._told = [*self._told[-8:], f"{_short(before)} -> {_short(target)}, on by {road}"]
        if not self._struck(*command(target)):
            self._now = target
            self._judge(self.place.faults())
            return
        if self._died_again(road, target):
            road = "again"  # whatever was begun in between, the same command ends where it says
        self._told.append(f"  at last by {road}")
        self._judge(go_on(self.place, road, before, target))
        self._now = target if self.place.source() == name(target) else before
        if self._chance.random() < 0.2:
            self._judge(idle(self.place, self._now))

    def _next(self) -> Path | None:
        if self._now is not None and self._chance.random() < 0.08:
            return None
        self._cloud = next_cloud(self._chance, self._cloud)
        return self.place.file(self._cloud.topology())

    def _died_again(self, road: Road, target: Path | None) -> bool:
        """Start after a crash and kill that too, some times; whether one went another way than ``road``."""
        strayed = False
        for _ in range(_AGAIN):
            if self._chance.random() > 0.25:
                break
            way = road if self._chance.random() < 0.7 else self._chance.choice(ROADS)
            strayed |= way != road
            if not self._struck(*self._starting(way, target)):
                break
        return strayed

    def _starting(self, road: Road, target: Path | None) -> tuple[str | Path, ...]:
        """A command after a crash."""
        if road == "again":
            return command(target)
        return ("recover", "--back") if road == "back" else ("recover",)

    def _struck(self, *arguments: str | Path) -> bool:
        """Run a command and kill it; whether it died of that."""
        kill = self._kill()
        workers = ("-p", "2") if self._chance.random() < 0.25 else ()
        process = self.place.start(*arguments, *workers, strike=kill.strike)
        if not kill.strike.at and not process.ends_within(kill.seconds):
            process.send(9)
        ended = process.wait()
        self._tell(kill, ended)
        if ended.killed:
            self.kills += 1
        elif ended.status != 0:
            self._judge([str(ended)])
        return ended.killed

    def _kill(self) -> Kill:
        if self._chance.random() < 0.3:
            return Kill(seconds=self._chance.uniform(0.005, _LONGEST))
        moment: Moment = self._chance.choice(MOMENTS)
        # Half of them at an effect, the others at anything: among all crossings effects are few.
        most, verbs = self._chance.choice(((_CROSSINGS, ()), (_EFFECTS, EFFECTS)))
        at = 1 + int(most * self._chance.random() ** 1.5)
        return Kill(strike=Strike(at=at, moment=moment, verbs=verbs))

    def _tell(self, kill: Kill, ended: Ended) -> None:
        self.tally["killed" if ended.killed else "survived"] += 1
        where = f"{kill.strike.moment} {kill.strike.at}" if kill.strike.at else f"at {kill.seconds:.3f} s"
        words = " ".join(_short(Path(one)) for one in ended.arguments[:2])
        self._told.append(f"  {words}: {where}: {ended.status}")

    def _judge(self, wrong: list[str]) -> None:
        history = "\n".join(self._told)
        assert not wrong, f"seed {self.seed}, kill {self.kills}\n{history}\n" + "\n".join(wrong)


def _short(path: Path | None) -> str:
    return "nothing" if path is None else path.name
