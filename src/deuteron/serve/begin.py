"""The beginning of ``serve``: all that a confined process could not make any more, and the API's process."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from deuteron.agent.link import Link
from deuteron.api.server import listener, url_of
from deuteron.config.model import Api
from deuteron.errors import HostError
from deuteron.feed.server import unix_socket
from deuteron.kernel.linux.confine.process import Mode
from deuteron.logs.setup import LogForm
from deuteron.serve.api_process import Keep
from deuteron.serve.child import Child
from deuteron.serve.place import api_user, feed_path, make_api_directory, serving
from deuteron.serve.plan import Plan

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
    """

    state_dir: Path
    api: Api
    host: str
    bridges: Mapping[str, str]
    mode: Mode
    form: LogForm


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
        directory = make_api_directory(asked.state_dir, user)
        http = stack.enter_context(_listening(asked.api.listen))
        feed = stack.enter_context(closing(_feed_socket(feed_path(asked.state_dir))))
        plan = Plan(
            directory=directory,
            user=user,
            agents=frozenset({0, os.geteuid()}),
            host=asked.host,
            bridges=asked.bridges,
            listen=_place(http),
            api=asked.api,
            mode=asked.mode,
            form=asked.form,
        )
        child = stack.enter_context(Child(plan, http, feed, keep))
        lacking = child.greet().lacking
        url = url_of(http)
        http.close()
        feed.close()
        link = stack.enter_context(Link(feed_path(asked.state_dir), asked.host, asked.bridges))
        missing = [*filter(None, [note]), *_absent(asked.bridges), *lacking]
        yield Served(child, link, url, tuple(missing))


@contextmanager
def _listening(listen: str) -> Iterator[socket.socket]:
    """The API's listening socket; the file of a unix socket goes with it."""
    with closing(listener(listen)) as made:
        try:
            yield made
        finally:
            if listen.startswith(_UNIX):
                Path(listen.removeprefix(_UNIX)).unlink(missing_ok=True)


def _place(made: socket.socket) -> str:
    """Where a socket listens, with the port that the kernel has chosen."""
    url = url_of(made)
    return url if url.startswith(_UNIX) else url.removeprefix("http://")


def _feed_socket(path: Path) -> socket.socket:
    try:
        return unix_socket(path)
    except OSError as error:
        raise HostError(
            "cannot-listen",
            f"cannot listen on {path}: {error.strerror or error}; name a --state-dir with a shorter path,"
            " or mend what is in the way",
        ) from error


def _absent(bridges: Mapping[str, str]) -> Iterator[str]:
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
