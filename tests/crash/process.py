"""``deuteron`` as processes of the fork server: started, struck, waited for with a deadline."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from tests.crash.messages import Reap, Report, Start, Strike

#: Seconds after which a process that has not ended fails the test.
PATIENCE: Final = 30.0

_ROOT: Final = Path(__file__).parents[2]
_OWN_NETNS: Final = "/proc/thread-self/ns/net"
_OWN_MOUNTS: Final = "/proc/thread-self/ns/mnt"
_MOST: Final = 1 << 16


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a process ended.

    Attributes:
        status: its exit status, or minus the number of the signal that killed it.
    """

    arguments: tuple[str, ...]
    status: int
    out: str
    err: str
    report: Report

    @property
    def killed(self) -> bool:
        """Whether it was ended by SIGKILL."""
        return self.status == -signal.SIGKILL

    def __str__(self) -> str:
        return f"deuteron {' '.join(self.arguments)}: status {self.status}\n{self.out}{self.err}"


class Program:
    """A fork server; a context manager.  Processes run in the namespaces of the calling thread."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.server", str(theirs.fileno())],
                cwd=_ROOT,
                env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._wire = ours
        self._wire.settimeout(PATIENCE)

    def start(self, *arguments: str | Path, strike: Strike | None = None) -> Process:
        """Run ``deuteron`` with these arguments, in this thread's network and mount namespace."""
        words = tuple(map(str, arguments))
        files = [os.memfd_create(name) for name in ("out", "err", "report")]
        places = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in (_OWN_NETNS, _OWN_MOUNTS)]
        request = msgspec.msgpack.encode(Start(arguments=words, strike=strike or Strike()))
        try:
            socket.send_fds(self._wire, [request], [*files, *places])
            pid = msgspec.msgpack.decode(self._wire.recv(_MOST), type=int)
        finally:
            for one in places:
                os.close(one)
        return Process(self, words, pid, files)

    def run(self, *arguments: str | Path, strike: Strike | None = None) -> Ended:
        """The same, until it has ended."""
        return self.start(*arguments, strike=strike).wait()

    def reap(self, pid: int) -> int:
        """The exit status of a process that has ended."""
        self._wire.send(msgspec.msgpack.encode(Reap(pid=pid)))
        return msgspec.msgpack.decode(self._wire.recv(_MOST), type=int)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wire.close()
        try:
            self._server.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait(PATIENCE)


class Process:
    """One run of the program."""

    def __init__(self, program: Program, arguments: tuple[str, ...], pid: int, files: list[int]) -> None:
        self.pid = pid
        self._program = program
        self._arguments = arguments
        self._files = files
        self._end = os.pidfd_open(pid)

    def send(self, number: int) -> None:
        """Send it a signal; none is sent to another process, however late this is."""
        signal.pidfd_send_signal(self._end, number)

    def ends_within(self, seconds: float) -> bool:
        """Whether it has ended, at the latest after ``seconds``."""
        ready, _, _ = select.select([self._end], [], [], max(seconds, 0))
        return bool(ready)

    def wait_until_stopped(self, patience: float = PATIENCE) -> bool:
        """Whether it stands still (SIGSTOP); ``False`` where it has ended instead."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self.ends_within(0.002):
                return False
            # proc(5): the state follows the command's name in parentheses.
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state == "T":
                return True
        raise AssertionError(f"neither stopped nor ended after {patience} s: {self._arguments}")

    def says(self, word: str, patience: float = PATIENCE) -> None:
        """Wait until ``word`` is on its standard output.

        Raises:
            AssertionError: it ended or took too long without it.
        """
        deadline = time.monotonic() + patience
        while word not in (said := os.pread(self._files[0], _MOST, 0).decode()):
            ended = self.ends_within(0.005)
            assert not ended, f"ended without {word!r}: {self.wait()}"
            assert time.monotonic() < deadline, f"no {word!r} after {patience} s: {said}"

    def catches(self, number: signal.Signals, patience: float = PATIENCE) -> bool:
        """Wait until it has a handler for the signal (proc_pid_status(5)); whether it came to that."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and not self.ends_within(0.002):
            rows = Path(f"/proc/{self.pid}/status").read_text().splitlines()
            caught = next(int(row.split()[1], 16) for row in rows if row.startswith("SigCgt:"))
            if caught >> (number - 1) & 1:
                return True
        return False

    def wait(self, patience: float = PATIENCE) -> Ended:
        """How it ended.

        Raises:
            AssertionError: it did not in time, and was killed.
        """
        late = not self.ends_within(patience)
        if late:
            self.send(signal.SIGKILL)
            self.ends_within(PATIENCE)
        status = self._program.reap(self.pid)
        os.close(self._end)
        out, err, told = (_content(file) for file in self._files)
        ended = Ended(
            arguments=self._arguments,
            status=status,
            out=out.decode(),
            err=err.decode(),
            report=msgspec.msgpack.decode(told, type=Report) if told else Report(),
        )
        assert not late, f"not ended after {patience} s: {ended}"
        return ended


def _content(file: int) -> bytes:
    os.lseek(file, 0, os.SEEK_SET)
    with os.fdopen(file, "rb") as whole:
        return whole.read()
