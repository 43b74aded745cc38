"""``deuteron serve`` as a process, on the private host of the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from deuteron.kernel.linux.confine import inspect
from tests.cli.command import PROGRAM, ROOT, Deuteron, Ended
from tests.support.waiting import PATIENCE, wait_until


class Serving:
    """The program at work, with what it has printed so far."""

    def __init__(self, run: Deuteron, process: subprocess.Popen[bytes], place: Path) -> None:
        self.run = run
        self.process = process
        self._place = place

    @property
    def out(self) -> str:
        return (self._place / "out").read_text()

    @property
    def err(self) -> str:
        return (self._place / "err").read_text()

    @property
    def said(self) -> dict[str, Any]:
        """What it says on start."""
        first: dict[str, Any] = msgspec.json.decode(self.out.splitlines()[0])
        return first

    def records(self, event: str) -> list[dict[str, Any]]:
        found = [msgspec.json.decode(line) for line in self.out.splitlines()[1:]]
        return [one for one in found if one["event"] == event]

    def until(self, true: Callable[[], object], seconds: float = PATIENCE) -> None:
        wait_until(true, lambda: (self.out, self.err), process=self.process, seconds=seconds)

    def posture(self, role: str) -> inspect.ProcessPosture:
        """How a process of it is confined; those of others, who run at the same time, are not looked at."""
        pid = self.process.pid
        children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        (found,) = [one for one in map(inspect.posture, (pid, *children)) if one.role == role]
        return found

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    @contextmanager
    def cloud(self) -> Iterator[Any]:
        """As a client of this host connects: by the file that was written for it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the client's own libraries are told off for
            connection = self._connect()
            try:
                yield connection
            finally:
                connection.close()

    def _connect(self) -> Any:
        import openstack

        before = os.environ.get("OS_CLIENT_CONFIG_FILE")
        os.environ["OS_CLIENT_CONFIG_FILE"] = self.said["clouds"]
        try:
            return openstack.connect(cloud="deuteron")
        finally:
            del os.environ["OS_CLIENT_CONFIG_FILE"]
            if before is not None:
                os.environ["OS_CLIENT_CONFIG_FILE"] = before

    def __call__(self, *arguments: str) -> Ended:
        """Another verb on this host."""
        return self.run(*arguments)


@contextmanager
def serving(
    run: Deuteron,
    place: Path,
    *options: str,
    module: str = "",
    pass_fds: Sequence[int] = (),
    **environment: str,
) -> Iterator[Serving]:
    """The program, from when it follows the API until the end of the block.

    Args:
        run: its state directory.
        place: where what it prints goes.
        options: of the verb.
        module: a test build of the program, in place of the installed one.
        pass_fds: descriptors that it is to have.
        environment: what is said to it besides.
    """
    program = [sys.executable, "-m", module] if module else [str(PROGRAM)]
    with (place / "out").open("wb") as out, (place / "err").open("wb") as err:
        process = subprocess.Popen(
            [*program, "serve", "--listen", "127.0.0.1:0", "-o", "json", *options],
            env=run.environment() | environment,
            cwd=ROOT,
            stdout=out,
            stderr=err,
            pass_fds=pass_fds,
        )
    one = Serving(run, process, place)
    try:
        one.until(lambda: "serve-began" in one.out)
        yield one
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(PATIENCE)
