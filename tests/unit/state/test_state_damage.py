"""A damaged state file is found before anything is decided by it; an old one is understood."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import pytest

from deuteron.errors import HostError
from deuteron.state.database import TABLES
from deuteron.state.directory import State
from tests.unit.compile.world import centralised, distributed
from tests.unit.state.test_journal import result, target, units

STEP: Final = 61
#: Whatever is wrong with the file, one of these says so.
TOLD: Final = {"state-corrupt", "state-newer"}


def fill(path: Path) -> None:
    """A directory with something in every table."""
    with State(path) as state:
        state.commit(centralised().view(), "old.yaml", target(None, "1", "2").allocations)
        state.finish(
            target(centralised().view(), "1", "2"), result(("router/a", "done"), ("port/b", "undone"))
        )
        state.begin(target(centralised().view(), "2", "3"), units()[:1])


def contents(path: Path) -> list[object]:
    with State(path) as state:
        return [
            state.id,
            state.record(),
            state.pending(),
            state.intents(),
            state.history(),
            state.quarantine(),
        ]


def refusal(path: Path) -> str:
    """The code with which the directory is refused, "" where all of it can be read."""
    try:
        contents(path)
    except HostError as error:
        return error.code
    return ""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[object]]:
    path = tmp_path_factory.mktemp("good")
    fill(path)
    return (path / "state.sqlite").read_bytes(), contents(path)


def test_a_flipped_bit_is_found_or_was_in_no_use(good: tuple[bytes, list[object]], tmp_path: Path) -> None:
    content, read = good
    told = 0
    path = tmp_path / "state"
    for offset in range(0, len(content), STEP):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        spoiled = bytearray(content)
        spoiled[offset] ^= 1 << offset % 8
        (path / "state.sqlite").write_bytes(spoiled)
        try:
            assert contents(path) == read, f"byte {offset} was changed, and so is what is read"
        except HostError as error:
            assert error.code in TOLD, f"byte {offset}: {error.code}: {error.message}"  # noqa: PT017
            told += 1
    assert told > 100


def test_a_torn_file_is_never_taken_for_a_new_or_a_whole_one(
    good: tuple[bytes, list[object]], tmp_path: Path
) -> None:
    content, _ = good
    path = tmp_path / "state"
    for size in [*range(0, 200, 7), *range(200, len(content) - 1, 1021), len(content) - 1]:
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        (path / "state.sqlite").write_bytes(content[:size])
        assert refusal(path) == "state-corrupt", f"cut after byte {size}"


def test_a_log_of_another_time_beside_the_file_changes_nothing_or_is_found(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    with State(old) as state:
        state.commit(distributed().view(), "from the log.yaml")
        log = (old / "state.sqlite-wal").read_bytes()
    assert log
    fill(new)
    read = contents(new)
    (new / "state.sqlite-wal").write_bytes(log)
    try:
        assert contents(new) == read
    except HostError as error:
        assert error.code == "state-corrupt"  # noqa: PT017


def test_what_a_killed_process_wrote_last_is_there_or_not_at_all(tmp_path: Path) -> None:
    with State(tmp_path / "state") as state:
        state.commit(centralised().view(), "old.yaml")
        beside = tmp_path / "state" / "state.sqlite-wal"
        assert beside.exists(), "it is written into the file itself"
        before = beside.stat().st_size
        state.commit(distributed().view(), "new.yaml")
        # As a kill at this moment leaves it: nothing has gone from the log into the file.
        shutil.copytree(tmp_path / "state", tmp_path / "killed")
    log = (tmp_path / "killed" / "state.sqlite-wal").read_bytes()
    for size in [*range(before, len(log), 997), len(log)]:
        torn = tmp_path / "torn"
        shutil.rmtree(torn, ignore_errors=True)
        shutil.copytree(tmp_path / "killed", torn)
        (torn / "state.sqlite-wal").write_bytes(log[:size])
        (torn / "state.sqlite-shm").unlink(missing_ok=True)
        with State(torn) as state:
            view = state.committed()
        assert view == (distributed() if size == len(log) else centralised()).view(), f"log cut at {size}"


def test_what_somebody_rewrites_is_found(tmp_path: Path) -> None:
    fill(tmp_path)
    statements = {
        "committed": "UPDATE committed SET source = 'mine.yaml'",
        "pending": "UPDATE pending SET verb = 'destroy'",
        "allocation": "UPDATE allocation SET value = '9' WHERE value = '1'",
        "intent": "UPDATE intent SET position = 7 WHERE position = 0",
        "history": "UPDATE history SET unit = 'router/z'",
        "quarantine": "UPDATE quarantine SET digest = x''",
        "meta": "UPDATE meta SET value = 'another'",
        "document": "UPDATE document SET content = x'7b7d'",
    }
    assert statements.keys() == TABLES.keys() - {"ruleset"}
    for table, statement in statements.items():
        copy = tmp_path / table
        copy.mkdir(mode=0o700)
        shutil.copy(tmp_path / "state.sqlite", copy)
        with sqlite3.connect(copy / "state.sqlite") as database:
            database.execute(statement)
        database.close()
        assert refusal(copy) == "state-corrupt", table


# --- the schema before this one

_SCHEMA_1: Final = """
BEGIN IMMEDIATE;
CREATE TABLE committed (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    view BLOB NOT NULL,
    source TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE TABLE allocation (
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (kind, scope, key),
    UNIQUE (kind, scope, value)
) STRICT, WITHOUT ROWID;
CREATE TABLE ruleset (
    netns TEXT PRIMARY KEY,
    content BLOB NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
COMMIT;
"""


def old_directory(path: Path) -> None:
    path.mkdir(mode=0o700)
    database = sqlite3.connect(path / "state.sqlite", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(_SCHEMA_1)
    row = (msgspec.json.encode(distributed().view()), "old.yaml", "2026-01-02T03:04:05+00:00")
    database.execute("INSERT INTO committed VALUES (1, ?, ?, ?)", row)
    database.execute("INSERT INTO allocation VALUES ('leg', 'public', 'a', '1')")
    database.execute("INSERT INTO ruleset VALUES ('qrouter-a', x'00')")
    database.close()


def test_a_directory_of_the_first_schema_is_taken_over_once(tmp_path: Path) -> None:
    old_directory(tmp_path / "state")
    with State(tmp_path / "state") as state:
        record, identity = state.record(), state.id
        assert record is not None
        assert (record.view, record.source, record.at.year) == (distributed().view(), "old.yaml", 2026)
        assert [one.value for one in state.allocations().entries] == ["1"]
        assert (state.pending(), state.intents(), state.rulesets()) == (None, (), [])
    with State(tmp_path / "state") as state:
        assert (state.record(), state.id) == (record, identity)


# --- disks


def without_space(path: Path) -> None:
    """A file system of its own without a free byte."""
    path.mkdir(mode=0o700, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=0700", "none", str(path)], check=True)


def fill_up(path: Path) -> None:
    with (path / "ballast").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def try_often(what: Callable[[], None]) -> HostError:
    """The refusal, when what is free inside the files is used up."""
    for _ in range(100):
        try:
            what()
        except HostError as error:
            return error
    raise AssertionError("a full disk refuses nothing")


@pytest.mark.kernel
def test_a_full_disk_is_told_and_what_was_committed_stays(tmp_path: Path) -> None:
    path = tmp_path / "state"
    without_space(path)
    try:
        with State(path) as state:
            state.commit(centralised().view(), "old.yaml")
            fill_up(path)
            refused = try_often(lambda: state.begin(target(distributed().view(), "1"), units()))
            assert refused.code == "state-unusable"
            assert "full" in refused.message
            done = result(*((unit.unit, "done") for unit in units()))
            refused = try_often(lambda: state.finish(target(distributed().view()), done))
            assert refused.code == "not-recorded"
            assert "deuteron recover" in refused.message
            (path / "ballast").unlink()
        with State(path) as state:
            assert state.committed() in (centralised().view(), distributed().view())
    finally:
        subprocess.run(["umount", str(path)], check=True)


@pytest.mark.kernel
def test_a_new_directory_on_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state"
    without_space(path)
    try:
        fill_up(path)
        with pytest.raises(HostError, match="No space left") as refused:
            State(path)
        assert refused.value.code == "state-unusable"
        assert [file.name for file in path.iterdir()] == ["ballast"]
    finally:
        subprocess.run(["umount", str(path)], check=True)


@pytest.mark.kernel
@pytest.mark.parametrize("prepare", [fill, lambda path: None], ids=["used", "empty"])
def test_a_read_only_mount_is_told(prepare: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    prepare(path)
    subprocess.run(["mount", "--bind", str(path), str(path)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(path)], check=True)
        with pytest.raises(HostError, match="--state-dir") as refused:
            State(path)
        assert refused.value.code == "state-unusable"
    finally:
        subprocess.run(["umount", str(path)], check=True)


def test_of_two_processes_that_make_a_directory_both_get_the_same(tmp_path: Path) -> None:
    with State(tmp_path) as one, State(tmp_path) as two:
        assert one.id == two.id
    assert sorted(os.listdir(tmp_path)) == ["state.sqlite"]  # noqa: PTH208
