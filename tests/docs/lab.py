"""A session in the lab: the commands of ```` ```console lab ```` blocks, in one shell, as a person types.

The first command is ``make lab``, which the test does itself.  One that ends with ``&`` stays in the
background; a person goes on when it has said what the sample shows, and so does the test.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.docs.sessions import ROOT, Command, shape

ENTER: Final = "make lab"
#: Seconds for one command, and for one in the background to say that it is ready.
PATIENCE: Final = 60.0
_MARK: Final = "--- ended with"
_ENDED: Final = re.compile(rf"\n{_MARK} (\d+)\n")
#: Reads commands from descriptor $0, so that none of them can eat the next ones.
_SHELL: Final = f'while IFS= read -r -u "$0" line; do eval "$line"; printf "\\n{_MARK} %s\\n" "$?"; done'


def why_no_client() -> str:
    """Why the real client cannot be run, "" where it can."""
    place = Path(sys.executable).parent
    missing = [name for name in ("openstack",) if not (place / name).exists()]
    missing += [name for name in ("bash", "ping", "nsenter") if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


class Lab:
    """The shell of ``tools/lab.py``."""

    def __init__(self, process: subprocess.Popen[bytes], commands: int, output: int) -> None:
        self._process = process
        self._commands = commands
        self._output = output
        #: All that was printed.
        self.printed = ""

    def run(self, line: str) -> tuple[int, str]:
        """Type a command; its status and what was printed meanwhile."""
        before = len(self.printed)
        os.write(self._commands, f"{line}\n".encode())
        self._read_until(lambda: _ENDED.search(self.printed, before) is not None, line)
        ended = _ENDED.search(self.printed, before)
        assert ended is not None
        # What stays in the background may have gone on talking.
        return int(ended[1]), self.printed[before : ended.start()] + self.printed[ended.end() :]

    def follow(self, command: Command) -> None:
        """Run a command of a document and see that it prints what is shown."""
        status, printed = self.run(command.line)
        wanted = [shape(one) for one in command.sample if one.strip() not in ("", "...")]
        if command.line.endswith("&"):
            start = len(self.printed)

            def said() -> bool:
                return {*wanted} <= {shape(one) for one in (printed + self.printed[start:]).splitlines()}

            self._read_until(said, command.line)
            return
        assert status == command.status, f"$ {command.line}\n{printed}"
        shapes = {shape(one) for one in printed.splitlines()}
        absent = [one for one in wanted if one not in shapes]
        assert not absent, f"$ {command.line}\ndid not print:\n" + "\n".join(absent) + f"\nbut:\n{printed}"

    def _read_until(self, done: Callable[[], bool], line: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done():
            left = deadline - time.monotonic()
            ready = select.select([self._output], [], [], max(left, 0.0))[0]
            piece = os.read(self._output, 65536) if ready else b""
            assert piece, f"$ {line}\ndid not end, or not as shown:\n{self.printed[-6000:]}"
            self.printed += piece.decode(errors="replace")


@contextmanager
def lab(bin_first: Sequence[Path] = ()) -> Iterator[Lab]:
    """The shell, from when the host is there to the end of the block, when all of it ends.

    Args:
        bin_first: directories with programs that are found before all others.
    """
    take, commands = os.pipe()
    output, give = os.pipe()
    path = ":".join([*map(str, bin_first), "$PATH"])
    process = subprocess.Popen(
        [sys.executable, "tools/lab.py", "bash", "-c", _SHELL, str(take)],
        cwd=ROOT,
        env={**os.environ, "LC_ALL": "C.UTF-8", "COLUMNS": "120", "HOME": "/nonexistent"},
        stdin=subprocess.DEVNULL,
        stdout=give,
        stderr=give,
        pass_fds=(take,),
    )
    os.close(take)
    os.close(give)
    try:
        made = Lab(process, commands, output)
        made.run(f"export PATH={path}")
        yield made
    finally:
        os.close(commands)  # the shell's end, and with it that of all in its namespace of processes
        try:
            process.wait(PATIENCE)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(PATIENCE)
            os.close(output)
