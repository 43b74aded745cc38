"""``deuteron serve``: the OpenStack Networking API, and this host following it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final, NamedTuple

import click
import msgspec

from deuteron.cli import output as out
from deuteron.cli.confinement import Held, chosen_mode, confined, log_directories, settings_files
from deuteron.cli.defect import keep_defect
from deuteron.cli.notify import Manager, manager
from deuteron.cli.options import output_option, parallel_option, state_dir_option
from deuteron.cli.records import Records, configured, log_for, names_of
from deuteron.cli.session import Session, opened
from deuteron.cli.settings import host_name, reload, settings, state_path
from deuteron.cli.signals import signals
from deuteron.cli.watch import Teller, ending_on_record
from deuteron.errors import InputError
from deuteron.kernel.linux.events import Events
from deuteron.logs.events import Event
from deuteron.logs.setup import Log, LogForm, take_over
from deuteron.state import State

if TYPE_CHECKING:
    from deuteron.agent.link import Feeding
    from deuteron.serve.begin import Asked
    from deuteron.serve.plan import Ready

#: Where namespaces have their names.
_NETNS_DIR: Final = Path("/run/netns")
#: Seconds between two records of how far the look after a start is.
_PACE: Final = 1.0
#: Characters of an interface's name, IFNAMSIZ less one.
_LONGEST_NAME: Final = 15
_WHO: Final = {
    "noauth": "whoever is on this host is an administrator",
    "tokens": "by the tokens of a file",
    "keystone": "by Keystone's tokens",
}
#: What clouds.yaml lacks, which is the person's own.
_LACKS: Final = {
    "noauth": "",
    "tokens": "It lacks your token: export OS_TOKEN=... ",
    "keystone": "It lacks who you are: export OS_USERNAME=... OS_PASSWORD=... OS_PROJECT_NAME=... ",
}


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What it says on start.

    Attributes:
        listen: where clients find the API.
        auth: who is let in.
        clouds: the file that clients read, "" on a unix socket, which they do not know.
        cloud: its name in there.
        bridges: the host's bridge of each physical network.
        missing: what does not work here, and how to mend it.
    """

    version: int = 1
    listen: str
    auth: str
    clouds: str
    cloud: str
    bridges: Mapping[str, str]
    missing: tuple[str, ...]


@click.command("serve")
@click.option(
    "--bridge-mapping",
    "bridge_mappings",
    metavar="PHYSNET:BRIDGE",
    multiple=True,
    help="This host's bridge of a physical network; external networks need one.",
)
@click.option(
    "--listen",
    metavar="ADDRESS:PORT|unix:PATH",
    default=None,
    help="Where the API listens (default 127.0.0.1:9696).",
)
@click.option(
    "--only",
    type=click.Choice(["api", "agent"]),
    default=None,
    help="One of the two processes, where each is a service of its own (deuteron install --serve).",
)
@state_dir_option
@parallel_option
@output_option
def serve_command(
    bridge_mappings: tuple[str, ...],
    listen: str | None,
    only: str | None,
    state_dir: Path | None,
    parallel: int,
    output: LogForm,
) -> None:
    """Serve the OpenStack Networking API v2.0, and keep this host as the API has it.

    Two processes: one answers requests, as an unprivileged user that reaches nothing but its own
    database; the other programs this host. SIGTERM or Ctrl-C ends both, the host stays as it is.

    \b
    deuteron serve --bridge-mapping physnet1:br-ex
    export OS_CLIENT_CONFIG_FILE=/var/lib/deuteron/clouds.yaml OS_CLOUD=deuteron
    openstack network create private

    \b
    deuteron serve --state-dir /tmp/try --listen 127.0.0.1:0 -o json
    DEUTERON_API_AUTH=tokens DEUTERON_API_TOKENS_FILE=/etc/deuteron/tokens.toml deuteron serve
    """
    from deuteron.serve.begin import Asked  # brings what no other verb needs

    path = state_path(state_dir)
    api = msgspec.structs.replace(settings().api, listen=listen or settings().api.listen)
    bridges = _bridges(bridge_mappings or settings().bridge_mappings)
    log = configured()
    form: LogForm = "json" if output == "json" else log.form
    asked = Asked(path, api, host_name(), bridges, chosen_mode(), form, log.level)
    if only == "api":
        _api_alone(asked, output)
    elif only == "agent":
        _agent_alone(asked, parallel, output)
    else:
        _both(asked, parallel, output)


def _both(asked: Asked, parallel: int, output: LogForm) -> None:
    """The whole of it: the API's process is a child of this one."""
    from deuteron.serve.begin import api_process

    path = asked.state_dir
    with ending_on_record(output, path):
        with State(path):
            pass  # made and checked
        # The manager's socket comes after the fork: the API has nothing to tell it.
        with api_process(asked, keep_defect) as served, manager() as service_manager:
            _say(asked, path, served.url, served.missing, output)
            with _held(asked, parallel) as (held, session):
                following = Around(
                    served.link,
                    lambda: served.child.ended,
                    served.child.reopen,
                    tuple(asked.bridges.values()),
                )
                _follow(session, following, held, output, service_manager)


def _agent_alone(asked: Asked, parallel: int, output: LogForm) -> None:
    """The agent; the API is another service, which may be started anew meanwhile."""
    from deuteron.serve.apart import Dialer, LastingLink, uid_of
    from deuteron.serve.place import feed_path

    uids = uid_of(asked.api.user) | {os.geteuid()}
    with ending_on_record(output, asked.state_dir), manager() as service_manager:
        with State(asked.state_dir):
            pass
        with Dialer(feed_path(asked.state_dir, asked.api), uids, asked.mode) as dialer:
            if output != "json":
                click.echo(f"This host follows the API on {feed_path(asked.state_dir, asked.api)}.")
            with _held(asked, parallel) as (held, session):
                link = LastingLink(dialer, asked.host, asked.bridges, service_manager.alive)
                bridges = tuple(asked.bridges.values())
                around = Around(link, lambda: dialer.ended, lambda: None, bridges, link.while_away)
                _follow(session, around, held, output, service_manager)


@contextmanager
def _held(asked: Asked, parallel: int) -> Iterator[tuple[Held, Session]]:
    """This process confined, and what it programs the host with."""
    path = asked.state_dir
    with (
        confined(path, files=settings_files(), write=log_directories(), mode=asked.mode) as held,
        opened(path, parallel, privileged=held.broker) as session,
    ):
        yield held, session


def _bridges(mappings: Sequence[str]) -> dict[str, str]:
    """The bridge of each physical network.

    Raises:
        InputError: ``bad-bridge-mapping``.
    """
    found: dict[str, str] = {}
    for one in mappings:
        physical, colon, bridge = one.rpartition(":")
        if not (colon and physical and 0 < len(bridge) <= _LONGEST_NAME) or physical in found:
            raise InputError(
                "bad-bridge-mapping",
                f"{one!r} does not map a physical network of its own to a bridge; write physnet1:br-ex",
            )
        found[physical] = bridge
    return found


def _api_alone(asked: Asked, output: LogForm) -> None:
    """The API; the agent is another service, which may be started anew meanwhile."""
    from deuteron.serve.begin import absent, serve_api
    from deuteron.serve.known import HEARTBEAT
    from deuteron.serve.place import API_DIRECTORY

    directory = asked.api.directory or asked.state_dir / API_DIRECTORY
    with ending_on_record(output, directory), manager() as service_manager:

        def began(ready: Ready, url: str) -> None:
            _say(asked, directory, url, (*absent(asked.bridges), *ready.lacking), output)
            sys.stdout.flush()
            service_manager.ready(HEARTBEAT)

        serve_api(asked, keep_defect, began, service_manager)
        service_manager.stopping()


def _say(asked: Asked, directory: Path, url: str, missing: tuple[str, ...], output: LogForm) -> None:
    """What a person who starts it, or a script, wants to know.

    Args:
        asked: what is served.
        directory: where the clients' file is written.
        url: of the API.
        missing: what does not work here.
        output: ``text`` or ``json``.
    """
    from deuteron.serve.place import CLOUD, write_clouds

    api = asked.api
    file = "" if url.startswith("unix:") else str(write_clouds(directory, url, api.auth, api.keystone_url))
    if output == "json":
        said = Said(
            listen=url, auth=api.auth, clouds=file, cloud=CLOUD, bridges=asked.bridges, missing=missing
        )
        click.echo(msgspec.json.encode(said).decode())
        return
    click.echo(f"The Networking API listens on {url} ({_WHO[api.auth]}).")
    if file:
        click.echo(f"Clients: export OS_CLIENT_CONFIG_FILE={quote(file)} OS_CLOUD={CLOUD}")
        click.echo(f"{_LACKS[api.auth]}Then, for instance: openstack network list")
    out.notices(missing)


class Around(NamedTuple):
    """What the loop is given of the API's side.

    Attributes:
        link: to the API.
        ended: whether who must not end has.
        reopen: has the API open its log again, where it is a child.
        bridges: the host's bridges that views may name.
        while_away: is given what to call while the API does not answer.
    """

    link: Feeding
    ended: Callable[[], bool]
    reopen: Callable[[], None]
    bridges: tuple[str, ...]
    while_away: Callable[[Callable[[], None]], None] = lambda _mend: None


class _Teller(Teller):
    """Records of what the loop does as a whole; of the changes the session's own tell."""

    def __init__(
        self, log: Log, state_dir: Path, interval: float, manager: Manager, reopen: Callable[[], None]
    ) -> None:
        #: Numbers the mendings; each is told by :meth:`repaired`.
        self.mendings = Records()
        super().__init__(log, self.mendings, state_dir, manager)
        self._reopen = reopen
        self._interval = interval
        self._again = False
        self._start = self._said = time.monotonic()

    def reread(self) -> None:
        """Read the configuration again, and go on in the file that has the log's name; a signal's handler."""
        self._again = True

    def begun(self, namespaces: int) -> None:
        """All that the API has was applied for the first time."""
        self._log.write(Event.SERVE_BEGAN, namespaces=namespaces, interval=self._interval)
        self._manager.ready(self._interval)

    def looking(self, done: int, of: int) -> None:
        """The look at everything after a start is under way; told once a second at most."""
        now = time.monotonic()
        if now >= self._said + _PACE:
            self._said = now
            self._log.write(Event.SERVE_LOOKING, namespaces=done, of=of)

    def looked_over(self) -> None:
        """All that this host has was looked at since the start."""
        self._log.write(Event.SERVE_LOOKED, seconds=time.monotonic() - self._start)

    def alive(self) -> None:
        """For a watchdog; and the moment for what a signal has asked for."""
        self._manager.alive()
        if self._again:
            self._again = False
            with self._manager.reloading():
                reload(self._state_dir)
                where = configured()
                self._log.rename(names_of(where, self._state_dir))
                self._log.reopen(where.file)
                self._reopen()
                self._log.write(Event.CONFIG_READ)


def _follow(session: Session, around: Around, held: Held, output: LogForm, manager: Manager) -> None:
    """Follow the API until SIGTERM or Ctrl-C.

    Raises:
        HostError: ``api-gone``, the API's process has ended before.
    """
    from deuteron.agent.resume import here
    from deuteron.agent.serve import Follower
    from deuteron.serve.child import gone
    from deuteron.serve.follow import Following

    path, interval, where = session.state.path, settings().interval, configured()
    if output == "json":
        where = msgspec.structs.replace(where, form=output)
    log = log_for(where, path, sys.stdout)
    take_over(log, partial(keep_defect, path))
    held.tell(log)
    change = session._replace(records=Records(log)).change
    teller = _Teller(log, path, interval, manager, around.reopen)
    events = Events(_NETNS_DIR, heard=held.heard)
    try:
        following = Following(
            around.link,
            Follower(session.kernels[0], session.state, change, around.bridges, here()),
            session.kernels[0],
            session.state,
            teller,
            interval=interval,
            ended=around.ended,
            ears=events,
            change=session._replace(records=teller.mendings).change,
        )
        around.while_away(following.meanwhile)
        with signals(following.stop, teller.reread):
            following.run()
    finally:
        events.close()
    manager.stopping()
    if around.ended():
        raise gone()
    log.write(Event.WATCH_ENDED)
