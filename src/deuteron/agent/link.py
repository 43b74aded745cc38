"""The agent's and the commands' side of the unix socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar

from deuteron.errors import HostError
from deuteron.feed import wire
from deuteron.feed.wire import (
    Attach,
    Await,
    Change,
    Detach,
    Done,
    Hello,
    Item,
    Message,
    Refused,
    Same,
    Settled,
    Status,
    ToAgent,
    ToApi,
    View,
    Want,
    Welcome,
)

M = TypeVar("M", bound=Message)

#: Seconds that an answer may take beyond the wait that was asked for.
_PATIENCE: Final = 30.0


class Feeding(Protocol):
    """What the loop of an agent needs of a link."""

    def want(self, since: int, wait: float = wire.LONGEST_WAIT) -> View | Change | Same:
        """What is newer than a revision, once there is something."""
        ...

    def ask(self, since: int, wait: float) -> None:
        """Ask what is newer than a revision, and do not wait: :meth:`take` has the answer."""
        ...

    def take(self) -> View | Change | Same:
        """The answer to :meth:`ask`; until it is there, :meth:`fileno` cannot be read."""
        ...

    def fileno(self) -> int:
        """The descriptor to wait for an answer with."""
        ...

    def tell(self, revision: int, items: tuple[Item, ...], *, whole: bool = True) -> None:
        """Tell what became of a view; unless it is ``whole``, more is to be told of it."""
        ...

    def stop(self) -> None:
        """Have a request that is waited for end."""
        ...


class Link:
    """One connection; it asks one thing at a time.

    After :meth:`ask` the next to be called is :meth:`take`.

    Args:
        path: of the socket.
        host: as in ``binding:host_id``.
        bridges: the host's bridge of each physical network, of an agent.
        connected: to it, where somebody else has made the connection.

    Raises:
        HostError: ``feed-unreachable``: nobody listens there.
        FeedError: what answers is not the API.
    """

    def __init__(
        self,
        path: Path,
        host: str,
        bridges: Mapping[str, str] | None = None,
        connected: socket.socket | None = None,
    ) -> None:
        self._numbers = count(1)
        self._socket = _connection(path) if connected is None else connected
        try:
            self._greet(host, bridges)
        except BaseException:  # interrupted (Ctrl-C) too: nobody else could close it
            self._socket.close()
            raise

    def _greet(self, host: str, bridges: Mapping[str, str] | None) -> None:
        greeting = Hello(request=0, host=host, bridges=dict(bridges or {}))
        self.revision = self._ask(greeting, Welcome).revision

    def want(self, since: int, wait: float = wire.LONGEST_WAIT) -> View | Change | Same:
        """What is newer than a revision, once there is something."""
        self.ask(since, wait)
        return self.take()

    def ask(self, since: int, wait: float) -> None:
        """Ask what is newer than a revision, and do not wait; the next to be called is :meth:`take`."""
        self._asked = Want(request=next(self._numbers), since=since, wait=wait)
        self._send(self._asked, wait)

    def take(self) -> View | Change | Same:
        """The answer to :meth:`ask`."""
        answer = self._receive(self._asked)
        if isinstance(answer, View | Change | Same):
            return answer
        raise _another()

    def fileno(self) -> int:
        """The descriptor to wait for an answer with."""
        return self._socket.fileno()

    def tell(self, revision: int, items: tuple[Item, ...], *, whole: bool = True) -> None:
        """Tell what became of a view, in as many messages as it takes.

        Args:
            revision: of the view.
            items: what became of its units.
            whole: that is all: who waits for this revision need not wait any more.
        """
        pieces = [items[start : start + wire.ITEMS] for start in range(0, len(items), wire.ITEMS)] or [()]
        for number, piece in enumerate(pieces, 1):
            last = whole and number == len(pieces)
            self._ask(Status(request=next(self._numbers), revision=revision, items=piece, whole=last), Done)

    def attach(self, port: str, *, netns: str = "", tap: str = "") -> int:
        """An instance is here; the revision that has it."""
        return self._ask(Attach(request=next(self._numbers), port=port, netns=netns, tap=tap), Done).revision

    def detach(self, port: str) -> int:
        """It is not here any more; the revision that has it."""
        return self._ask(Detach(request=next(self._numbers), port=port), Done).revision

    def settled(self, wait: float = wire.LONGEST_WAIT) -> Settled:
        """How far this host has come, once it has done all that was asked so far."""
        return self._ask(Await(request=next(self._numbers), wait=wait), Settled, wait)

    def _ask(self, message: ToApi, kind: type[M], wait: float = 0.0) -> M:
        answer = self._answered(message, wait)
        if isinstance(answer, kind):
            return answer
        raise _another()

    def _answered(self, message: ToApi, wait: float) -> ToAgent:
        """What the API says; a refusal is raised with the API's own code and sentence."""
        self._send(message, wait)
        return self._receive(message)

    def _send(self, message: ToApi, wait: float) -> None:
        self._socket.settimeout(wait + _PATIENCE)
        try:
            self._socket.sendall(wire.encode(message))
        except OSError as error:
            raise wire.ended() from error

    def _receive(self, message: ToApi) -> ToAgent:
        try:
            answer: ToAgent = wire.receive(wire.AGENT, self._socket)  # type: ignore[assignment]  # decoded by AGENT
        except OSError as error:
            raise wire.ended() from error
        if answer.request != message.request:
            raise _another()
        if isinstance(answer, Refused):
            raise HostError(answer.code, answer.message)
        return answer

    def close(self) -> None:
        """End the connection; a request that is waited for on another thread ends with it."""
        self._socket.close()

    def stop(self) -> None:
        """Have a request that another thread waits for end."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended already

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _connection(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    made.settimeout(_PATIENCE)
    try:
        made.connect(str(path))
    except OSError as error:
        made.close()
        raise HostError(
            "feed-unreachable",
            f"deuteron serve does not answer on {path} ({error.strerror or error});"
            " start it, or name its --state-dir",
        ) from error
    return made


def _another() -> wire.FeedError:
    return wire.FeedError("feed-bad-frame", "an answer is of another question; restart deuteron serve")


#: Opens a link: for whoever may have to call again.
Dial = Callable[[], Link]
