"""The state directory survives, says what is wrong with it, and admits one apply at a time."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deuteron.errors import HostError
from deuteron.inputs.allocate import Allocation, Allocations
from deuteron.state.directory import State, default_state_dir
from tests.unit.compile.world import centralised, distributed


def allocations(*values: str) -> Allocations:
    entries = (
        Allocation(kind="leg", scope="public", key=f"r{n}", value=value) for n, value in enumerate(values)
    )
    return Allocations(entries=tuple(entries))


def test_what_was_committed_is_there_for_the_next_process(tmp_path: Path) -> None:
    view = distributed().view()
    with State(tmp_path / "state") as state:
        assert state.committed() is None
        state.commit(centralised().view(), "old.yaml", allocations("1"))
        state.commit(view, "topology.yaml", allocations("3", "5"))
    with State(tmp_path / "state") as state:
        record = state.record()
        assert record is not None
        assert (record.view, record.source) == (view, "topology.yaml")
        assert state.allocations() == allocations("3", "5")
        state.clear()
        assert state.committed() is None
        assert state.allocations() == Allocations()


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    with State(tmp_path / "state") as state, state.locked():
        state.commit(distributed().view(), "topology.yaml")
        assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in state.path.iterdir()} == {0o600}


def test_a_directory_that_others_can_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(HostError, match="chmod 700") as refused:
        State(tmp_path)
    assert refused.value.code == "state-permissions"


def test_a_second_apply_is_refused_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    hold = (
        "import fcntl, sys, time; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX);"
        "print(1, flush=True); time.sleep(60)"
    )
    with State(tmp_path) as state:
        with subprocess.Popen(
            [sys.executable, "-c", hold, str(tmp_path / "lock")], stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            other.stdout.readline()
            try:
                with pytest.raises(HostError, match=str(tmp_path)) as refused, state.locked():
                    pass
                assert refused.value.code == "state-locked"
            finally:
                other.kill()
        with state.locked():
            pass


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(HostError, match=r"state\.sqlite is damaged") as refused:
        State(tmp_path)
    assert refused.value.code == "state-corrupt"


def test_a_view_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        state.commit(distributed().view(), "topology.yaml")
    with sqlite3.connect(tmp_path / "state.sqlite") as database:
        database.execute("UPDATE document SET content = x'7b'")
    database.close()
    with pytest.raises(HostError, match="deuteron doctor --adopt") as refused:
        State(tmp_path)
    assert refused.value.code == "state-corrupt"


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    State(tmp_path).close()
    with sqlite3.connect(tmp_path / "state.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(HostError, match="newer version") as refused:
        State(tmp_path)
    assert refused.value.code == "state-newer"


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match="--state-dir") as refused:
        State(tmp_path / "file" / "state")
    assert refused.value.code == "state-unusable"


def test_two_owners_of_one_value_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        state.commit(distributed().view(), "good.yaml", allocations("1", "2"))
    with sqlite3.connect(tmp_path / "state.sqlite") as database, pytest.raises(sqlite3.IntegrityError):
        database.execute("INSERT INTO allocation VALUES ('leg', 'public', 'another', '1', x'')")
    database.close()


def test_the_directory_of_root_and_of_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_state_dir() == Path("/var/lib/deuteron")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_STATE_HOME", "/home/u/state")
    assert default_state_dir() == Path("/home/u/state/deuteron")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/u")
    assert default_state_dir() == Path("/home/u/.local/state/deuteron")
