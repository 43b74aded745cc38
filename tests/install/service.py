"""The watch as a process of the service: as its unit starts it, with what its packages make."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from deuteron.install.lay import UNITS, Kind
from tests.cli.command import PROGRAM, ROOT, Deuteron, Ended
from tests.install.unit import make, settings, system_calls, why_no_systemd

#: Of the service; the tests' kernel has it, whoever it is.
UID: Final = 64
#: And of the API, where that is a service.
API_UID: Final = 65
#: Seconds until a test gives up.
PATIENCE: Final = 90.0
#: Where the packaged files' places are in a test: all but /run, which is the test's own.
TREE: Final = Path("/run/t")
_MOVED: Final = ("/etc/deuteron", "/var/lib/deuteron", "/var/log/deuteron")


def place(path: Path) -> Path:
    """Where a path of the host is in a test."""
    return TREE / path.relative_to("/") if str(path).startswith(_MOVED) else path


class Installed:
    """A host on which ``deuteron install`` and what it says next was run."""

    def __init__(self, kind: Kind = "watch") -> None:
        TREE.mkdir(mode=0o755)
        self.config = place(Path("/etc/deuteron/deuteron.toml"))
        self.file = place(Path("/etc/deuteron/topology.yaml"))
        self.state = place(Path("/var/lib/deuteron"))
        self.log = place(Path("/var/log/deuteron/deuteron.log"))
        self.units = [TREE / "etc/systemd/system" / one for one in UNITS[kind]]
        self.unit = self.units[-1]
        self._root = Deuteron(self.state)
        serve = ["--serve"] if kind == "serve" else []
        told = self._root("install", *serve, "--root", TREE, DEUTERON_CONFIG="")
        assert told.status == 0, told
        for one in (*self.units, self.config):
            text = one.read_text()
            for moved in _MOVED:
                text = text.replace(moved, str(place(Path(moved))))
            one.write_text(text)
        self.config.write_text(self.config.read_text().replace("#file =", "file =", 1))
        make(place, UID, kind, API_UID)

    def root(self, *arguments: str | Path) -> Ended:
        """A single command of root's, beside the service."""
        return self._root(*arguments, DEUTERON_CONFIG=str(self.config))

    def not_the_services(self) -> list[str]:
        """What lies in the service's places and is somebody else's."""
        places = (self.state, self.log.parent, Path("/run/deuteron"))
        every = [one for of in places for one in (of, *of.rglob("*"))]
        return [str(one) for one in every if (one.lstat().st_uid, one.lstat().st_gid) != (UID, UID)]


class Service:
    """The service, from READY=1 until the end of the block; what it tells its manager.

    Args:
        installed: the host.
        file: of its unit.
        uid: of its user and its group.
    """

    def __init__(self, installed: Installed, file: Path | None = None, uid: int = UID) -> None:
        self._installed = installed
        self.told: list[str] = []
        file = file or installed.unit
        address = TREE / f"notify-{file.stem}"
        address.unlink(missing_ok=True)
        self._wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._wire.bind(str(address))
        self._wire.setblocking(False)
        address.chmod(0o777)  # as systemd's own
        unit = settings(file.read_text())
        calls = TREE / f"calls-{file.stem}"
        calls.write_text("" if why_no_systemd() else " ".join(system_calls(unit)))
        program, *arguments = unit["ExecStart"][0].split()
        assert Path(program) == PROGRAM
        command = [sys.executable, "-m", "tests.install.as_unit", str(file), str(uid), str(calls)]
        environment = {**os.environ, "NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "300000000"}
        self._errors = TREE / f"errors-{file.stem}"
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*command, program, *arguments], env=environment, cwd=ROOT, stdout=errors, stderr=errors
            )

    def until(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            self._listen()
            assert self.process.poll() is None, (what, self.output())
            assert time.monotonic() < deadline, (what, self.output())
            time.sleep(0.02)
        self._listen()

    def until_told(self, line: str, times: int = 1) -> None:
        self.until(lambda: self.told.count(line) >= times, line)

    def output(self) -> str:
        """All that it has written."""
        log = self._installed.log
        return self._errors.read_text() + (log.read_text() if log.exists() else "")

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self._listen()
        return status

    def _listen(self) -> None:
        while True:
            try:
                self.told += self._wire.recv(4096).decode().splitlines()
            except BlockingIOError:
                return

    def __enter__(self) -> Self:
        try:
            self.until_told("READY=1")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self._wire.close()
