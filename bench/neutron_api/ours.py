"""``deuteron serve`` as a user starts it, on the private host of this process."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.neutron_api.usage import below
from deuteron.kernel.linux.netlink import link
from deuteron.kernel.linux.netlink.socket import NetlinkSocket

#: Seconds until a server that does not begin, or end, is given up.
_PATIENCE: Final = 120.0


class Ours(NamedTuple):
    """A server at work.

    Attributes:
        url: where it is.
        agent: the process that programs the host.
        api: the one that answers, below it.
    """

    url: str
    agent: int
    api: int


@contextmanager
def place() -> Iterator[Path]:
    """A state directory to be, on the host of this process, which is in a sandbox with its loopback down."""
    with NetlinkSocket() as rt:
        (ack,) = rt.batch([link.set_link(1, up=True)])
    if ack.errno:
        raise RuntimeError("the loopback device of the sandbox does not come up")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the API's user passes through
        yield Path(folder) / "state"


@contextmanager
def serving(state: Path) -> Iterator[Ours]:
    """The server, following its API, until the end of the block."""
    said = state.with_name("said")
    program = Path(sys.executable).with_name("deuteron")
    command = [str(program), "serve", "--listen", "127.0.0.1:0", "--state-dir", str(state), "-o", "json"]
    with said.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stdin=subprocess.DEVNULL, env=_environment())
    try:
        url = _listens(process, said)
        (api,) = below(process.pid)[:1]
        yield Ours(url, process.pid, api)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_PATIENCE)


def _environment() -> dict[str, str]:
    """As it is; where other users cannot get to this Python (one in a home), the API stays this user's."""
    python = Path(sys.base_prefix).resolve()
    reached = all(one.stat().st_mode & stat.S_IXOTH for one in (python, *python.parents))
    return {**os.environ, **({} if reached else {"DEUTERON_API_USER": "root"})}


def _listens(process: subprocess.Popen[bytes], said: Path) -> str:
    deadline = time.monotonic() + _PATIENCE
    while '"serve-began"' not in said.read_text("utf-8"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"deuteron serve did not begin: {said.read_text('utf-8')}")
        time.sleep(0.02)
    listens: str = json.loads(said.read_text("utf-8").splitlines()[0])["listen"]
    return listens
