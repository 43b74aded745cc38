"""A confined watch over a host with one of everything, as a process."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from tests.confine.entry import VARIABLE
from tests.support.waiting import wait_until

_ROOT: Final = Path(__file__).parents[2]
#: Seconds until a test gives up.
PATIENCE: Final = 60.0


class Running:
    """The watch, from its first look until the end of the block.

    Args:
        file: what to apply.
        state: the state directory; a log file lies beside it.
        before: for the child, before the program is executed.
    """

    def __init__(
        self, file: Path, state: Path, *options: str, before: Callable[[], None] | None = None
    ) -> None:
        self.state = state
        self._log = state.parent / "watch.log"
        self._answers, theirs = os.pipe()
        environment = {
            **os.environ,
            "DEUTERON_STATE_DIR": str(state),
            "NO_COLOR": "1",
            VARIABLE: str(theirs),
        }
        command = [sys.executable, "-m", "tests.confine.entry", "apply", str(file), "--watch", "-o", "json"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *options],
                env=environment,
                cwd=_ROOT,
                stdout=log,
                stderr=log,
                pass_fds=[theirs],
                preexec_fn=before,
            )
        os.close(theirs)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def records(self, event: str) -> list[dict[str, Any]]:
        found = [msgspec.json.decode(line) for line in self.log.splitlines() if line.startswith("{")]
        return [one for one in found if one["event"] == event]

    def until(self, true: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        wait_until(true, lambda: (what, self.log), process=self.process, seconds=seconds)

    def turn_hostile(self) -> dict[str, dict[str, str]]:
        """What came of every attempt, by thread."""
        self.process.send_signal(signal.SIGUSR1)
        data = b""
        while not data.endswith(b"\n"):
            ready, _, _ = select.select([self._answers], [], [], PATIENCE)
            part = os.read(self._answers, 1 << 16) if ready else b""
            assert part, (self.process.poll(), self.log)
            data += part
        return msgspec.json.decode(data, type=dict[str, dict[str, str]])

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def __enter__(self) -> Self:
        try:
            self.until(lambda: bool(self.records("watch-began")), "the beginning")
        except BaseException:
            self.process.kill()
            self.process.wait(PATIENCE)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self._answers)
