"""What reads the state: rows with a right digest, such as another version or a defect might have written."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from deuteron.kernel.linux.memory import Ruleset
from deuteron.kernel.linux.nft import NftListing
from deuteron.state.database import TABLES, Cell, _digest, readable
from deuteron.state.directory import State
from deuteron.state.journal import decode, encode
from tests.fuzz.strategies import octets
from tests.fuzz.target import Target
from tests.unit.state.test_state_damage import contents, fill


class _Place(NamedTuple):
    """A cell: of which table, which row, which column."""

    table: str
    row: int
    column: int


class _Filled(NamedTuple):
    file: bytes
    cells: dict[_Place, Cell]


@lru_cache(maxsize=1)
def _filled() -> _Filled:
    """A database with something in every table, and what is in it."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "state"
        fill(path)
        with State(path) as state:
            listing = NftListing(table=None, foreign=("ip x",))
            state.remember([Ruleset(netns="qrouter-1", boot="b", cookie=1, generation=2, listing=listing)])
        cells: dict[_Place, Cell] = {}
        connection = sqlite3.connect(path / "state.sqlite")
        for table in TABLES:
            for number, row in enumerate(connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")):
                cells |= {_Place(table, number, n): cell for n, cell in enumerate(row[:-1])}
        connection.close()
        return _Filled((path / "state.sqlite").read_bytes(), cells)


def _seeds() -> list[bytes]:
    """The number of a cell, then what is in it."""
    cells = _filled().cells.values()
    return [
        bytes([number]) + (one if isinstance(one, bytes) else str(one).encode())
        for number, one in enumerate(cells)
    ]


def _rewritten(path: Path, place: _Place, data: bytes) -> None:
    """Put something else in a cell, with the digest that its row has then."""
    filled = _filled()
    path.mkdir(mode=0o700)
    (path / "state.sqlite").write_bytes(filled.file)
    columns = list(TABLES[place.table].columns.items())
    name, kind = columns[place.column]
    row = [filled.cells[place._replace(column=number)] for number in range(len(columns))]
    key = row[0]
    new = _cell(kind, data)
    row[place.column] = new
    connection = sqlite3.connect(path / "state.sqlite", isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    statement = f"UPDATE OR REPLACE {place.table} SET {name} = ?, digest = ? WHERE {columns[0][0]} = ?"
    try:
        connection.execute(statement, (new, _digest(place.table, tuple(row)), key))
    except sqlite3.IntegrityError:
        pass  # the file cannot hold that
    finally:
        connection.close()


def _cell(kind: str, data: bytes) -> Cell:
    if kind == "BLOB":
        return data
    text = data.decode("utf-8", "replace")
    if kind == "TEXT":
        return text
    return int.from_bytes(data[:7], "big", signed=True)


def _rows(data: bytes, scratch: Path) -> None:
    """All that a directory holds, as every command reads it."""
    path = scratch / "state"
    shutil.rmtree(path, ignore_errors=True)
    places = list(_filled().cells)
    number = data[0] if data else 0
    _rewritten(path, places[number % len(places)], data[1:])
    contents(path)
    with State(path) as state:
        state.allocations()
        state.committed_allocations()
        state.rulesets()


def _intent(data: bytes, scratch: Path) -> None:
    """What is read of the journal can be written, and is equal then."""
    with readable(scratch / "state.sqlite"):
        found = decode(data)
    assert decode(encode(found)) == found


def _intents() -> list[bytes]:
    return [
        one for place, one in _filled().cells.items() if place.table == "intent" and isinstance(one, bytes)
    ]


OF_STATE: Final = (
    Target("state-row", octets(_seeds()), _rows, cost=6),
    Target("journal", octets(_intents()), _intent),
)
