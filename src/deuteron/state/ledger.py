"""What the tables of a state directory hold, as values; each function runs inside a caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from random import Random
from typing import Final, TypeVar

import msgspec

from deuteron.apply.result import UnitResult
from deuteron.inputs.allocate import Allocation
from deuteron.kernel.linux.memory import Ruleset
from deuteron.state import history, quarantine
from deuteron.state.database import Cell, Database, Row, identity
from deuteron.state.history import Record
from deuteron.state.journal import Target
from deuteron.state.quarantine import Failure, Quarantined

T = TypeVar("T")

#: Stands for a document that is not there: nothing is wanted.
NO_DOCUMENT: Final = ""


def blob(cell: Cell) -> bytes:
    """A cell that holds bytes.

    Raises:
        ValueError: it holds something else.
    """
    if not isinstance(cell, bytes):
        raise ValueError("text where bytes are expected")  # noqa: TRY004 -- of the file, not of the program
    return cell


class Documents:
    """Values that are kept by the digest of their content.

    A watch keeps the same few again and again, so what this process has written or read once is
    neither encoded nor decoded again; that it is in the database is looked at every time.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, object] = {}

    def keep(self, value: object) -> str:
        """Keep a value, and tell its name; what is there already costs no write."""
        if value is None:
            return NO_DOCUMENT
        there = self._database.keys("document")
        name = next((name for name, known in self._known.items() if known is value), "")
        if name and (name,) in there:
            return name
        content = msgspec.json.encode(value)
        name = identity(content)
        if (name,) not in there:
            self._database.put("document", [(name, content)])
        self._known[name] = value
        return name

    def get(self, name: str, kind: type[T]) -> T:
        """The value that was kept.

        Raises:
            ValueError: it is not there, or not of that kind.
        """
        if (name,) not in self._database.keys("document"):
            raise ValueError(f"the document {name!r} is missing")
        known = self._known.get(name)
        if isinstance(known, kind):
            return known
        ((_name, content),) = self._database.rows("document", [(name,)])
        value = msgspec.json.decode(blob(content), type=kind)
        self._known[name] = value
        return value

    def sweep(self) -> None:
        """Remove what neither the committed nor the pending change tells of."""
        told = {view for _id, view, *_rest in self._database.rows("committed")}
        for _id, _verb, view, _source, _at, allocations in self._database.rows("pending"):
            told |= {view, allocations}
        gone = [name for name in self._database.keys("document") if name[0] not in told]
        self._database.drop("document", gone)
        self._known = {name: value for name, value in self._known.items() if name in told}


def allocated(database: Database) -> Iterator[Allocation]:
    """What the committed state has been given."""
    for row in database.rows("allocation"):
        kind, scope, key, value = map(str, row)
        yield Allocation(kind=kind, scope=scope, key=key, value=value)


def allocate(database: Database, wanted: Iterable[Allocation]) -> None:
    """Make that what has been given: only what differs is written."""
    new = {(one.kind, one.scope, one.key, one.value) for one in wanted}
    old = {(one.kind, one.scope, one.key, one.value) for one in allocated(database)}
    database.drop("allocation", sorted(old - new))
    database.put("allocation", sorted(new - old))


def quarantined(database: Database) -> dict[str, Quarantined]:
    """By unit, what could not be made."""
    return _values(database.rows("quarantine"), Quarantined)


def judge(
    database: Database,
    units: Sequence[UnitResult],
    now: datetime,
    random: Random,
    *,
    wanted: Collection[str] | None,
    whole: bool,
) -> None:
    """Put the units that failed into quarantine, and let go those that are as wanted."""
    failures = [
        Failure(unit=one.unit, title=one.title, code=one.code, error=one.error, left=one.left)
        for one in units
        if one.outcome != "done"
    ]
    before = quarantined(database)
    rows = quarantine.updated(before, failures, now, random)
    done = {one.unit for one in units if one.outcome == "done"}
    gone = [
        unit
        for unit in before
        if unit not in rows and (whole or unit in done or (wanted is not None and unit not in wanted))
    ]
    database.drop("quarantine", [(unit,) for unit in gone])
    database.put("quarantine", [(unit, msgspec.msgpack.encode(one)) for unit, one in rows.items()])


def records(database: Database) -> dict[str, Record]:
    """By unit, who put it there and when."""
    return _values(database.rows("history"), Record)


def chronicle(
    database: Database,
    target: Target,
    units: Sequence[UnitResult],
    now: datetime,
    *,
    wanted: Collection[str] | None,
) -> None:
    """Note who has changed what is done; what is done and no longer wanted is gone."""
    done = [one.unit for one in units if one.outcome == "done"]
    before = _values(database.rows("history", [(unit,) for unit in done]), Record)
    gone = {unit for unit in done if target.view is None or (wanted is not None and unit not in wanted)}
    rows = {unit: history.changed(before.get(unit), target, now) for unit in done if unit not in gone}
    database.drop("history", [(unit,) for unit in sorted(gone)])
    database.put("history", [(unit, msgspec.msgpack.encode(one)) for unit, one in rows.items()])


def remember(database: Database, rulesets: Iterable[Ruleset], kept: dict[str, Ruleset] | None) -> None:
    """Write the rulesets that differ from ``kept``, which is what is there; ``None``: that is not known."""
    new = {one.netns: one for one in rulesets}
    if kept is None:
        database.drop("ruleset")
        kept = {}
    database.drop("ruleset", [(netns,) for netns in kept if netns not in new])
    changed = [one for netns, one in new.items() if kept.get(netns) != one]
    database.put("ruleset", [(one.netns, msgspec.msgpack.encode(one)) for one in changed])


def _values(rows: Iterable[Row], kind: type[T]) -> dict[str, T]:
    return {str(unit): msgspec.msgpack.decode(blob(content), type=kind) for unit, content in rows}
