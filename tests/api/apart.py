"""The whole API in a process of its own: ``python -m tests.api.apart STORE``; what it costs can be measured.

It prints its port.  Whatever is no answer of the API's own comes to standard error.
"""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from deuteron.api.app import app
from deuteron.api.limits import Limits
from deuteron.api.server import listener, run
from deuteron.identity.noauth import Noauth
from deuteron.identity.policy import Policy
from deuteron.store.store import Store

_ROOT: Final = Path(__file__).parents[2]


class Apart(NamedTuple):
    """A server, and what the kernel says of its process."""

    address: tuple[str, int]
    pid: int

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    def memory(self) -> float:
        """MB that it holds now."""
        return self._status("VmRSS") / 1024

    def most_memory(self) -> float:
        """MB that it has held at the most."""
        return self._status("VmHWM") / 1024

    def processor(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def files(self) -> int:
        """How many files and sockets it holds."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    def _status(self, name: str) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1])


@contextmanager
def apart(place: Path) -> Iterator[Apart]:
    """One server, as it is shipped; anything that it had not foreseen fails."""
    with (place / "defects").open("w+") as defects:
        with subprocess.Popen(
            [sys.executable, "-m", "tests.api.apart", str(place / "api.db")],
            stdout=subprocess.PIPE,
            stderr=defects,
            cwd=_ROOT,
        ) as process:
            try:
                assert process.stdout is not None
                port = process.stdout.readline()
                assert port, (place / "defects").read_text()
                yield Apart(("127.0.0.1", int(port)), process.pid)
                assert process.poll() is None, "the server is no more"
            finally:
                process.kill()
        told = (place / "defects").read_text()
        assert not told, told


def main() -> None:
    """Serve until killed."""
    made = listener("127.0.0.1:0")
    store = Store(f"sqlite:///{sys.argv[1]}")
    application = app(
        store, Noauth(["127.0.0.1:0"]), Policy(), defect=lambda error: traceback.print_exception(error)
    )
    run(application, made, Limits(), lambda: print(made.getsockname()[1], flush=True))


if __name__ == "__main__":
    main()
