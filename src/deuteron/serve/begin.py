"""The beginning of ``serve``: all that a confined process could not make any more, and the API's process."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from deuteron.agent.link import Link
from deuteron.api.server import is_local, listener, url_of
from deuteron.config.model import Api
from deuteron.errors import HostError, InputError
from deuteron.feed.listening import unix_socket
from deuteron.files import check_directory
from deuteron.kernel.linux.confine.process import Mode
from deuteron.logs.events import Level
from deuteron.logs.setup import LogForm
from deuteron.serve.apart import feed_mode, uid_of
from deuteron.serve.child import Child, gone
from deuteron.serve.place import API_DIRECTORY, api_user, feed_path, make_api_directory, serving
from deuteron.serve.plan import Plan, Ready, User
from deuteron.serve.tls import needed
from deuteron.serve.wires import Keep, Master, Wires

_UNIX: Final = "unix:"


class Asked(NamedTuple):
    """What to serve.

    Attributes:
        state_dir: the state directory, which is there.
        api: the configuration's table.
        host: the name of this host.
        bridges: the host's bridge of each physical network.
        mode: what to do where the kernel lacks a means to confine.
        form: of the log.
        level: the least that it has.
    """

    state_dir: Path
    api: Api
    host: str
    bridges: Mapping[str, str]
    mode: Mode
    form: LogForm
    level: Level = "info"


class Served(NamedTuple):
    """An API that answers.

    Attributes:
        child: its process.
        link: to it.
        url: where clients find it.
        missing: what is not as it should be, a sentence each with its mend.
    """

    child: Child
    link: Link
    url: str
    missing: tuple[str, ...]


@contextmanager
def api_process(asked: Asked, keep: Keep) -> Iterator[Served]:
    """Have the API served by a process of its own until the end of the block.

    This process must have one thread.

    Raises:
        InputError: ``bad-listen``, ``noauth-exposed``, or a configured file is not acceptable.
        HostError: ``serve-runs``, ``cannot-listen``, ``api-gone``, ``not-confined`` and what else the API's
            process cannot begin for.
    """
    with serving(asked.state_dir), ExitStack() as stack:
        user, note = api_user(asked.api.user)
        directory = asked.api.directory or asked.state_dir / API_DIRECTORY
        make_api_directory(asked.state_dir, directory, user)
        http = stack.enter_context(listening(asked.api))
        place = feed_path(asked.state_dir, asked.api)
        feed = stack.enter_context(closing(feed_socket(place)))
        plan = plan_of(asked, directory, user, frozenset({0, os.geteuid()}), http)
        child = stack.enter_context(Child(plan, http, feed, keep))
        lacking = child.greet().lacking
        url = url_of(http, tls=asked.api.tls_certificate is not None)
        http.close()
        feed.close()
        link = stack.enter_context(Link(place, asked.host, asked.bridges))
        missing = [*filter(None, [note]), *absent(asked.bridges), *lacking]
        yield Served(child, link, url, tuple(missing))


def serve_api(asked: Asked, keep: Keep, began: Callable[[Ready, str], None], master: Master) -> None:
    """Be the API's process, a service of its own, until SIGTERM; the agent is another one.

    Args:
        asked: what to serve; its state directory is not looked at.
        keep: see :data:`deuteron.serve.wires.Keep`.
        began: told once that it serves, and where.
        master: who has started it.

    Raises:
        InputError: as :func:`api_process`.
        HostError: likewise; ``serve-as-user``: it is root.
    """
    from deuteron.serve.api_process import live  # brings what the agent's process never needs

    user = User(os.geteuid(), os.getegid())
    if user.uid == 0:
        raise HostError(
            "serve-as-user",
            f"the API by itself is not for root: start it as the user {asked.api.user}"
            f" (setpriv --reuid={asked.api.user} --regid={asked.api.user} --clear-groups), or its unit;"
            " without --only it becomes that user by itself",
        )
    directory = asked.api.directory or asked.state_dir / API_DIRECTORY
    check_directory(directory, make=True)
    place = feed_path(asked.state_dir, asked.api)
    agents = frozenset({0, user.uid}) | uid_of(asked.api.agent_user)
    refused: list[Ready] = []
    with serving(directory), listening(asked.api) as http, closing(feed_socket(place)) as feed:
        url = url_of(http, tls=asked.api.tls_certificate is not None)
        plan = msgspec.structs.replace(plan_of(asked, directory, user, agents, http), alone=True)

        def say(said: Ready) -> None:
            refused.append(said)
            if not said.code:
                began(said, url)

        status = live(plan, Wires(http, feed, say, None, master), keep)
    if refused and refused[0].code:
        of = InputError if refused[0].of_input else HostError
        raise of(refused[0].code, refused[0].message)
    if status:
        raise gone()


def plan_of(asked: Asked, directory: Path, user: User, agents: frozenset[int], http: socket.socket) -> Plan:
    """How the API is to be served."""
    return Plan(
        directory=directory,
        user=user,
        agents=agents,
        host=asked.host,
        bridges=asked.bridges,
        listen=_place(http),
        api=asked.api,
        mode=asked.mode,
        form=asked.form,
        level=asked.level,
    )


@contextmanager
def listening(api: Api) -> Iterator[socket.socket]:
    """The API's listening socket; the file of a unix socket goes with it.

    Raises:
        InputError: ``bad-listen``, ``in-the-clear``, ``bad-certificates``.
        HostError: ``cannot-listen``.
    """
    with closing(listener(api.listen)) as made:
        try:
            needed(api, local=is_local(made))
            yield made
        finally:
            if api.listen.startswith(_UNIX):
                Path(api.listen.removeprefix(_UNIX)).unlink(missing_ok=True)


def _place(made: socket.socket) -> str:
    """Where a socket listens, with the port that the kernel has chosen."""
    url = url_of(made)
    return url if url.startswith(_UNIX) else url.removeprefix("http://")


def feed_socket(path: Path) -> socket.socket:
    """The feed's socket, bound.

    Raises:
        HostError: ``cannot-listen``.
    """
    try:
        return unix_socket(path, feed_mode(path))
    except OSError as error:
        raise HostError(
            "cannot-listen",
            f"cannot listen on {path}: {error.strerror or error}; name a --state-dir with a shorter path,"
            " or mend what is in the way",
        ) from error


def absent(bridges: Mapping[str, str]) -> Iterator[str]:
    """What external networks lack here."""
    if not bridges:
        yield (
            "no physical network has a bridge here, so no external network is served;"
            " name one (--bridge-mapping physnet1:br-ex)"
        )
    for physical, bridge in sorted(bridges.items()):
        try:
            socket.if_nametoindex(bridge)
        except OSError:
            yield (
                f"there is no bridge {bridge} on this host, so networks of {physical} are not served;"
                f" make it (ip link add {bridge} up type bridge)"
            )
