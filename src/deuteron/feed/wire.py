"""Frames between the API and an agent, on a unix socket.

::

    4 octets, big endian: n | n octets: one message, msgpack, a map with its type under "type"

    agent, or a command on the host          API
    Hello(host)                         ->
                                        <-   Welcome(revision)
    Want(since)        held open until  ->
    there is something newer            <-   View(revision, view) | Change(revision, since, part) | Same
    Status(revision, items)             ->
                                        <-   Done
    Attach | Detach | Await             ->
                                        <-   Done | Settled | Refused(code, message)

Each message bears the number of its request, and an answer that of the request it answers, so that
both logs tell of one thing.  Neither side trusts the other: what comes is decoded by its type, with a
limit on its size before any of it is kept, and the values check themselves as they are made.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Collection
from typing import Annotated, Final, Literal, NamedTuple, Protocol, TypeVar

import msgspec

from deuteron.domain import HostView
from deuteron.errors import DeuteronError, HostError
from deuteron.feed.part import Part

#: Octets of the longest frame towards the API, and towards an agent (a view of 1,000 routers has 5 MB).
LIMIT_TO_API: Final = 1 << 20
LIMIT_TO_AGENT: Final = 1 << 27
#: Seconds for which a :class:`Want` or :class:`Await` may be held open.
LONGEST_WAIT: Final = 60.0
#: How many items one :class:`Status` has at most; more go in several.
ITEMS: Final = 1000

_HEADER: Final = struct.Struct(">I")
_CREDENTIALS: Final = struct.Struct("3i")

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Ident = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Request = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
Revision = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=LONGEST_WAIT)]


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """What every message has.

    Attributes:
        request: its number, chosen by who asks, rising; an answer has that of its question.
    """

    request: Request


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """Who is there: the first message of a connection.

    Attributes:
        host: as in ``binding:host_id``.
        bridges: the host's bridge of each physical network, of an agent.
    """

    host: Name
    bridges: Annotated[
        dict[Name, Annotated[str, msgspec.Meta(max_length=15)]], msgspec.Meta(max_length=256)
    ] = {}


class Want(Message, frozen=True, kw_only=True, tag="want"):
    """Asks for what is newer than a revision, 0 for all of it.

    Attributes:
        wait: seconds after which :class:`Same` is an answer as well.
    """

    since: Revision
    wait: Seconds = LONGEST_WAIT


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of one unit.

    Attributes:
        unit: ``router/<id>``, ``port/<id>``, ``fip/<network id>`` or ``network/<id>``; ``floatingip/<id>``
            for one that its router's unit has.
        state: ``done``, as wanted, or ``gone``, not wanted and not there; ``failed``, neither.
        code: why it failed, of the catalogue; "" where it did not.
    """

    unit: Annotated[str, msgspec.Meta(pattern=r"^(router|port|fip|network|floatingip)/[A-Za-z0-9._-]{1,64}$")]
    state: Literal["done", "gone", "failed"]
    code: Annotated[str, msgspec.Meta(max_length=64)] = ""


class Status(Message, frozen=True, kw_only=True, tag="status"):
    """Tells what the kernel has; units that are not named are as they were.

    Attributes:
        revision: of the view that this is about.
        whole: the last of the messages for this revision: all of it is done, or said to be failed.
    """

    revision: Revision
    items: Annotated[tuple[Item, ...], msgspec.Meta(max_length=ITEMS)] = ()
    whole: bool = True


class Attach(Message, frozen=True, kw_only=True, tag="attach"):
    """An instance is here: exactly one of ``netns`` and ``tap``."""

    port: Name
    netns: Annotated[str, msgspec.Meta(max_length=255)] = ""
    tap: Annotated[str, msgspec.Meta(max_length=15)] = ""


class Detach(Message, frozen=True, kw_only=True, tag="detach"):
    """It is not here any more."""

    port: Name


class Await(Message, frozen=True, kw_only=True, tag="await"):
    """Answered with :class:`Settled` once the host has done all that was asked before this came."""

    wait: Seconds = LONGEST_WAIT


class Welcome(Message, frozen=True, kw_only=True, tag="welcome"):
    """The connection stands.

    Attributes:
        revision: the newest.
    """

    revision: Revision


class View(Message, frozen=True, kw_only=True, tag="view"):
    """All of it."""

    revision: Revision
    view: HostView


class Change(Message, frozen=True, kw_only=True, tag="change"):
    """What differs from the view of revision ``since``, which is the one that was asked for."""

    revision: Revision
    since: Revision
    part: Part


class Same(Message, frozen=True, kw_only=True, tag="same"):
    """Nothing newer has come in time."""

    revision: Revision


class Done(Message, frozen=True, kw_only=True, tag="done"):
    """It is written down."""

    revision: Revision = 0


class Settled(Message, frozen=True, kw_only=True, tag="settled"):
    """How far the host has come.

    Attributes:
        wanted: the revision that was asked for.
        revision: the one that the host has done; lower than ``wanted`` where the time was over.
        failed: units that are not as wanted.
    """

    wanted: Revision
    revision: Revision
    failed: tuple[Item, ...] = ()


class Refused(Message, frozen=True, kw_only=True, tag="refused"):
    """It is not done; a sentence with the mend."""

    code: Annotated[str, msgspec.Meta(max_length=64)]
    message: Annotated[str, msgspec.Meta(max_length=4096)]


ToApi = Hello | Want | Status | Attach | Detach | Await
ToAgent = Welcome | View | Change | Same | Done | Settled | Refused

M = TypeVar("M")


class FeedError(DeuteronError):
    """What came over the socket is no message, or nothing came: the connection is of no more use."""


class Side:
    """How one side of the socket reads and writes.

    Args:
        kind: the union of the messages that come in.
        limit: octets of the longest one.
        where: who sends them, for sentences.
    """

    def __init__(self, kind: object, limit: int, where: str) -> None:
        self.limit = limit
        self._where = where
        self._decoder: msgspec.msgpack.Decoder[ToApi | ToAgent] = msgspec.msgpack.Decoder(kind)

    def size(self, header: bytes) -> int:
        """How many octets follow a header.

        Raises:
            FeedError: ``feed-frame-too-large``, or ``feed-bad-frame`` for a frame without content.
        """
        (size,) = _HEADER.unpack(header)
        if size > self.limit:
            raise FeedError(
                "feed-frame-too-large",
                f"a message from {self._where} has {size} octets, at most {self.limit} are taken;"
                " see that both sides are of one version",
            )
        if not size:
            raise self._bad()
        return int(size)

    def decode(self, content: bytes) -> ToApi | ToAgent:
        """The message.

        Raises:
            FeedError: ``feed-bad-frame``.
        """
        try:
            return self._decoder.decode(content)
        except (ValueError, RecursionError) as error:
            raise self._bad() from error

    def _bad(self) -> FeedError:
        return FeedError(
            "feed-bad-frame",
            f"what came from {self._where} is no message; see that both sides are of one version,"
            " and restart them",
        )


#: What the API reads, and what an agent reads.
API: Final = Side(ToApi, LIMIT_TO_API, "an agent")
AGENT: Final = Side(ToAgent, LIMIT_TO_AGENT, "the API")

_ENCODER: Final = msgspec.msgpack.Encoder()


def encode(message: ToApi | ToAgent) -> bytes:
    """The frame of a message.

    Raises:
        FeedError: ``feed-frame-too-large``: the other side would not take it.
    """
    content = _ENCODER.encode(message)
    side = AGENT if isinstance(message, ToAgent) else API
    header = _HEADER.pack(min(len(content), 0xFFFFFFFF))
    side.size(header)
    return header + content


def ended() -> FeedError:
    """The error where the other side has gone."""
    return FeedError(
        "feed-ended", "the other side of the socket has gone; it is called again, if it comes back"
    )


async def read(side: Side, reader: asyncio.StreamReader, patience: float | None = None) -> ToApi | ToAgent:
    """The next message.

    Args:
        side: who reads.
        reader: from where.
        patience: seconds that a message may take once it has begun; ``None``: as long as it likes.

    Raises:
        FeedError: it is none (``feed-bad-frame``, ``feed-frame-too-large``), or none comes (``feed-ended``).
        TimeoutError: it takes too long.
    """
    try:
        header = await reader.readexactly(1)
        async with asyncio.timeout(patience):
            header += await reader.readexactly(_HEADER.size - 1)
            return side.decode(await reader.readexactly(side.size(header)))
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise ended() from error


def receive(side: Side, connection: socket.socket) -> ToApi | ToAgent:
    """The next message of a blocking socket; its timeout is the caller's.

    Raises:
        FeedError: as :func:`read`.
        TimeoutError: nothing came in the socket's time; the connection is of no more use.
    """
    return side.decode(_exactly(connection, side.size(_exactly(connection, _HEADER.size))))


def _exactly(connection: socket.socket, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        try:
            # A sender that announces much and sends little gets no more memory than it has sent.
            got = connection.recv(min(size - len(content), 1 << 16))
        except ConnectionError as error:
            raise ended() from error
        if not got:
            raise ended()
        content += got
    return bytes(content)


class Peer(NamedTuple):
    """Who is at the other end, by the kernel's word at the time of its ``connect``."""

    pid: int
    uid: int
    gid: int


class _HasOption(Protocol):
    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes: ...


def peer(connection: _HasOption) -> Peer:
    """Who is at the other end of a unix socket (``SO_PEERCRED``, unix(7))."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return Peer(*_CREDENTIALS.unpack(raw))


def admit(connection: _HasOption, uids: Collection[int]) -> Peer:
    """The other end, where it is one of these users.

    Raises:
        HostError: ``feed-stranger``.
    """
    found = peer(connection)
    if found.uid not in uids:
        raise HostError(
            "feed-stranger",
            f"user {found.uid} may not speak with the other half of deuteron serve;"
            " run this as root, or as the user that the service runs as",
        )
    return found
