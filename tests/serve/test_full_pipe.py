"""A pipe or socket with ``deuteron serve`` at its end and nobody who reads stops no request and no host."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
import msgspec
import pytest

from tests.cli.command import PROGRAM, ROOT, Site
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.kernel

#: Octets that it takes: the least there is, some fifteen records.
_ROOM: Final = 4096
_REQUESTS: Final = 60


class _Reader:
    """The reading end: a line at a time, and then for a while nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""

    def line(self) -> dict[str, Any]:
        while b"\n" not in self._rest:
            piece = os.read(self._descriptor, 65536)
            assert piece, "it has ended"
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        read: dict[str, Any] = msgspec.json.decode(line)
        return read

    def until(self, event: str) -> dict[str, Any]:
        while (read := self.line()).get("event") != event:
            pass
        return read


def _pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _ROOM)
    return reading, writing


def _streams() -> tuple[int, int]:
    """As a service manager's journal listens."""
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)
    return ours.detach(), theirs.detach()


@contextmanager
def _piped(site: Site, both: Callable[[], tuple[int, int]]) -> Iterator[_Reader]:
    reading, writing = both()
    with (site.folder / "err").open("wb") as err:
        process = subprocess.Popen(
            [str(PROGRAM), "serve", "--listen", "127.0.0.1:0", "-o", "json"],
            env=site.run.environment(),
            cwd=ROOT,
            stdout=writing,
            stderr=err,
        )
    os.close(writing)
    try:
        yield _Reader(reading)
        process.terminate()
        assert process.wait(PATIENCE) == 0, (site.folder / "err").read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE)
        os.close(reading)


@pytest.mark.parametrize("both", [_pipe, _streams], ids=["pipe", "socket"])
def test_a_reader_that_stands_still_stops_no_request_and_the_gap_is_told(
    provided: Site, both: Callable[[], tuple[int, int]]
) -> None:
    with _piped(provided, both) as reader:
        url = reader.line()["listen"]
        reader.until("serve-began")
        with httpx.Client(base_url=url, timeout=PATIENCE) as client:
            for number in range(_REQUESTS):
                answer = client.post("/v2.0/networks", json={"network": {"name": str(number)}})
                assert answer.status_code == 201
            waited = provided.run("wait", "--timeout", "20")
            assert waited.status == 0, "the agent is not held either"
            told = 0
            while told < _REQUESTS:  # what is in the pipe, and then each next record has the gap
                told += 1
                record = reader.until("request-answered")
                if "lost" in record:
                    told += record["lost"]
                    break
                client.post("/v2.0/networks", json={})
        assert "lost" in record
        assert record["lost"] > _REQUESTS / 3
