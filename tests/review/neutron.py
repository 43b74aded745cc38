"""Somebody else's code to be reviewed: read from the user's cache, never kept in this tree."""

from __future__ import annotations

import runpy
import zipfile
from functools import lru_cache
from pathlib import Path

import pytest

FETCH = Path(__file__).resolve().parents[2] / "tools" / "fetch_reviewed.py"


@lru_cache
def wheel() -> Path | None:
    """The pinned wheel, where it was fetched."""
    found: Path | None = runpy.run_path(str(FETCH))["known"]()
    return found


def _archive() -> zipfile.ZipFile:
    """Open it; skips where it is not there."""
    found = wheel()
    if found is None:
        pytest.skip("the pinned neutron is not in the cache: run `python tools/fetch_reviewed.py`")
    return zipfile.ZipFile(found)


def source(path: str) -> str:
    """One file of the L3 agent."""
    with _archive() as archive:
        return archive.read(f"neutron/agent/l3/{path}").decode("utf-8")


def sources() -> dict[str, str]:
    """Every file of the L3 agent."""
    with _archive() as archive:
        names = [one for one in archive.namelist() if one.startswith("neutron/agent/l3/")]
        return {name: archive.read(name).decode("utf-8") for name in names if name.endswith(".py")}
