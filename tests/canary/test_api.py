"""The same of ``deuteron serve``: each call of its API by two tenants, what fails in it, what kills it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, Final

import msgspec
import pytest

from deuteron.kernel.linux.confine import inspect
from deuteron.serve.place import api_user
from tests.canary import sinks
from tests.canary.canaries import Canaries
from tests.canary.clients import DEFECT, Client, World, every_verb, games
from tests.canary.room import Room
from tests.canary.running import begin
from tests.support.reach import python_within_reach
from tests.support.waiting import PATIENCE, wait_until

# A hundred and more requests with a search of all bytes behind them: minutes beside other work.
pytestmark = [pytest.mark.kernel, pytest.mark.timeout(400)]

_FIRST: Final = '{"version":1,"listen":'
_TOKENS: Final = '[[token]]\nsha256 = "{hash}"\nuser = "{user}"\nproject = "{project}"\nroles = {roles}\n'


class Served:
    """The service in the room, and its clients.

    Attributes:
        a, b: tenants, who know nothing of each other.
        admin: whose are the networks of all.
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        self.tokens = {who: room.canaries.name("token") for who in ("a", "b", "admin")}
        # All but the second tenant's values are to be told to nobody; of his own he hears himself.
        self._theirs = {who: Canaries(room.canaries.seed + at) for at, who in enumerate(self.tokens, 1)}
        self._configure()

    def _configure(self) -> None:
        room = self.room
        for folder in (room.folder, room.folder / "inputs"):
            folder.chmod(0o711)
        entries = (
            _TOKENS.format(
                hash=sha256(token.encode()).hexdigest(),
                user=room.canaries.uuid(),
                project=self._theirs[who].token(),
                roles='["admin", "member", "reader"]' if who == "admin" else '["member", "reader"]',
            )
            for who, token in self.tokens.items()
        )
        file = room.input("tokens.toml", "\n".join(entries))
        user = api_user("deuteron-api")[0]
        os.chown(file, user.uid, user.gid)
        more = f'[api]\nauth = "tokens"\nlisten = "127.0.0.1:0"\ntokens_file = "{file}"\n'
        bridges = f'bridge_mappings = ["{room.cloud.physical}:{room.cloud.bridge}"]\n'
        room.input("deuteron.toml", bridges + room.config.read_text() + more)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """The service, with those who speak to it."""
        out = self.room.folder / "log" / "out"
        before = out.stat().st_size if out.exists() else 0
        process = begin(self.room, "serve", "-o", "json", defect=DEFECT)
        self.process = process
        try:
            self.until(lambda: b"\n" in out.read_bytes()[before:])
            said = msgspec.json.decode(out.read_bytes()[before:].splitlines()[0])
            self.a, self.b, self.admin = (
                Client(said["listen"], self._theirs[who], token) for who, token in self.tokens.items()
            )
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE)
            for client in (self.a, self.b, self.admin):
                client.close()

    def until(self, true: Callable[[], object]) -> None:
        wait_until(true, lambda: (self.room, self.printed()[-3000:]), process=self.process)

    def printed(self) -> str:
        return "".join(path.read_text() for path in sorted((self.room.folder / "log").iterdir()))

    @property
    def api(self) -> int:
        pids = sinks.children(self.process.pid)
        return next(pid for pid in pids if inspect.posture(pid).role == "api")

    def seen(self) -> list[str]:
        """What others may see of all its processes."""
        pids = [self.process.pid, *sinks.children(self.process.pid)]
        return [str(one) for pid in pids for one in sinks.in_process(self.room.canaries, pid)]

    def found(self) -> list[str]:
        """What is where it must not be; the first line is for whoever has started it."""
        for theirs in self._theirs.values():
            self.room.canaries.all |= theirs.all
        out = self.room.folder / "log" / "out"
        lines = out.read_text().splitlines(keepends=True)
        out.write_text("".join(line for line in lines if not line.startswith(_FIRST)))
        return self.room.found()


@pytest.fixture
def served(room: Room, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    for library in ("httpx", "httpcore"):  # the tenants' own, in this process
        monkeypatch.setattr(logging.getLogger(library), "propagate", False)
    with python_within_reach():
        yield Served(room)


def public_network(served: Served) -> dict[str, Any]:
    """The administrator's, which everybody may use; what everybody sees of it is no secret of his."""
    kind = {"router:external": True, "provider:network_type": "flat"}
    made = served.admin.make("networks", **kind, **{"provider:physical_network": served.room.cloud.physical})
    net4 = served.admin.canaries.net4()
    served.admin.make("subnets", network_id=made["id"], ip_version=4, cidr=f"{net4}0/24")
    return dict(made)


def test_no_call_of_the_api_tells_of_a_tenant_in_any_place_that_bytes_get_to(served: Served) -> None:
    room = served.room
    with served.running():
        public = public_network(served)
        worlds = {
            one: World(client, public["id"], client.canaries.net4())
            for one, client in (("a", served.a), ("b", served.b))
        }
        attach(served, worlds["b"])
        served.b.others = served.a.canaries
        shared = {one.value for one in served.admin.canaries.all}
        served.a.canaries.all -= {one for one in served.a.canaries.all if one.value in shared}
        own = served.b.canaries.all
        served.a.canaries.all -= own
        served.a.others = served.a.canaries
        served.a("GET", "/v2.0/networks")
        assert served.a.heard, "what is told to the wrong one would be heard"
        served.a.others = None
        requests = every_verb(served.b, worlds["a"])
        games(served.b)
        served.b.others = None
        requests += every_verb(served.a, worlds["a"]) + every_verb(served.admin, worlds["b"])
        assert served.b.heard == [], (room, served.b.heard[:5])
        answered = [*served.a.answers, *served.b.answers, *served.admin.answers]
        assert requests > 1000
        assert {200, 201, 204, 400, 401, 403, 404, 405, 409} <= set(answered), sorted(set(answered))
        assert all(status < 500 for status in answered), sorted(set(answered))
        assert served.seen() == []
        fail(served)
        os.kill(served.api, signal.SIGKILL)
        assert served.process.wait(PATIENCE) == 1, room
    assert "api-gone" in served.printed(), room
    found = served.found()
    assert found == [], found[:20]
    assert "[redacted]" not in served.printed(), room


def attach(served: Served, world: World) -> None:
    """A port comes to this host, another is named wrongly; the agent and its log hear of all of it."""
    room = served.room
    assert room("port", "attach", world.ids["ports"], "--netns", room.cloud.instances[0]).status == 0, room
    assert room("port", "attach", room.canaries.name(), "--tap", "tap0").code == "no-such-port", room
    room("wait", "--timeout", "10")
    assert '"unit-done"' in served.printed(), room


def fail(served: Served) -> None:
    """What nobody has foreseen: a defect that a request meets, and what a thread and libraries say."""
    room, client = served.room, served.b
    client.others = served.a.canaries
    name = DEFECT + client.canaries.name()
    answer = client("POST", "/v2.0/networks", {"network": {"name": name}})
    assert client.answers[-1] == 500, (room, answer)
    assert name not in repr(answer), answer
    assert client.heard == [], room
    served.until(lambda: '"defect"' in served.printed())
    os.kill(served.api, signal.SIGUSR2)
    before = served.printed().count('"defect"')
    served.until(lambda: served.printed().count('"defect"') >= before)
    client("GET", "/v2.0/networks")
    assert client.answers[-1] == 200, "others are served on"
    kept = list((room.state / "api" / "defects").glob("*.txt"))
    assert any(name in path.read_text() for path in kept), "its owner finds all of it"


def test_a_log_of_the_api_that_tells_would_be_found_out(served: Served) -> None:
    served.room.canaries.all |= {one for theirs in served._theirs.values() for one in theirs.all}
    name = served.room.canaries.name()
    (served.room.folder / "log" / "out").write_text(f'{{"event": "request-answered", "network": "{name}"}}')
    found = served.found()
    assert any(name in one for one in found), found
