"""Somebody runs code in the API's process: the agent, its state and the kernel are out of reach."""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec
import pytest

from tests.cli.command import Deuteron, Site
from tests.confine.entry import VARIABLE
from tests.confine.hostile import PRECIOUS
from tests.confine.hostile_api import MAILBOX, SERVICE
from tests.serve.running import Serving, serving
from tests.support.reach import python_within_reach
from tests.support.sandbox import Host
from tests.support.users import needs_every_user
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.kernel

_OPTIONS: Final = ("--bridge-mapping", "physnet1:br-ex")
_HOSTILE: Final = "tests.confine.entry_api"


class Around:
    """What is on the host besides: a file, an instance, a mailbox and a service for everybody.

    Attributes:
        mail, service: to be heard on.
    """

    def __init__(self, host: Host, stack: ExitStack) -> None:
        host.make_bridge("br-ex")
        host.make_netns("vm1")
        PRECIOUS.write_text("as it was")
        self.folder = Path("/run/t")
        self.folder.mkdir(mode=0o755)
        self.site = Site(host, Deuteron(self.folder / "state"), self.folder)
        self.mail = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.mail.bind(str(MAILBOX))
        MAILBOX.chmod(0o666)
        self.service = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

    def reached(self) -> list[socket.socket]:
        """Who of them has heard anything."""
        return select.select([self.mail, self.service], [], [], 0)[0]


@pytest.fixture
def around(host: Host) -> Iterator[Around]:
    with ExitStack() as stack:
        stack.enter_context(python_within_reach())
        yield Around(host, stack)


@contextmanager
def hijacked(around: Around, **environment: str) -> Iterator[tuple[Serving, int]]:
    """The service with the enemy in it, and the pipe that he answers by."""
    answers, theirs = os.pipe()
    host, port = around.service.getsockname()
    said = {VARIABLE: str(theirs), SERVICE: f"{host} {port}", "NOTIFY_SOCKET": str(MAILBOX), **environment}
    try:
        with serving(
            around.site.run, around.folder, *_OPTIONS, module=_HOSTILE, pass_fds=(theirs,), **said
        ) as serve:
            while around.mail in around.reached():  # that it is ready
                around.mail.recv(1 << 12)
            yield serve, answers
    finally:
        os.close(answers)
        os.close(theirs)


def turned(serve: Serving, answers: int) -> dict[str, dict[str, str]]:
    """What came of every attempt, by thread; each is refused where that is empty."""
    os.kill(serve.posture("api").pid, signal.SIGUSR1)
    data = b""
    while not data.endswith(b"\n"):
        ready, _, _ = select.select([answers], [], [], PATIENCE)
        assert ready, (data, serve.out, serve.err)
        data += os.read(answers, 1 << 16)
    return msgspec.json.decode(data, type=dict[str, dict[str, str]])


def through(found: dict[str, dict[str, str]]) -> dict[str, str]:
    return {f"{name} ({thread})": came for thread, of in found.items() for name, came in of.items() if came}


@needs_every_user
@pytest.mark.parametrize("auth", ["noauth", "keystone"])
def test_nothing_of_the_agent_or_the_host_is_within_the_apis_reach(around: Around, auth: str) -> None:
    with hijacked(around, **of_auth(around, auth)) as (serve, answers):
        before = around.site.picture()
        kept = (around.site.run.state / "clouds.yaml").read_bytes()
        found = turned(serve, answers)
        assert set(found.pop("lawful").values()) == {"it was done"}
        came = through(found)
        assert not came, "\n".join(f"{name}: {what}" for name, what in came.items())
        assert all(len(of) > 150 for of in found.values()), {key: len(of) for key, of in found.items()}
        assert around.reached() == []
        assert PRECIOUS.read_text() == "as it was"
        assert (around.site.run.state / "clouds.yaml").read_bytes() == kept
        assert around.site.picture() == before
        assert serve.process.poll() is None
        serve.process.kill()


def of_auth(around: Around, auth: str) -> dict[str, str]:
    """A Keystone that nobody asks anything: it is there to be configured."""
    if auth == "noauth":
        return {}
    file = around.folder / "keystone.toml"
    file.write_text('username = "neutron"\npassword = "secret"\nproject = "service"\n')
    file.chmod(0o600)
    owner = api_user()
    os.chown(file, owner, owner)
    return {
        "DEUTERON_API_AUTH": "keystone",
        "DEUTERON_API_KEYSTONE_URL": "http://127.0.0.1:9",
        "DEUTERON_API_KEYSTONE_CREDENTIALS_FILE": str(file),
    }


def api_user() -> int:
    from deuteron.serve.place import api_user as of_place

    return of_place("deuteron-api")[0].uid


def test_the_api_has_nothing_open_but_what_it_needs(around: Around) -> None:
    with hijacked(around) as (serve, _):
        pid = serve.posture("api").pid
        opened = [str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()]
        inodes = {one[8:-1] for one in opened if one.startswith("socket:")}
        kinds = sorted(kind for inode, kind in sockets(pid) if inode in inodes)
        serve.end()
    state = around.site.run.state
    store = {f"{state}/api/api.sqlite{end}" for end in ("", "-wal", "-shm")}
    usual = {"/dev/null", f"{around.folder}/out", f"{around.folder}/err", f"{state}/run/serve.lock"}
    assert {name for name in opened if name.startswith("/")} <= usual | store, opened
    # Both ends of a pipe are the event loop's; it has one end of the agent's, and of the test's.
    assert [opened.count(one) for one in set(opened) if one.startswith("pipe:")].count(1) == 2, opened
    # It listens on two, two are a pair by which the loop wakes itself, the rest are the agent's connections.
    assert set(kinds) <= {"tcp", "unix 0001"}, kinds
    assert (kinds.count("tcp"), len(kinds)) in {(1, 4), (1, 5), (1, 6)}, kinds


def sockets(pid: int) -> Iterator[tuple[str, str]]:
    """Inode and kind of every socket of TCP, UDP, unix and netlink in a process's network namespace."""
    place = Path(f"/proc/{pid}/net")
    for kind, at in (("tcp", 9), ("udp", 9), ("raw", 9), ("netlink", 9), ("packet", 8)):
        for line in (place / kind).read_text().splitlines()[1:]:
            yield line.split()[at], kind
    for line in (place / "unix").read_text().splitlines()[1:]:
        yield line.split()[6], f"unix {line.split()[4]}"


def test_the_apis_memory_has_nothing_of_the_agents_secrets(around: Around) -> None:
    """A fork has a copy of all that its parent had read before."""
    with hijacked(around) as (serve, _):
        serve.end()
    key = (around.site.run.state / "log.key").read_bytes()
    with hijacked(around) as (serve, _):
        pid = serve.posture("api").pid
        memory = b"".join(of_memory(pid))
        assert b"api.sqlite" in memory
        assert key not in memory
        serve.end()


def of_memory(pid: int) -> Iterator[bytes]:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            first, last = (int(one, 16) for one in line.split()[0].split("-"))
            if "rw" in line.split()[1]:
                memory.seek(first)
                yield memory.read(last - first)
