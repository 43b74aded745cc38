"""The two halves as services of their own: the API's process by itself, and how the agent finds it again.

The feed's socket is the API user's, in a directory that the agent's group may pass; both sides look at who
is at the other end.  A confined agent can make no socket: a process that can do nothing else, forked
before, calls the API for it and hands the connection over, as often as the API has been started anew.
"""

from __future__ import annotations

import array  # noqa: F401 -- socket.send_fds() loads it, when no file can be opened any more
import os
import pwd
import socket
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn, Self

from deuteron.agent.link import Link
from deuteron.errors import DeuteronError, HostError
from deuteron.feed import wire
from deuteron.feed.wire import Change, FeedError, Item, Same, View
from deuteron.kernel.linux.confine.process import Mode, confine_dialer

#: Seconds between two calls, and for one.
_AGAIN: Final = 0.2
_PATIENCE: Final = 5.0
_CALL: Final = b"call"
_HERE: Final = b"here"
_NONE: Final = b"none"
_STRANGER: Final = b"stranger"
_LARGEST: Final = 64
_DEFECT: Final = 70


def uid_of(name: str) -> frozenset[int]:
    """The user of this name, if there is one."""
    try:
        return frozenset({pwd.getpwnam(name).pw_uid})
    except KeyError:
        return frozenset()


def feed_mode(place: Path) -> int:
    """Permission bits of the feed's socket: its directory's group, where that is another one, may connect.

    Args:
        place: of the socket.
    """
    found = place.parent.stat()
    others_group = found.st_mode & stat.S_ISGID and found.st_gid != os.getegid()
    return 0o660 if others_group else 0o600


class Dialer:
    """Makes connections to the feed; a process of its own, that ends with this one.

    Args:
        path: of the feed's socket.
        uids: who may be at its other end.
        mode: what to do where the kernel lacks a means to confine.

    Raises:
        HostError: ``no-process``, fork(2) refuses.

    Attributes:
        path: of the feed's socket.
        ended: whether the process is known to have ended.
    """

    def __init__(self, path: Path, uids: frozenset[int], mode: Mode) -> None:
        self.path = path
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._pid = os.fork()
            except OSError as error:
                ours.close()
                raise HostError(
                    "no-process",
                    f"the process that calls the API cannot be made: {error.strerror}; raise the limit of"
                    " processes (ulimit -u, pids.max of the control group) or free memory, then start again",
                ) from error
            if self._pid == 0:
                ours.close()
                _be(theirs, path, uids, mode)
        self._wire = ours
        self._wire.settimeout(2 * _PATIENCE)
        self.ended = False

    def dial(self) -> socket.socket:
        """A connection.

        Raises:
            HostError: ``feed-unreachable``: nobody answers; ``feed-stranger``: it is not the API's user.
            FeedError: the process has ended.
        """
        try:
            self._wire.send(_CALL)
            said, descriptors, _, _ = socket.recv_fds(self._wire, _LARGEST, 1)
        except OSError as error:
            self.ended = True
            raise wire.ended() from error
        if said == _HERE and descriptors:
            return socket.socket(fileno=descriptors[0])
        if said == _STRANGER:
            raise HostError(
                "feed-stranger",
                f"what listens on {self.path} is not run by the API's user; stop it, or correct api.user",
            )
        if said != _NONE:
            self.ended = True
            raise wire.ended()
        raise HostError(
            "feed-unreachable",
            f"the API does not answer on {self.path}; start it (deuteron serve --only api)",
        )

    def close(self) -> None:
        """End the process."""
        self._wire.close()
        os.waitpid(self._pid, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _be(wires: socket.socket, path: Path, uids: frozenset[int], mode: Mode) -> NoReturn:
    """The forked child's whole life."""
    status = _DEFECT
    try:
        confine_dialer(mode)
        while wires.recv(_LARGEST) == _CALL:
            _call(wires, str(path), uids)
        status = 0
    finally:
        os._exit(status)


def _call(wires: socket.socket, path: str, uids: frozenset[int]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        made.settimeout(_PATIENCE)
        try:
            made.connect(path)
        except OSError:
            wires.send(_NONE)
            return
        if wire.peer(made).uid not in uids:
            wires.send(_STRANGER)
            return
        socket.send_fds(wires, [_HERE], [made.fileno()])


class LastingLink:
    """A link that is made again when the API was started anew; as :class:`deuteron.agent.link.Link` else.

    Args:
        dialer: makes connections.
        host: as in ``binding:host_id``.
        bridges: the host's bridge of each physical network.
        alive: called while nobody answers.
    """

    def __init__(
        self,
        dialer: Dialer,
        host: str,
        bridges: Mapping[str, str],
        alive: Callable[[], None],
    ) -> None:
        self._dialer = dialer
        self._host = host
        self._bridges = bridges
        self._alive = alive
        self._away: Callable[[], None] = lambda: None
        self._link: Link | None = None
        self._stopped = threading.Event()

    def want(self, since: int, wait: float = wire.LONGEST_WAIT) -> View | Change | Same:
        """What is newer than a revision; waits for the API where there is none.

        Raises:
            HostError: ``api-away``: it has just ended; what the host has is to be told anew.
            FeedError: :meth:`stop` was called, or who makes connections has ended.
        """
        self.ask(since, wait)
        return self.take()

    def ask(self, since: int, wait: float) -> None:
        """As a link; waits for the API where there is none.

        Raises:
            HostError, FeedError: as :meth:`want`.
        """
        try:
            self._linked().ask(since, wait)
        except FeedError as error:
            raise self._lost(error) from error

    def take(self) -> View | Change | Same:
        """As a link; what was asked of one that is lost is never answered.

        Raises:
            HostError, FeedError: as :meth:`want`.
        """
        if self._link is None:
            raise self._lost(wire.ended())
        try:
            return self._link.take()
        except FeedError as error:
            raise self._lost(error) from error

    def fileno(self) -> int:
        """As a link; -1 while there is none."""
        return -1 if self._link is None else self._link.fileno()

    def tell(self, revision: int, items: tuple[Item, ...], *, whole: bool = True) -> None:
        """As a link.

        Raises:
            HostError: as :meth:`want`.
        """
        try:
            self._linked().tell(revision, items, whole=whole)
        except FeedError as error:
            raise self._lost(error) from error

    def while_away(self, away: Callable[[], None]) -> None:
        """Have this called too while nobody answers: there is other work than the API's."""
        self._away = away

    def stop(self) -> None:
        """Have what is waited for end."""
        self._stopped.set()
        if self._link is not None:
            self._link.stop()

    def close(self) -> None:
        """End the connection."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def _linked(self) -> Link:
        while self._link is None:
            if self._stopped.is_set():
                raise wire.ended()
            try:
                connected = self._dialer.dial()
                self._link = Link(self._dialer.path, self._host, self._bridges, connected)
            except HostError as error:
                if error.code != "feed-unreachable":
                    raise
                self._alive()
                self._away()
                self._stopped.wait(_AGAIN)
        return self._link

    def _lost(self, error: FeedError) -> DeuteronError:
        self.close()
        if self._stopped.is_set() or self._dialer.ended:
            return error
        return HostError(
            "api-away", "the API has ended or is started anew; it is called until it answers again"
        )
