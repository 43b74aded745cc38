"""The API's process: a store, the HTTP server and the feed on one loop, and nothing of the host within reach.

Where the agent's process has forked it, its sockets were made by that, and it ends when that ends, however
it does: a pipe says so.  A service of its own (``serve --only api``) is told by signals.
"""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
import sysconfig
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple, TextIO, TypeVar

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
from deuteron.logs.stream import unblocked
from deuteron.serve import tls
from deuteron.serve.api_log import Reopened, observer, opened, tell_confined
from deuteron.serve.binding import bind
from deuteron.serve.known import HEARTBEAT, heard, make_known
from deuteron.serve.migrate import to_present
from deuteron.serve.plan import STORE, Plan, Ready
from deuteron.serve.wires import Keep, Master, Wires
from deuteron.store.store import Store

T = TypeVar("T")
_ENDS_WELL: Final = 0
_REFUSED: Final = 1
_DEFECT: Final = 70
_LARGEST: Final = 64
#: The agent's process decides when it is over, whatever signal a terminal or a manager sends to both.
_IGNORED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)
_PACKAGE: Final = Path(__file__).resolve().parents[1]
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


class _Granted(NamedTuple):
    """What is left when all else is given away."""

    log: Log
    tls: ssl.SSLContext | None
    lacking: tuple[str, ...]


def live(plan: Plan, wires: Wires, keep: Keep) -> int:
    """This process's whole life; its exit status."""
    if wires.life is not None:
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    stream = unblocked(sys.stdout)
    log = nameless(stream, plan.form)
    kept = partial(keep, plan.directory)
    take_over(log, kept)
    try:
        granted = _give_away(plan, stream)
        log = granted.log
        take_over(log, kept)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(plan, wires, granted, partial(_defect, log, kept)))
    except DeuteronError as error:
        wires.say(Ready(code=error.code, message=error.message, of_input=isinstance(error, InputError)))
        return _REFUSED
    except Exception as error:  # the outermost loop of the process
        _defect(log, kept, error)
        return _DEFECT
    return _ENDS_WELL


def _give_away(plan: Plan, stream: TextIO) -> _Granted:
    """Be the API's user, confined; what is left."""
    user, api, connects = plan.user, plan.api, plan.api.auth == "keystone"
    certificate = tls.context(api)
    if user.uid != os.geteuid():
        become(user.uid, user.gid)
    _reach(plan)
    to_present(plan.directory / STORE)  # while everything can be read
    log = opened(plan, stream)
    named: tuple[Path | None, ...] = (
        api.policy,
        api.tokens_file,
        api.keystone_ca,
        api.keystone_credentials_file,
    )
    # A service of its own may take a new certificate.
    named += (api.tls_certificate, api.tls_key_file) if plan.alone else ()
    files = [readable(one) for one in named if one is not None]
    if connects:
        files += [Path(one) for one in _OF_CLIENTS]
    write = (plan.directory,) if api.log_file is None else (plan.directory, api.log_file.parent)
    confined = confine_api(Allowed(read=tuple(files), write=write), plan.mode, connects=connects)
    if plan.alone or api.log_file is not None:
        tell_confined(log, confined.lacking)
    return _Granted(log, certificate, confined.lacking)


def _reach(plan: Plan) -> None:
    """See that its user gets to the directory and to the program, a matter of all that lead there.

    Raises:
        HostError: ``api-shut-out``.
    """
    user = plan.user.name or plan.user.uid
    if shut := _shut(plan.directory):
        raise HostError(
            "api-shut-out",
            f"user {user} cannot get to {plan.directory}: {shut} does not let it pass;"
            f" let it (chmod o+x {shut}), or name another --state-dir",
        )
    for what in (Path(sysconfig.get_paths()["stdlib"]), Path(sysconfig.get_paths()["purelib"]), _PACKAGE):
        if shut := _shut(what):
            raise HostError(
                "api-shut-out",
                f"user {user}, whom the API runs as, cannot get to {what}, a part of this program: {shut}"
                " does not let it pass; install Deuteron with a Python that everybody can read, such as in"
                f" /opt/deuteron, or let others pass there (chmod o+x {shut})",
            )


def _shut(place: Path) -> Path | None:
    """The directory on the way that does not let this user pass, ``None`` where all do."""
    for one in (*reversed(place.parents), place):
        try:
            one.stat()
        except PermissionError:
            return one.parent
    return None


async def _serve(plan: Plan, wires: Wires, granted: _Granted, tell: Callable[[BaseException], None]) -> None:
    log = granted.log
    identity = _identity(plan, lambda error: log.write(Event.TROUBLE, code=error.code))
    policy = Policy(() if plan.api.policy is None else (plan.api.policy,))
    store = Store(f"sqlite:///{plan.directory / STORE}")
    feed = Feed(store, bind, plan.agents)
    try:
        await store.write(lambda unit: make_known(unit, plan.host, plan.bridges))
        await feed.listen_on(wires.feed)
        limits = Limits()
        made = _application(plan, store, identity, policy, log, tell)

        def serves() -> None:
            wires.say(Ready(lacking=granted.lacking))
            if plan.alone or plan.api.log_file is not None:
                log.write(Event.API_BEGAN)

        server = Server(made, limits, serves, granted.tls)
        _heed(wires, server.stop, Reopened(plan, log, granted.tls, wires.master.reloading))
        beating = asyncio.create_task(beat(store, feed, plan.host, wires.master))
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
    if plan.alone or plan.api.log_file is not None:
        log.write(Event.API_ENDED)


def _heed(wires: Wires, stop: Callable[[], None], again: Callable[[], None]) -> None:
    """Have it end, or read again, when its master says so."""
    loop = asyncio.get_running_loop()
    if wires.life is None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        loop.add_signal_handler(signal.SIGHUP, again)
        return

    def heard(life: int = wires.life) -> None:
        if os.read(life, _LARGEST):
            again()
        else:
            loop.remove_reader(life)
            stop()

    loop.add_reader(wires.life, heard)


def _application(
    plan: Plan,
    store: Store,
    identity: Identity,
    policy: Policy,
    log: Log,
    tell: Callable[[BaseException], None],
) -> Api:
    hosts = LOOPBACK_NAMES | _own_name(plan.listen) if plan.api.auth == "noauth" else None
    challenge = f'Keystone uri="{plan.api.keystone_url}"' if plan.api.auth == "keystone" else ""
    settings = Settings(hosts=hosts, www_authenticate=challenge)
    return app(store, identity, policy, defect=tell, settings=settings, seen=observer(log))


def _own_name(listen: str) -> frozenset[str]:
    if listen.startswith("unix:"):
        return frozenset()
    return frozenset({str(ip_address(listen.rpartition(":")[0].strip("[]")))})


def _identity(plan: Plan, trouble: Callable[[DeuteronError], None]) -> Identity:
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
    return Keystone(client, trouble=trouble)


def _given(value: T | None, key: str) -> T:
    if value is None:
        raise InputError(
            "incomplete-auth",
            f'api.auth asks for the key api.{key}, which is not set; set it, or take auth = "noauth"',
        )
    return value


async def beat(store: Store, feed: Feed, host: str, master: Master, every: float = HEARTBEAT) -> None:
    """Give this process's signs of life, and write down the agent's: when it was heard, and only then."""
    while True:
        master.alive()
        if await feed.hears(host, every):
            await store.write(lambda unit: heard(unit, host))
            await asyncio.sleep(every)


def _defect(log: Log, keep: Callable[[BaseException], bool], error: BaseException) -> None:
    """A record without a value, and the whole text in this process's own directory."""
    kept = "yes" if keep(error) else "no"
    log.write(Event.DEFECT, code="defect", error=type(error), trace=error.__traceback__, kept=kept)
