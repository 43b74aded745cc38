"""``deuteron serve``: the OpenStack Networking API, and this host following it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import click
import msgspec

from deuteron.cli import output as out
from deuteron.cli.confinement import Held, chosen_mode, confined, log_directories, settings_files
from deuteron.cli.defect import keep_defect
from deuteron.cli.notify import Manager, manager
from deuteron.cli.options import output_option, parallel_option, state_dir_option
from deuteron.cli.records import Records, configured, log_for, names_of
from deuteron.cli.sentences import keep_sentence
from deuteron.cli.session import Session, opened
from deuteron.cli.settings import host_name, reload, settings, state_path
from deuteron.cli.watch import ending_on_record
from deuteron.errors import DeuteronError, InputError
from deuteron.logs.events import Event
from deuteron.logs.setup import Log, LogForm, take_over
from deuteron.state import State

if TYPE_CHECKING:
    from deuteron.serve.begin import Served
    from deuteron.serve.follow import Following

#: Characters of an interface's name, IFNAMSIZ less one.
_LONGEST_NAME: Final = 15
_WHO: Final = {
    "noauth": "whoever is on this host is an administrator",
    "tokens": "by the tokens of a file",
    "keystone": "by Keystone's tokens",
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
@state_dir_option
@parallel_option
@output_option
def serve_command(
    bridge_mappings: tuple[str, ...],
    listen: str | None,
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
    """
    from deuteron.serve.begin import Asked, api_process  # brings what no other verb needs

    path = state_path(state_dir)
    api = msgspec.structs.replace(settings().api, listen=listen or settings().api.listen)
    bridges = _bridges(bridge_mappings or settings().bridge_mappings)
    with ending_on_record(output, path), manager() as service_manager:
        with State(path):
            pass  # made and checked
        asked = Asked(path, api, host_name(), bridges, chosen_mode(), output)
        with api_process(asked, keep_defect) as served:
            _say(asked.state_dir, served, api.auth, api.keystone_url, bridges, output)
            with (
                confined(path, files=settings_files(), write=log_directories(), mode=asked.mode) as held,
                opened(state_dir, parallel, privileged=held.broker) as session,
            ):
                _follow(session, served, held, tuple(bridges.values()), output, service_manager)


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


def _say(
    path: Path, served: Served, auth: str, keystone: str, bridges: Mapping[str, str], form: LogForm
) -> None:
    from deuteron.serve.place import CLOUD, write_clouds

    file = "" if served.url.startswith("unix:") else str(write_clouds(path, served.url, auth, keystone))
    if form == "json":
        said = Said(
            listen=served.url, auth=auth, clouds=file, cloud=CLOUD, bridges=bridges, missing=served.missing
        )
        click.echo(msgspec.json.encode(said).decode())
        return
    click.echo(f"The Networking API listens on {served.url} ({_WHO[auth]}).")
    if file:
        click.echo(f"Clients: export OS_CLIENT_CONFIG_FILE={file} OS_CLOUD={CLOUD}")
    out.notices(f"missing: {one}" for one in served.missing)


class _Teller:
    """Records of what the loop does as a whole; of the changes the session's own tell."""

    def __init__(self, log: Log, state_dir: Path, interval: float, manager: Manager) -> None:
        self._log = log
        self._state_dir = state_dir
        self._interval = interval
        self._manager = manager
        self._again = False

    def reread(self) -> None:
        """Read the configuration again, and go on in the file that has the log's name; a signal's handler."""
        self._again = True

    def begun(self, namespaces: int) -> None:
        """All that the API has was applied for the first time."""
        self._log.write(Event.SERVE_BEGAN, namespaces=namespaces, interval=self._interval)
        self._manager.ready(self._interval)

    def trouble(self, error: DeuteronError) -> None:
        """A view, a look or a change as a whole was refused."""
        keep_sentence(self._state_dir, error)
        self._log.write(Event.TROUBLE, code=error.code)
        self._manager.alive()

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
                self._log.write(Event.CONFIG_READ)


def _follow(
    session: Session,
    served: Served,
    held: Held,
    bridges: Sequence[str],
    form: LogForm,
    manager: Manager,
) -> None:
    """Follow the API until SIGTERM or Ctrl-C.

    Raises:
        HostError: ``api-gone``, the API's process has ended before.
    """
    from deuteron.agent.serve import Follower
    from deuteron.serve.child import gone
    from deuteron.serve.follow import Following

    path, interval = session.state.path, settings().interval
    log = log_for(msgspec.structs.replace(configured(), form=form), path, sys.stdout)
    take_over(log, partial(keep_defect, path))
    held.tell(log)
    change = session._replace(records=Records(log)).change
    teller = _Teller(log, path, interval, manager)
    following = Following(
        served.link,
        Follower(session.kernels[0], session.state, change, bridges),
        session.kernels[0],
        session.state,
        teller,
        interval=interval,
        ended=lambda: served.child.ended,
    )
    with _signals(following, teller):
        following.run()
    manager.stopping()
    if served.child.ended:
        raise gone()
    log.write(Event.WATCH_ENDED)


@contextmanager
def _signals(following: Following, teller: _Teller) -> Iterator[None]:
    """SIGTERM and Ctrl-C end it after the unit in progress, SIGHUP rereads at the next turn."""

    def end(_number: int, _frame: FrameType | None) -> None:
        following.stop()

    def again(_number: int, _frame: FrameType | None) -> None:
        teller.reread()

    handlers = {signal.SIGTERM: end, signal.SIGINT: end, signal.SIGHUP: again}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
