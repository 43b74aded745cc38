"""The feed's socket and whoever else comes to it: refused by who he is, or bounded in what he takes."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from deuteron.agent.link import Link
from deuteron.feed import server, wire
from deuteron.feed.server import CONNECTIONS, Feed
from tests.support.waiting import wait_until

_PATIENCE: Final = 30.0
_NOBODY: Final = 65534


class Still:
    """A store in which nothing is and nothing happens."""

    revision = 3

    async def write(self, work: Callable[[Any], Any]) -> Any:
        raise AssertionError("nobody who may not is to get as far as this")

    read = write

    async def changed(self, since: int, seconds: float) -> int:
        await asyncio.sleep(min(seconds, 0.01))
        return since


class Fed:
    """A feed on a socket, and those that come to it."""

    def __init__(self, path: Path, uids: frozenset[int]) -> None:
        self.path = path
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.feed = Feed(Still(), _bind, uids)
        self._run(self.feed.listen(path))

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    def come(self) -> socket.socket:
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(_PATIENCE)
        one.connect(str(self.path))
        return one

    def served(self) -> bool:
        """Whether an agent is."""
        with Link(self.path, "here") as link:
            return isinstance(link.want(3, 0.0), wire.Same)

    def until(self, true: Callable[[], bool]) -> None:
        wait_until(true, lambda: self.feed.refused)

    def close(self) -> None:
        self._run(self.feed.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _bind(*_: object) -> None:
    raise AssertionError("nothing is to be bound")


@contextmanager
def fed(path: Path, uids: frozenset[int] | None = None) -> Iterator[Fed]:
    one = Fed(path, frozenset({os.geteuid()}) if uids is None else uids)
    try:
        yield one
    finally:
        one.close()


def gone(one: socket.socket) -> bool:
    """Whether the other side has closed, without a word."""
    try:
        return one.recv(1) == b""
    except ConnectionResetError:
        return True


def hello(request: int = 0) -> bytes:
    return wire.encode(wire.Hello(request=request, host="here"))


def test_another_user_is_refused_by_what_the_kernel_says_of_him(tmp_path: Path) -> None:
    """Even where the mode would let him, and before anything that he says is read."""
    with fed(tmp_path / "feed", frozenset({os.geteuid() + 1})) as one, one.come() as stranger:
        with suppress(BrokenPipeError):  # he is out already
            stranger.sendall(hello())
        assert gone(stranger)
        one.until(lambda: one.feed.refused == ("feed-stranger",))
    with fed(tmp_path / "feed") as one:
        assert one.served(), "his lawful twin"


def test_another_user_for_real_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to be another user")
    place = Path("/run/fed") if os.access("/run", os.W_OK) else tmp_path
    place.mkdir(mode=0o755, exist_ok=True)
    with fed(place / "feed") as one:
        assert as_nobody(one.path) == "EACCES"
        one.path.chmod(0o666)
        assert as_nobody(one.path) == "closed"
        assert one.feed.refused == ("feed-stranger",)
        assert one.served()


def as_nobody(path: Path) -> str:
    """What another user's process meets there."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:  # nothing of pytest may run here
        said = b"?"
        try:
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
            said = _met(path)
        except OSError:
            said = b"no such user"
        finally:
            os.write(theirs, said)
            os._exit(0)
    os.close(theirs)
    answer = os.read(ours, 100).decode()
    os.close(ours)
    os.waitpid(pid, 0)
    if answer == "no such user":
        pytest.skip("needs root: this user namespace has no second user to come as")
    return answer


def _met(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(_PATIENCE)
        try:
            one.connect(str(path))
        except PermissionError:
            return b"EACCES"
        try:
            one.sendall(hello())
            return b"served" if one.recv(1) else b"closed"
        except ConnectionError:
            return b"closed"


@pytest.mark.parametrize(
    ("garbage", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "feed-frame-too-large"),
        (struct.pack(">I", 0xFFFF_FFFF), "feed-frame-too-large"),
        (struct.pack(">I", wire.LIMIT_TO_API + 1), "feed-frame-too-large"),
        (struct.pack(">I", 0), "feed-bad-frame"),
        (struct.pack(">I", 4) + b"\xff\xff\xff\xff", "feed-bad-frame"),
        (struct.pack(">I", 5) + b"\xdd\xff\xff\xff\xff", "feed-bad-frame"),
        (struct.pack(">I", 50_000) + b"\x91" * 50_000, "feed-bad-frame"),
        (wire.encode(wire.Welcome(request=1, revision=1)), "feed-bad-frame"),
    ],
    ids=[
        "http",
        "4 GB",
        "one more",
        "empty",
        "no msgpack",
        "a huge array",
        "deep",
        "an answer",
    ],
)
@pytest.mark.parametrize("greeted", [False, True])
def test_garbage_ends_its_own_connection_and_no_other(
    tmp_path: Path, garbage: bytes, code: str, *, greeted: bool
) -> None:
    ends_its_own_connection_alone(tmp_path, garbage, code, greeted=greeted)


def test_a_question_from_somebody_who_has_not_greeted_ends_his_connection(tmp_path: Path) -> None:
    question = wire.encode(wire.Want(request=1, since=0))
    ends_its_own_connection_alone(tmp_path, question, "feed-bad-frame", greeted=False)


def ends_its_own_connection_alone(tmp_path: Path, garbage: bytes, code: str, *, greeted: bool) -> None:
    with fed(tmp_path / "feed") as one, Link(one.path, "here") as agent, one.come() as enemy:
        if greeted:
            enemy.sendall(hello())
            wire.receive(wire.AGENT, enemy)
        enemy.sendall(garbage)
        assert gone(enemy)
        one.until(lambda: one.feed.refused == (code,))
        assert isinstance(agent.want(3, 0.0), wire.Same)


def test_names_that_no_host_or_port_has_are_no_message(tmp_path: Path) -> None:
    for fields in (
        {"type": "hello", "request": 1, "host": ""},
        {"type": "hello", "request": 1, "host": "x" * 256},
        {"type": "hello", "request": -1, "host": "x"},
        {"type": "hello", "request": 1, "host": "x", "bridges": {str(n): "b" for n in range(257)}},
        {"type": "hello", "request": 1, "host": "x", "more": 1},
    ):
        with fed(tmp_path / "feed") as one, one.come() as enemy:
            content = msgspec.msgpack.encode(fields)
            enemy.sendall(struct.pack(">I", len(content)) + content)
            assert gone(enemy), fields
            assert one.served()


def test_who_comes_and_says_nothing_or_half_of_it_is_sent_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has begun a message has to end it in the same time; between two it may wait."""
    monkeypatch.setattr(server, "_GREETING", 0.2)
    with fed(tmp_path / "feed") as one, ExitStack() as stack:
        silent, half, slow, waiting = (stack.enter_context(one.come()) for _ in range(4))
        half.sendall(hello()[:3])
        for each in (slow, waiting):
            each.sendall(hello())
            wire.receive(wire.AGENT, each)
        slow.sendall(wire.encode(wire.Want(request=1, since=3))[:7])
        for each in (silent, half, slow):
            assert gone(each)
        waiting.sendall(wire.encode(wire.Want(request=1, since=3, wait=0.0)))
        assert wire.receive(wire.AGENT, waiting) == wire.Same(request=1, revision=3)
        assert one.served()


def test_more_connections_than_there_may_be_are_closed_and_room_is_made_again(tmp_path: Path) -> None:
    with fed(tmp_path / "feed") as one, Link(one.path, "here") as agent:
        with ExitStack() as stack:
            many = [stack.enter_context(one.come()) for _ in range(CONNECTIONS + 20)]
            assert gone(many[-1])
            assert isinstance(agent.want(3, 0.0), wire.Same)
        one.until(lambda: len(one.feed._tasks) == 1)
        assert one.served()
