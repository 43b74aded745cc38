"""The state directory: what was committed, what is being changed, what could not be done, and who did it.

What a change is about to do is on the disk before its first write to the kernel (:meth:`State.begin`), what
became of it after the last one (:meth:`State.finish`)::

    committed --begin--> committed + pending + intents --finish--> committed (= what was pending)
                                                       --abandon-> committed (as before)

What is in the kernel is never taken from here, but for a moment (:mod:`deuteron.agent.resume`): that is
looked at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Final, Self

import msgspec

from deuteron.apply.result import Result
from deuteron.domain import HostView
from deuteron.errors import HostError
from deuteron.inputs.allocate import Allocations
from deuteron.kernel.linux.memory import Ruleset
from deuteron.locks import Rank
from deuteron.reconcile import UnitPlan
from deuteron.state import journal, ledger
from deuteron.state.database import SCHEMA_VERSION, Database, readable
from deuteron.state.file_lock import lock_file
from deuteron.state.history import Record
from deuteron.state.journal import Intent, Target
from deuteron.state.quarantine import Quarantined

__all__ = ["SCHEMA_VERSION", "Clock", "Committed", "State", "default_state_dir", "utc_now"]

#: Under which name it is kept where a change of the whole host was last made.
_LOOKED: Final = "looked"

#: What time it is, UTC.
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time of this host's clock."""
    return datetime.now(UTC)


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """The desired state that was last applied.

    Attributes:
        source: the path of the file that it came from.
        at: when, UTC.
    """

    view: HostView
    source: str
    at: datetime


def default_state_dir() -> Path:
    """``/var/lib/deuteron`` for root, else the user's state directory (XDG base directories)."""
    if os.geteuid() == 0:
        return Path("/var/lib/deuteron")
    home = os.environ.get("XDG_STATE_HOME", "")
    # The specification says to ignore a relative path.
    base = Path(home) if home.startswith("/") else Path.home() / ".local" / "state"
    return base / "deuteron"


class State:
    """A state directory; made, with mode 0700, where it does not exist.

    Args:
        path: the directory.
        clock: what time it is.
        random: for the spread of waits.

    Raises:
        HostError: ``state-unusable``, ``state-permissions``, ``state-corrupt`` or ``state-newer``.
    """

    def __init__(self, path: Path, *, clock: Clock = utc_now, random: Random | None = None) -> None:
        self.path = path
        self.clock = clock
        self._random = random or Random()  # noqa: S311 -- it spreads waits, it keeps no secret
        self._file = path / "state.sqlite"
        self._kept: dict[str, Ruleset] | None = None
        self._database = Database(self._file)
        self._documents = ledger.Documents(self._database)
        self._allocated: Allocations | None = None

    @property
    def id(self) -> str:
        """Of this directory: chosen at random when it was made, and never changed.

        Raises:
            HostError: it cannot be read.
        """
        with readable(self._file):
            for key, value in self._database.rows("meta"):
                if key == "id":
                    return str(value)
            raise ValueError("its id is missing")

    def looked_at(self) -> str:
        """Where a change of the whole host was last made, as :meth:`note_look` was told; "": nowhere.

        Raises:
            HostError: it cannot be read.
        """
        with readable(self._file):
            return next((str(value) for key, value in self._database.rows("meta") if key == _LOOKED), "")

    def note_look(self, place: str) -> None:
        """Write down where a change of the whole host was made: the boot, the namespace, the version.

        Raises:
            HostError: the disk or the database refuses.
        """
        with self._database.transaction():
            self._database.put("meta", [(_LOOKED, place)])

    def begin(self, target: Target, units: Iterable[UnitPlan], *, keep: Iterable[Intent] = ()) -> None:
        """Write down what is about to be done; on the disk when it returns.

        Nothing is written where no unit is to be changed.

        Args:
            target: where the change is going.
            units: what is to be done, unit by unit.
            keep: intents of before whose units could not be made whole.

        Raises:
            HostError: the disk or the database refuses; the kernel is not to be touched then.
        """
        intents = [Intent(unit=one.unit, title=one.title, steps=one.steps) for one in units]
        if not intents:
            return
        rows = [(n, one.unit, journal.encode(one)) for n, one in enumerate([*keep, *intents])]
        database = self._database
        with database.transaction():
            view = self._documents.keep(target.view)
            allocations = self._documents.keep(target.allocations)
            at = target.at.isoformat()
            database.put("pending", [(1, target.verb, view, target.source, at, allocations)])
            database.drop("intent")
            database.put("intent", rows)
            self._documents.sweep()

    def pending(self) -> Target | None:
        """The change that was begun and not finished, or ``None``.

        Raises:
            HostError: it cannot be read.
        """
        with readable(self._file):
            for row in self._database.rows("pending"):
                _id, verb, view, source, at, allocations = map(str, row)
                wanted = view != ledger.NO_DOCUMENT
                return Target(
                    verb="apply" if verb == "apply" else "destroy",
                    view=self._documents.get(view, HostView) if wanted else None,
                    source=source,
                    at=datetime.fromisoformat(at),
                    allocations=self._documents.get(allocations, Allocations),
                )
        return None

    def intents(self) -> tuple[Intent, ...]:
        """What was about to be done and is not known to be done or taken back, in its order.

        Raises:
            HostError: it cannot be read.
        """
        with readable(self._file):
            rows = self._database.rows("intent")
            return tuple(journal.decode(ledger.blob(content)) for _position, _unit, content in rows)

    def finish(
        self,
        target: Target,
        result: Result,
        rulesets: Iterable[Ruleset] | None = None,
        *,
        wanted: Collection[str] | None = None,
        whole: bool = True,
        unwhole: Collection[str] = (),
    ) -> None:
        """Write down what became of a change, in one transaction.

        The target is what is committed now; for ``destroy`` nothing is, and where something is left of
        what was, that nothing is wanted.
        The intent of a unit that could not be taken back stays: it tells what to look for.

        Args:
            target: where it went.
            result: what became of each unit.
            rulesets: what the last look has found, see :meth:`remember`; ``None``: those of before stay.
            wanted: the names of all units that are wanted now; ``None`` where that is not known.
            whole: the plan was for the whole host: a unit that has not failed in it is as wanted.
            unwhole: units that recovery could not make whole; done, they are.

        Raises:
            HostError: ``not-recorded``, the disk or the database refuses: the kernel is as it was
                made, and the journal stays for the next start to find that out.
        """
        try:
            with self._database.transaction():
                self._finish(target, result, wanted, whole=whole)
                self._close_journal(_still_unwhole(result, unwhole))
                if rulesets is not None:
                    self._remember(rulesets)
        except HostError as error:
            raise HostError(
                "not-recorded",
                f"the host is changed, but that could not be written down: {error.message};"
                " when that is mended, finish it: deuteron recover",
            ) from error
        self._allocated = target.allocations if target.view is not None else None

    def _finish(self, target: Target, result: Result, wanted: Collection[str] | None, *, whole: bool) -> None:
        database, now = self._database, self.clock()
        if target.view is not None:
            view = self._documents.keep(target.view)
            database.put("committed", [(1, view, target.source, target.at.isoformat())])
            self._allocate(target.allocations)
        elif result.ok:
            database.drop("committed")
            self._allocate(Allocations())
            database.drop("history")
        elif (before := self.committed()) is not None:
            # What is left is not wanted any more: the doctor finds it, and whatever goes on removes it.
            nothing = self._documents.keep(HostView(host=before.host))
            database.put("committed", [(1, nothing, target.verb, target.at.isoformat())])
        ledger.judge(database, result.units, now, self._random, wanted=wanted, whole=whole)
        ledger.chronicle(database, target, result.units, now, wanted=wanted)

    def _allocate(self, allocations: Allocations) -> None:
        """Write down what has been given, where that is not known to be there already."""
        if allocations is not self._allocated:
            self._allocated = None
            ledger.allocate(self._database, allocations.entries)

    def abandon(self) -> None:
        """Forget the pending change, of which nothing is in the kernel; what was committed stays.

        Raises:
            HostError: the disk or the database refuses.
        """
        with self._database.transaction():
            self._close_journal(())

    def commit(self, view: HostView, source: str, allocations: Allocations | None = None) -> None:
        """Write down a desired state as the committed one, without a change.

        Args:
            view: what is wanted.
            source: where it came from.
            allocations: all of them; ``None`` leaves those that are there.

        Raises:
            HostError: the disk or the database refuses.
        """
        database = self._database
        with database.transaction():
            name = self._documents.keep(view)
            database.put("committed", [(1, name, source, self.clock().isoformat())])
            if allocations is not None:
                self._allocate(allocations)
            self._documents.sweep()

    def keep(self, allocations: Allocations) -> None:
        """Write down allocations alone, as those of what will be applied next (``deuteron doctor --adopt``).

        Raises:
            HostError: the disk or the database refuses.
        """
        with self._database.transaction():
            self._allocate(allocations)

    def clear(self) -> None:
        """Forget the desired state, the allocations and all that was noted: nothing is wanted any more."""
        with self._database.transaction():
            for table in ("ruleset", "committed", "quarantine", "history", "allocation"):
                self._database.drop(table)
            self._close_journal(())
        self._kept = self._allocated = None

    def committed(self) -> HostView | None:
        """The desired state that was last applied, or ``None``."""
        record = self.record()
        return record.view if record is not None else None

    def record(self) -> Committed | None:
        """The same with its source and time.

        Raises:
            HostError: it cannot be read.
        """
        with readable(self._file):
            for row in self._database.rows("committed"):
                _id, view, source, at = map(str, row)
                return Committed(
                    view=self._documents.get(view, HostView),
                    source=source,
                    at=datetime.fromisoformat(at),
                )
        return None

    def allocations(self) -> Allocations:
        """What has been allocated, sorted: by the change that is pending, else by what was committed.

        Raises:
            HostError: it cannot be read.
        """
        pending = self.pending()
        if pending is not None and pending.view is not None:
            return pending.allocations
        return self.committed_allocations()

    def committed_allocations(self) -> Allocations:
        """What the committed state has been given, whatever is pending; sorted.

        Raises:
            HostError: it cannot be read.
        """
        with readable(self._file):
            return Allocations(entries=tuple(sorted(ledger.allocated(self._database))))

    def quarantine(self) -> tuple[Quarantined, ...]:
        """The units that are not as wanted since they could not be made so, sorted by name.

        Raises:
            HostError: it cannot be read.
        """
        with readable(self._file):
            return tuple(ledger.quarantined(self._database).values())

    def history(self) -> dict[str, Record]:
        """By unit, who put it there and when.

        Raises:
            HostError: it cannot be read.
        """
        with readable(self._file):
            return ledger.records(self._database)

    def rulesets(self) -> list[Ruleset]:
        """What was kept; empty where it is of another version, and only to be listed anew.

        Raises:
            HostError: the database cannot be read.
        """
        rows = self._database.rows("ruleset")
        decoder = msgspec.msgpack.Decoder(Ruleset)
        try:
            with readable(self._file):
                contents = [ledger.blob(content) for _netns, content in rows]
            found = [decoder.decode(content) for content in contents]
        except (ValueError, RecursionError):
            return []
        self._kept = {one.netns: one for one in found}
        return found

    def remember(self, rulesets: Iterable[Ruleset]) -> None:
        """Keep what a look has found for the next process; it saves time and decides nothing.

        Raises:
            HostError: the disk or the database refuses.
        """
        with self._database.transaction():
            self._remember(rulesets)

    def _remember(self, rulesets: Iterable[Ruleset]) -> None:
        found = tuple(rulesets)
        # Until the transaction is known to be on the disk, nobody knows what is there.
        kept, self._kept = self._kept, None
        ledger.remember(self._database, found, kept)

    def _close_journal(self, kept: Collection[str]) -> None:
        self._database.drop("pending")
        gone = [(n,) for n, unit, _content in self._database.rows("intent") if unit not in kept]
        self._database.drop("intent", gone)
        self._documents.sweep()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Exclude every other apply on this directory; the lock dies with the process.

        Raises:
            HostError: ``state-locked`` where another one holds it.
        """
        with lock_directory(self.path):
            yield

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _still_unwhole(result: Result, unwhole: Collection[str]) -> set[str]:
    """The units whose intents are still needed, to tell what they left."""
    done = {one.unit for one in result.units if one.outcome == "done"}
    failed = {one.unit for one in result.units if one.outcome == "undo-failed"}
    return failed | set(unwhole) - done


@contextmanager
def lock_directory(path: Path) -> Iterator[None]:
    """:meth:`State.locked` of a directory whose database may be damaged.

    Raises:
        HostError: ``state-locked`` where another process holds it.
    """
    file = path / "lock"
    busy = HostError(
        "state-locked",
        f"another deuteron is applying or watching with the state directory {path}; wait for it to end,"
        " or where it is the service, change the file that it watches or stop it",
    )
    with lock_file(file, Rank.STATE, lambda: readable(file), busy):
        yield
