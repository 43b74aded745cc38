"""The program as a process of its own, in the room."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from deuteron import edge
from tests.canary import sinks
from tests.canary.entry import VARIABLE, At, Mishaps, die
from tests.canary.room import Room
from tests.support.waiting import PATIENCE, wait_until

_ROOT: Final = Path(__file__).parents[2]


def begin(
    room: Room,
    *arguments: str | Path,
    kill_at: int = 0,
    fail_at: int = 0,
    fail_verb: str = "",
    defect: str = "",
) -> subprocess.Popen[bytes]:
    """Start it; what it prints goes to ``out`` and ``err`` in the room's log folder."""
    words = sorted(one.value for one in room.canaries.all if one.kind != "file")
    mishaps = Mishaps(
        words=words,
        seed=room.canaries.seed,
        kill_at=kill_at,
        fail_at=fail_at,
        fail_verb=fail_verb,
        defect=defect,
    )
    plan = room.folder / "inputs" / "mishaps"
    plan.write_bytes(msgspec.json.encode(mishaps))
    # Where an option names the directory, the environment does not.
    named = "other" if "--state-dir" in arguments else room.state.name
    environment = {
        **os.environ,
        "DEUTERON_STATE_DIR": str(room.folder / named),
        "PYTHONPATH": str(_ROOT),
        "PYTHONFAULTHANDLER": "1",
        VARIABLE: str(plan),
    }
    with (room.folder / "log" / "out").open("ab") as out, (room.folder / "log" / "err").open("ab") as err:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.canary.entry", *map(str, arguments)],
            env=environment,
            stdout=out,
            stderr=err,
            preexec_fn=_may_dump,
        )


def killed(work: Callable[[], object], verb: str, at: int) -> bool:
    """Do ``work`` in a fork of this process, which is killed as it passes the edge.

    Returns:
        Whether it was: it may have ended before.
    """
    pid = os.fork()
    if pid == 0:  # nothing of pytest may run here
        try:
            with edge.guarded(At(at, die, verb)):
                work()
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _may_dump() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


class Watching:
    """A watch at work.

    Attributes:
        process: the watch; its broker is a child of it.
    """

    def __init__(self, room: Room, process: subprocess.Popen[bytes]) -> None:
        self.room = room
        self.process = process

    @property
    def told(self) -> str:
        """All that it has printed or logged."""
        folder = self.room.folder / "log"
        return "".join(path.read_text() for path in sorted(folder.iterdir()))

    @property
    def last(self) -> list[str]:
        """The end of each file that it writes to."""
        return [path.read_text()[-1000:] for path in sorted((self.room.folder / "log").iterdir())]

    def count(self, word: str) -> int:
        return self.told.count(word)

    def records(self) -> list[dict[str, Any]]:
        """What it has logged, where the form is JSON."""
        lines = [line for line in self.told.splitlines() if line.startswith("{")]
        return [msgspec.json.decode(line) for line in lines]

    def until(self, true: Callable[[], bool], what: str) -> None:
        wait_until(true, lambda: (self.room, what, self.last), process=self.process)

    def more(self, word: str, cause: Callable[[], object]) -> None:
        """``cause`` has it say ``word`` once more."""
        before = self.count(word)
        cause()
        self.until(lambda: self.count(word) > before, word)

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.send(number)
        return self.process.wait(PATIENCE)

    def seen(self) -> list[str]:
        """What others may see of it and of its broker, and must not."""
        pids = [self.process.pid, *sinks.children(self.process.pid)]
        assert len(pids) == 2, (self.room, pids)
        return [str(one) for pid in pids for one in sinks.in_process(self.room.canaries, pid)]


@contextmanager
def watching(room: Room, *options: str | Path) -> Iterator[Watching]:
    """``apply FILE --watch``, from its first look until the end of the block."""
    process = begin(room, "apply", room.file, "--watch", "--interval", "1", *options)
    watch = Watching(room, process)
    before = watch.count("watch-began")
    try:
        watch.until(lambda: watch.count("watch-began") > before, "the beginning")
        yield watch
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)
