"""The API's process: a store, the HTTP server and the feed on one loop, and nothing of the host within reach.

Its sockets were made by the agent's process.  It ends when that ends, however it does: a pipe says so.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec
import uvloop

from deuteron.api.app import app
from deuteron.api.asgi import Api, Settings
from deuteron.api.limits import Limits
from deuteron.api.server import LOOPBACK_NAMES, Server
from deuteron.config.model import Api as Configured
from deuteron.errors import DeuteronError, HostError, InputError
from deuteron.feed.server import Feed
from deuteron.identity.keystone import Keystone
from deuteron.identity.keystone_client import Client
from deuteron.identity.noauth import Noauth
from deuteron.identity.policy import Policy
from deuteron.identity.static import StaticTokens
from deuteron.identity.tokens import Identity
from deuteron.kernel.linux.confine.process import Allowed, become, confine_api, readable
from deuteron.logs.events import Event
from deuteron.logs.setup import Log, nameless, take_over
from deuteron.serve.binding import bind
from deuteron.serve.known import HEARTBEAT, heard, make_known
from deuteron.serve.plan import STORE, Plan, Ready
from deuteron.store.migrations import run as migrations
from deuteron.store.store import Store

T = TypeVar("T")
#: Keeps the whole text of a defect in a directory; whether it could.
Keep = Callable[[Path, BaseException], bool]

_ENDS_WELL: Final = 0
_REFUSED: Final = 1
_DEFECT: Final = 70
#: The agent's process decides when it is over, whatever signal a terminal or a manager sends to both.
_IGNORED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)
#: What resolving names and TLS read.
_OF_CLIENTS: Final = (
    "/etc/ssl",
    "/etc/pki",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
)


class Wires(NamedTuple):
    """What this process is given.

    Attributes:
        http: the API's listening socket.
        feed: the feed's, bound.
        ready: to write :class:`Ready` to, once.
        life: ends when the agent's process does.
    """

    http: socket.socket
    feed: socket.socket
    ready: int
    life: int


def live(plan: Plan, wires: Wires, keep: Keep) -> int:
    """This process's whole life, from the fork on; its exit status."""
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = nameless(sys.stdout, plan.form)
    kept = partial(keep, plan.directory)
    take_over(log, kept)
    tell = partial(_defect, log, kept)
    try:
        lacking = _give_away(plan)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(plan, wires, lacking, tell))
    except DeuteronError as error:
        said = Ready(code=error.code, message=error.message, of_input=isinstance(error, InputError))
        _say(wires.ready, said)
        return _REFUSED
    except Exception as error:  # the outermost loop of the process
        tell(error)
        return _DEFECT
    return _ENDS_WELL


def _give_away(plan: Plan) -> tuple[str, ...]:
    """Be the API's user, confined; what could not be."""
    user, connects = plan.user, plan.api.auth == "keystone"
    migrations.known()  # loads what a new store needs while everything can be read
    if user.uid != os.geteuid():
        become(user.uid, user.gid)
    named = (plan.api.policy, plan.api.tokens_file, plan.api.keystone_ca, plan.api.keystone_credentials_file)
    files = [readable(one) for one in named if one is not None]
    if connects:
        files += [Path(one) for one in _OF_CLIENTS]
    allowed = Allowed(read=tuple(files), write=(plan.directory,))
    confined = confine_api(allowed, plan.mode, connects=connects)
    _reach(plan)
    return confined.lacking


def _reach(plan: Plan) -> None:
    """See that the directory can be got to, which is a matter of all that lead to it.

    Raises:
        HostError: ``api-shut-out``.
    """
    try:
        plan.directory.stat()
    except PermissionError as error:
        raise HostError(
            "api-shut-out",
            f"user {plan.user.name or plan.user.uid} cannot get to {plan.directory}: a directory on the way"
            " does not let it pass; let it (chmod o+x), or name another --state-dir",
        ) from error


async def _serve(
    plan: Plan, wires: Wires, lacking: tuple[str, ...], tell: Callable[[BaseException], None]
) -> None:
    identity = _identity(plan)
    policy = Policy(() if plan.api.policy is None else (plan.api.policy,))
    store = Store(f"sqlite:///{plan.directory / STORE}")
    feed = Feed(store, bind, plan.agents)
    try:
        await store.write(lambda unit: make_known(unit, plan.host, plan.bridges))
        await feed.listen_on(wires.feed)
        limits = Limits()
        made = _application(plan, store, identity, policy, tell)
        server = Server(made, limits, lambda: _say(wires.ready, Ready(lacking=lacking)))
        asyncio.get_running_loop().add_reader(wires.life, server.stop)
        beating = asyncio.create_task(_beat(store, plan.host))
        beating.add_done_callback(lambda _: server.stop())
        try:
            await server.run_on(wires.http)
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating
    finally:
        await feed.close()
        await identity.close()
        store.close()


def _application(
    plan: Plan, store: Store, identity: Identity, policy: Policy, tell: Callable[[BaseException], None]
) -> Api:
    hosts = LOOPBACK_NAMES | _own_name(plan.listen) if plan.api.auth == "noauth" else None
    challenge = f'Keystone uri="{plan.api.keystone_url}"' if plan.api.auth == "keystone" else ""
    settings = Settings(hosts=hosts, www_authenticate=challenge)
    return app(store, identity, policy, defect=tell, settings=settings)


def _own_name(listen: str) -> frozenset[str]:
    if listen.startswith("unix:"):
        return frozenset()
    return frozenset({str(ip_address(listen.rpartition(":")[0].strip("[]")))})


def _identity(plan: Plan) -> Identity:
    """Who says who asks, as configured.

    Raises:
        InputError: ``noauth-exposed``, ``incomplete-auth``, or a file is not acceptable.
        HostError: a file is not safe to use.
    """
    api: Configured = plan.api
    if api.auth == "noauth":
        return Noauth([plan.listen])
    if api.auth == "tokens":
        return StaticTokens(_given(api.tokens_file, "tokens_file"))
    client = Client.of_files(
        _given(api.keystone_url or None, "keystone_url"),
        _given(api.keystone_credentials_file, "keystone_credentials_file"),
        api.keystone_ca,
    )
    return Keystone(client)


def _given(value: T | None, key: str) -> T:
    if value is None:
        raise InputError(
            "incomplete-auth",
            f'api.auth asks for the key api.{key}, which is not set; set it, or take auth = "noauth"',
        )
    return value


async def _beat(store: Store, host: str) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT)
        await store.write(lambda unit: heard(unit, host))


def _say(ready: int, said: Ready) -> None:
    # Where nobody reads any more the agent's process has ended, and this one is about to.
    with suppress(BrokenPipeError):
        os.write(ready, msgspec.json.encode(said))
    os.close(ready)


def _defect(log: Log, keep: Callable[[BaseException], bool], error: BaseException) -> None:
    """A record without a value, and the whole text in this process's own directory."""
    kept = "yes" if keep(error) else "no"
    log.write(Event.DEFECT, code="defect", error=type(error), trace=error.__traceback__, kept=kept)
