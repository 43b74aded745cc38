"""Root's own checkout, in a home that is shut to everybody else: it says what is in the way."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import PROGRAM, ROOT, Deuteron
from tests.support.reach import python_within_reach
from tests.support.sandbox import Host
from tests.support.users import needs_every_user

pytestmark = [pytest.mark.kernel, needs_every_user]


def on_a_terminal(run: Deuteron, **environment: str) -> str:
    """What a person sees who starts it and is refused."""
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [str(PROGRAM), "serve", "--listen", "127.0.0.1:0"],
            env=run.environment() | environment,
            cwd=ROOT,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            check=False,
            timeout=60,
        )
        assert done.returncode == 1
        return " ".join(os.read(ours, 1 << 16).decode().split())
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_checkout_in_a_shut_home_is_told_with_its_mend(host: Host) -> None:
    del host
    home, place = Path("/run/home"), Path("/run/t")
    home.mkdir(mode=0o700)
    place.mkdir(mode=0o755)
    clone = home / "deuteron"
    shutil.copytree(ROOT / "src", clone / "src", ignore=shutil.ignore_patterns("__pycache__"))
    with python_within_reach():
        run = Deuteron(place / "state")
        told = on_a_terminal(run, PYTHONPATH=str(clone / "src"))
    assert f"{home} does not let it pass" in told
    assert f"chmod o+x {home}" in told
    assert "/opt/deuteron" in told
    assert "[api-shut-out]" in told
    assert "listens on" not in told


def test_an_interpreter_in_a_shut_home_is_told_with_its_mend(host: Host) -> None:
    del host
    place = Path("/run/t")
    place.mkdir(mode=0o755)
    base = Path(sys.base_prefix)
    if all(one.stat().st_mode & 0o001 for one in base.parents):
        pytest.skip("needs an interpreter in a home that is shut to others; here everybody gets to it")
    told = on_a_terminal(Deuteron(place / "state"))
    assert "a part of this program" in told
    assert "chmod o+x" in told
    assert "[api-shut-out]" in told
