"""The API's process holds nothing of Alembic: a child brings the store to the present, and is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final, NoReturn

import pytest
from sqlalchemy import create_engine

from deuteron.errors import HostError
from deuteron.serve.migrate import to_present
from deuteron.store import schema
from deuteron.store.store import Store

#: What the API's process does, in one that has loaded nothing else.
_AS_THE_API: Final = """
import sys
from pathlib import Path
import deuteron.serve.api_process
from deuteron.serve.migrate import to_present
from deuteron.store.store import Store
path = Path(sys.argv[1])
to_present(path)
Store(f"sqlite:///{path}").close()
print(sorted({name.partition(".")[0] for name in sys.modules} & {"alembic", "mako"}))
"""


def test_neither_a_new_store_nor_one_that_is_there_costs_the_api_alembic(tmp_path: Path) -> None:
    for _ in ("new", "there"):
        done = subprocess.run(
            [sys.executable, "-c", _AS_THE_API, str(tmp_path / "a.db")],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert done.stdout == "[]\n"
    assert schema.is_present(tmp_path / "a.db")


def test_asking_makes_no_store(tmp_path: Path) -> None:
    assert not schema.is_present(tmp_path / "a.db")
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_present_takes_no_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(f"sqlite:///{tmp_path / 'a.db'}").close()
    forked: list[str] = []

    def fork() -> NoReturn:
        forked.append("a child")
        _refused()

    monkeypatch.setattr(os, "fork", fork)

    to_present(tmp_path / "a.db")

    assert not forked


def test_without_room_for_a_child_the_store_is_made_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as fault:
        fault.setattr(os, "fork", _refused)
        to_present(tmp_path / "a.db")
    Store(f"sqlite:///{tmp_path / 'a.db'}").close()

    assert schema.is_present(tmp_path / "a.db")


def test_a_store_that_the_child_refuses_is_refused_by_who_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    Store(f"sqlite:///{path}").close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()

    to_present(path)

    with pytest.raises(HostError, match="newer"):
        Store(f"sqlite:///{path}")


def _refused() -> NoReturn:
    """fork(2) where the control group has as many processes as it may."""
    raise BlockingIOError("no process is to be had")
