"""``deuteron serve`` is killed, or told to end, in the middle of sixteen writers.

``DEUTERON_KILLS=200`` kills that many times, ``DEUTERON_SEED`` is the first seed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import pytest

from deuteron.serve.plan import STORE
from tests.cli.command import PROGRAM, ROOT, Deuteron
from tests.serve.running import serving
from tests.serve.writers import WRITERS, World, Writer, begin, check, joined
from tests.support.reach import python_within_reach
from tests.support.sandbox import Host
from tests.support.users import needs_every_user
from tests.support.waiting import PATIENCE

pytestmark = [pytest.mark.kernel, needs_every_user, pytest.mark.timeout(1200)]

ROUNDS: Final = int(os.environ.get("DEUTERON_KILLS", "10"))
SEED: Final = int(os.environ.get("DEUTERON_SEED", "1"))
#: Nobody: the API alone is no administrator's.
_NOBODY: Final = 65534


@pytest.fixture
def place(host: Host) -> Iterator[Path]:
    made = Path("/run/t")
    made.mkdir(mode=0o755)
    with python_within_reach():
        yield made


@contextmanager
def _api_alone(place: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The process that serves the API, as a service of its own; where it listens."""
    state = place / "state"
    if not state.exists():
        state.mkdir(mode=0o700)
        os.chown(state, _NOBODY, _NOBODY)
    command = [str(PROGRAM), "serve", "--only", "api", "--listen", "127.0.0.1:0", "-o", "json"]
    environment = Deuteron(state).environment() | {"DEUTERON_API_FEED": str(state / "feed")}
    # Into a file: its log is as long as what it is asked, and a pipe that nobody reads stops who writes.
    with (
        (place / "out").open("wb") as out,
        subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=out, user=_NOBODY, group=_NOBODY, extra_groups=[]
        ) as process,
    ):
        try:
            yield _listens(place / "out", process), process
        finally:
            process.kill()


def _listens(out: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 4 * PATIENCE
    while True:
        for line in out.read_bytes().split(b"\n")[:-1]:
            said: dict[str, Any] = msgspec.json.decode(line)
            if "listen" in said:
                return str(said["listen"])
        assert process.poll() is None, out.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _writing(base: str, store: Path, seed: int, world: World | None) -> tuple[World, list[Writer]]:
    """Sixteen writers in the middle of it: each has had answers."""
    url, known = urlsplit(base), world or begin(base)
    address = (str(url.hostname), int(url.port or 0))
    writers = [Writer(number, seed, address, known) for number in range(WRITERS)]
    on = joined(store, known)
    for subnet, one in zip(known.subnets, writers, strict=True):
        one.ledger.joined[subnet] = on[subnet]
        one.start()
    more = random.Random(seed).randrange(20, 300)
    deadline = time.monotonic() + 4 * PATIENCE
    while sum(one.ledger.answers for one in writers) < more:
        assert time.monotonic() < deadline, [one.ledger.open for one in writers]
        dead = [(one.wrong, one.last, one.ledger.open) for one in writers if not one.is_alive()]
        assert not dead, dead
        time.sleep(0.001)
    return known, writers


def _ended(writers: list[Writer]) -> None:
    for one in writers:
        one.join(PATIENCE)
        assert not one.is_alive()


def _store(place: Path) -> Path:
    (found,) = (place / "state").rglob(STORE)
    return found


def test_what_was_answered_is_there_after_kill_9_and_nothing_half(place: Path) -> None:
    world: World | None = None
    for seed in range(SEED, SEED + ROUNDS):
        print(f"seed {seed}")
        with _api_alone(place) as (base, process):
            world, writers = _writing(base, _store(place), seed, world)
            process.kill()
            process.wait(PATIENCE)
            _ended(writers)
        check(_store(place), writers, killed=True)


def test_what_was_done_is_answered_when_the_api_is_told_to_end(place: Path) -> None:
    with _api_alone(place) as (base, process):
        _, writers = _writing(base, _store(place), SEED, None)
        process.terminate()
        assert process.wait(PATIENCE) == 0
        _ended(writers)
    check(_store(place), writers, killed=False)


def test_what_was_done_is_answered_when_both_processes_are_told_to_end(place: Path) -> None:
    with serving(Deuteron(place / "state"), place) as serve:
        _, writers = _writing(serve.said["listen"], _store(place), SEED, None)
        assert serve.end(signal.SIGTERM) == 0
        _ended(writers)
    check(_store(place), writers, killed=False)
