"""Runs tests of the suite, in a process of their own, against a copy of the source."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from tests.known_bugs.bug import ROOT
from tests.known_bugs.witness import VARIABLE

#: Seconds for one run; each test in it may take half of that.
LIMIT = 100

#: Of the process outside, and not to be taken for one's own.
_NOT_INHERITED = ("PYTEST_", "COV_", "COVERAGE_")


class Red(msgspec.Struct, frozen=True):
    """A test that failed.

    Attributes:
        kinds: names of the classes of what was raised, the nearest first.
        what: its first characters.
    """

    test: str
    kinds: tuple[str, ...]
    what: str


class Seen(msgspec.Struct, frozen=True):
    """What the process has written down.

    Attributes:
        package: the file of the package that was tested.
    """

    passed: tuple[str, ...]
    red: tuple[Red, ...]
    package: str


class Run(msgspec.Struct, frozen=True):
    """What became of a run.

    Attributes:
        status: pytest's exit status.
        output: all that was printed.
        seen: ``None`` where it did not come that far.
    """

    status: int
    output: str
    seen: Seen | None


def run(tests: tuple[str, ...], path: Path, folder: Path) -> Run:
    """Run tests with the package in ``path``.

    Args:
        tests: as pytest names them, below ``tests``.
        path: what to put on Python's path.
        folder: for what they leave.

    Raises:
        subprocess.TimeoutExpired: it does not come to an end.
    """
    witness = folder / "witness.json"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(_NOT_INHERITED)}
    environment |= {
        "PYTHONPATH": str(path),
        # What a test finds in a broken copy is nothing to remember for the good one.
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),
        VARIABLE: str(witness),
    }
    options = ["-n", "0", "-q", "-x", "-p", "no:cacheprovider", "-p", "tests.known_bugs.witness"]
    options += [f"--timeout={LIMIT // 2}", f"--basetemp={folder / 'tmp'}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *(f"tests/{test}" for test in tests)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
    )
    seen = msgspec.json.decode(witness.read_bytes(), type=Seen) if witness.exists() else None
    return Run(done.returncode, done.stdout, seen)
