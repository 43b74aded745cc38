"""The API's side of the unix socket: views by revision, held open until there is something newer.

Each connection asks one thing at a time.  An agent has two: one waits for views, one tells what became
of them; a command on the host (``deuteron port attach``, ``deuteron wait``) opens its own.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeVar

from deuteron.errors import DeuteronError
from deuteron.feed import wire
from deuteron.feed.changed import Told, Undecided, Unnumbered, part_of
from deuteron.feed.listening import unix_socket
from deuteron.feed.status import Outcomes
from deuteron.feed.view import host_view
from deuteron.feed.wire import (
    Attach,
    Await,
    Change,
    Detach,
    Done,
    Hello,
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
from deuteron.heap import give_back
from deuteron.store.store import Unit

T = TypeVar("T")

#: Connections at a time; more are closed as they come.
CONNECTIONS: Final = 64
#: Seconds in which the first message has to come, and the rest of any that has begun.
_GREETING: Final = 10.0
#: Changes that are told as a part; a host that is further behind gets the whole view.
_PART: Final = 1000
#: Seconds from one answer with news to the next.  Who has kernel work to do takes longer over each, and
#: is told of the next at once; of a thousand small changes a second, ten are told together.
_PACE: Final = 0.01
#: Where so many answers in a row held so many changes each, many clients write.  A part costs both processes
#: as much as three requests, so then fewer are made: nobody of them waits for one change alone.
_ROW: Final = 8
_MANY: Final = 5
_BUSY_PACE: Final = 0.04
#: States written at a time: who else writes meanwhile does not wait for a thousand.
_SHOWN: Final = 100

#: Writes that a port is here (a profile) or is not any more (``None``): the ports' own code does it.
Bind = Callable[[Unit, str, str, Mapping[str, str] | None], None]


class Source(Protocol):
    """What the feed needs of the store."""

    @property
    def revision(self) -> int:
        """The newest."""
        ...

    async def write(self, work: Callable[[Unit], T]) -> T:
        """A unit of work that writes."""
        ...

    async def read(self, work: Callable[[Unit], T]) -> T:
        """One that looks."""
        ...

    async def changed(self, since: int, seconds: float) -> int:
        """Wait for a newer revision."""
        ...


class Guest(NamedTuple):
    """Who is at the other end of a connection."""

    host: str
    bridges: Mapping[str, str]


class Feed:
    """Serves agents and commands.

    Args:
        store: where the resources are.
        bind: see :data:`Bind`.
        uids: the users that may connect.
    """

    def __init__(self, store: Source, bind: Bind, uids: Collection[int]) -> None:
        self._store = store
        self._bind = bind
        self._uids = frozenset(uids)
        self._outcomes = Outcomes()
        #: What the host and revision of the last answer know: one host is served.
        self._told: dict[tuple[str, int], Told] = {}
        #: When a host last got news, by the loop's clock, and how many times in a row it was much.
        self._paced: dict[str, tuple[float, int]] = {}
        #: Who waits to hear of an agent, by its host.
        self._listening: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._refused: list[str] = []

    async def listen(self, path: Path) -> None:
        """Listen on a unix socket of mode 0600; one that an earlier process left is replaced.

        Raises:
            OSError: it cannot be made.
        """
        await self.listen_on(unix_socket(path))

    async def listen_on(self, made: socket.socket) -> None:
        """Listen on a bound unix socket, which another process may have made."""
        self._server = await asyncio.start_unix_server(self._accept, sock=made)

    async def close(self) -> None:
        """Listen no more, and end every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def hears(self, host: str, seconds: float) -> bool:
        """Wait for a host's agent to say something, at most so many seconds; whether it did.

        One that has nothing to do asks for news all the time.
        """
        heard = self._listening.setdefault(host, asyncio.Event())
        heard.clear()
        try:
            await asyncio.wait_for(heard.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _heard(self, host: str) -> None:
        if host in self._listening:
            self._listening[host].set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self.serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        try:
            if len(self._tasks) <= CONNECTIONS:
                wire.admit(writer.get_extra_info("socket"), self._uids)
                await self._converse(reader, writer)
        except (DeuteronError, TimeoutError, ConnectionError) as error:
            # The connection is over, for which the other side has its own sentence; nobody else is concerned.
            self._refused = [*self._refused[-9:], getattr(error, "code", "feed-ended")]
        finally:
            writer.close()

    @property
    def refused(self) -> tuple[str, ...]:
        """The codes of the connections that ended last, for the log."""
        return tuple(self._refused)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeting = await asyncio.wait_for(wire.read(wire.API, reader), _GREETING)
        if not isinstance(greeting, Hello):
            raise wire.FeedError("feed-bad-frame", "the first message says who is there; restart both sides")
        guest = Guest(greeting.host, greeting.bridges)
        await _send(writer, Welcome(request=greeting.request, revision=self._store.revision))
        while True:
            message = await wire.read(wire.API, reader, _GREETING)
            await _send(writer, await self._answer(guest, message))  # type: ignore[arg-type]  # decoded by API

    async def _answer(self, guest: Guest, message: ToApi) -> ToAgent:
        try:
            return await self._do(guest, message)
        except DeuteronError as error:
            return Refused(request=message.request, code=error.code, message=error.message[:4096])

    async def _do(self, guest: Guest, message: ToApi) -> ToAgent:
        match message:
            case Want():
                self._heard(guest.host)
                return await self._want(guest, message)
            case Status():
                self._heard(guest.host)
                return await self._status(guest, message)
            case Attach(port=port, netns=netns, tap=tap):
                profile = {key: value for key, value in (("netns", netns), ("tap", tap)) if value}
                return await self._attach(guest, message.request, port, profile)
            case Detach(port=port):
                return await self._attach(guest, message.request, port, None)
            case Await(wait=wait):
                return await self._await(guest, message.request, wait)
            case Hello(request=request):
                return Welcome(request=request, revision=self._store.revision)

    async def _want(self, guest: Guest, message: Want) -> ToAgent:
        if not message.since:
            self._outcomes.forget(guest.host)
        newest = await self._store.changed(message.since, message.wait)
        if newest != message.since:
            await self._pace(guest.host, message.since)
        # A store that was put back is behind what the agent knows: it gets the whole view.
        if newest == message.since:
            return Same(request=message.request, revision=newest)
        told = self._told.get((guest.host, message.since))
        if told is not None and (change := await self._part(told, message)) is not None:
            self._told = {(guest.host, change.revision): told.after(change.part)}
            return change
        view = await self._store.write(lambda unit: _view(unit, guest, message.request))
        self._told = {(guest.host, view.revision): Told.of(view.view, guest.bridges)}
        return view

    async def _pace(self, host: str, since: int) -> None:
        clock = asyncio.get_running_loop()
        last, row = self._paced.get(host, (0.0, 0))
        await asyncio.sleep(last + (_PACE if row < _ROW else _BUSY_PACE) - clock.time())
        much = self._store.revision - since >= _MANY
        self._paced[host] = clock.time(), row + 1 if much else 0

    async def _part(self, told: Told, message: Want) -> Change | None:
        try:
            return await self._store.read(lambda unit: _change(unit, told, message, writes=False))
        except Unnumbered:
            return await self._store.write(lambda unit: _change(unit, told, message, writes=True))

    async def _status(self, guest: Guest, message: Status) -> Done:
        # What resources show is written before whoever waits for this revision is told of it.
        fresh = self._outcomes.shown(message)
        for at in range(0, len(fresh), _SHOWN):
            await self._store.write(partial(Outcomes.write, items=fresh[at : at + _SHOWN]))
        self._outcomes.take(guest.host, message)
        return Done(request=message.request)

    async def _attach(self, guest: Guest, request: int, port: str, profile: Mapping[str, str] | None) -> Done:
        def work(unit: Unit) -> int:
            self._bind(unit, port, guest.host, profile)
            return unit.revision

        return Done(request=request, revision=await self._store.write(work))

    async def _await(self, guest: Guest, request: int, wait: float) -> Settled:
        wanted = self._store.revision
        reached = await self._outcomes.reached(guest.host, wanted, wait)
        failed = self._outcomes.failed(guest.host)[: wire.ITEMS]
        return Settled(request=request, wanted=wanted, revision=reached, failed=failed)


def _change(unit: Unit, told: Told, message: Want, *, writes: bool) -> Change | None:
    changes = unit.changes(message.since, _PART)
    if not changes or len(changes) >= _PART:
        return None
    try:
        found = part_of(unit, told, changes, writes=writes)
    except Undecided:
        return None
    return Change(request=message.request, revision=changes[-1].revision, since=message.since, part=found)


def _view(unit: Unit, guest: Guest, request: int) -> View:
    revision = unit.revision
    view = host_view(unit, guest.host, guest.bridges)
    return View(request=request, revision=revision, view=view)


async def _send(writer: asyncio.StreamWriter, message: ToAgent) -> None:
    writer.write(wire.encode(message))
    await writer.drain()
    if isinstance(message, View):
        give_back()
