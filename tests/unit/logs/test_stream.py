"""Nobody reads what is written: no record waits for a reader, and the gap is told."""

from __future__ import annotations

import fcntl
import os
import pty
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

import msgspec
import pytest

from deuteron.logs.events import Event
from deuteron.logs.pseudonym import Pseudonyms
from deuteron.logs.setup import Log
from deuteron.logs.stream import unblocked

#: Octets that the pipe takes: the least there is.
_ROOM: Final = 4096
_PATIENCE: Final = 30.0


def pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _ROOM)
    return reading, writing


def streams() -> tuple[int, int]:
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)
    return theirs.detach(), ours.detach()


@contextmanager
def written(both: tuple[int, int]) -> Iterator[tuple[int, TextIO]]:
    """The reader's end, and the writer's as Python has its standard output."""
    reading, writing = both
    try:
        with os.fdopen(writing, "w") as stream:
            yield reading, stream
    finally:
        os.close(reading)


def in_time(work: Callable[[], None]) -> None:
    """On a thread, so that what waits for ever is found and not waited for."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    assert not thread.is_alive(), "it waits for a reader"


def read_all(reading: int) -> bytes:
    os.set_blocking(reading, False)
    read = b""
    try:
        while piece := os.read(reading, 65536):
            read += piece
    except BlockingIOError:
        pass
    return read


@pytest.fixture(params=[pipe, streams, pty.openpty], ids=["pipe", "socket", "terminal"])
def both(request: pytest.FixtureRequest) -> tuple[int, int]:
    made: tuple[int, int] = request.param()
    return made


def test_a_full_stream_loses_records_and_says_how_many(both: tuple[int, int]) -> None:
    with written(both) as (reading, stream):
        log = Log(unblocked(stream), Pseudonyms(bytes(32)))

        def work() -> None:
            for _ in range(2000):
                log.write(Event.CONFIG_READ)

        in_time(work)
        before = read_all(reading)
        in_time(lambda: log.write(Event.CONFIG_READ))
        lines = (before + read_all(reading)).splitlines()
    records = [msgspec.json.decode(one) for one in lines]
    assert 0 < len(records) < 2000
    assert records[-1]["lost"] == 2001 - len(records), "each is there, or told as lost"


def test_a_record_longer_than_the_room_is_whole_or_not_there() -> None:
    with written(pipe()) as (reading, stream):
        sink = unblocked(stream)
        long = "x" * (3 * _ROOM) + "\n"
        read = b""

        def work() -> None:
            nonlocal read
            sink.write(long)
            with pytest.raises(BlockingIOError):
                sink.write("lost\n")
            for _ in range(3):
                read += read_all(reading)
                try:
                    sink.write("next\n")
                except BlockingIOError:
                    continue
                break
            read += read_all(reading)

        in_time(work)
    assert read.decode() == f"{long}next\n"


def test_who_may_not_open_the_pipe_anew_looks_whether_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_given: object, **_more: object) -> int:
        raise PermissionError(13, "Permission denied")

    with written(pipe()) as (reading, stream):
        with monkeypatch.context() as patched:
            patched.setattr(os, "open", refused)
            sink = unblocked(stream)

        def fill() -> None:
            for _ in range(_ROOM):
                sink.write("one\n")

        def work() -> None:
            with pytest.raises(BlockingIOError):
                fill()

        in_time(work)
        assert set(read_all(reading).splitlines()) == {b"one"}


def test_the_stream_of_the_others_is_left_as_it_is() -> None:
    with written(pipe()) as (reading, stream):
        unblocked(stream).write("said\n")
        assert os.get_blocking(stream.fileno())
        assert read_all(reading) == b"said\n"
