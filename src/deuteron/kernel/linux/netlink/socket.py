"""A netlink socket: batches, dumps and single requests, each wait bounded.

The kernel works on a request within ``sendmsg`` and does not stop at a message that it
refuses: the messages of a batch are independent of each other.  It answers a refused
message even where no answer was asked for, so only the last message of a chunk asks for
one; silence about the others, once that has arrived, is success.  That halves the cost
of a batch.  A lost answer (ENOBUFS) is never taken for silence: the socket reports it.
"""

from __future__ import annotations

import errno
import fcntl
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from struct import Struct
from types import TracebackType
from typing import Final, Self

import msgspec

from deuteron import edge
from deuteron.errors import KernelError
from deuteron.kernel.linux.netlink import wire
from deuteron.kernel.linux.netlink.errors import refused

NETLINK_ROUTE: Final = 0
NETLINK_NETFILTER: Final = 12

_SOL_NETLINK: Final = 270
_NETLINK_ADD_MEMBERSHIP: Final = 1
_NETLINK_CAP_ACK: Final = 10
_NETLINK_EXT_ACK: Final = 11
_NETLINK_GET_STRICT_CHK: Final = 12
_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33

_NLMSGERR_ATTR_MSG: Final = 1

_RECEIVE_BUFFER: Final = 4 << 20
_SEND_BUFFER: Final = 1 << 20
#: Bytes per ``sendmsg``: larger ones gain nothing and need large allocations.
_CHUNK_BYTES: Final = 128 << 10
#: What one answer may take of the receive buffer, the kernel's own structures included.
_ANSWER_BYTES: Final = 2048
#: More than the 32 KiB that the kernel puts in a datagram of a dump.
_DATAGRAM: Final = 64 << 10
_DUMP_TRIES: Final = 10

#: A kind of message that no family knows, and where a message tells its kind.
_NO_KIND: Final = 0x0FFF
_KIND_OFFSET: Final = 4

_SEQUENCE: Final = Struct("=I")
_FLAGS: Final = Struct("=H")
_KIND: Final = Struct("=H")
_TIMEVAL: Final = Struct("@ll")


class Ack(msgspec.Struct, frozen=True, gc=False):
    """The kernel's answer to one message.

    Attributes:
        errno: 0 for done, else the positive error number.
        text: the kernel's own words on a refusal, or "".
    """

    errno: int = 0
    text: str = ""


class Counters(msgspec.Struct):
    """What sockets have done: messages sent in batches, ``sendmsg`` calls, dumps (retries included)."""

    messages: int = 0
    sends: int = 0
    dumps: int = 0


_OK: Final = Ack()


class _Buffers(threading.local):
    """What a datagram is received in, one for each thread: thousands of sockets stay open."""

    def __init__(self) -> None:
        self.datagram = memoryview(bytearray(_DATAGRAM))


_BUFFERS: Final = _Buffers()


class NetlinkSocket:
    """A socket in the network namespace of the thread that makes it; any one thread at a time may use it.

    Args:
        protocol: ``NETLINK_ROUTE`` or ``NETLINK_NETFILTER``.
        timeout: seconds that one wait for an answer may last.
        counters: to count in, may be shared by sockets of one thread.

    Raises:
        KernelError: the socket could not be made.
    """

    def __init__(
        self, protocol: int = NETLINK_ROUTE, *, timeout: float = 5.0, counters: Counters | None = None
    ) -> None:
        self.counters = Counters() if counters is None else counters
        self._sequence = 0
        #: Whether a dump was given up: what is left of it must be read before the next.
        self._unread = False
        try:
            self._socket = _open(protocol, timeout)
        except OSError as error:
            raise refused(error.errno or 0, doing="a netlink socket") from error
        received = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        sent = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        self._chunk_messages = max(1, received // _ANSWER_BYTES)
        self._chunk_bytes = min(_CHUNK_BYTES, sent - 256)

    def move_up(self, lowest: int) -> None:
        """Take a descriptor of at least ``lowest``, for a socket that stays open for long.

        Raises:
            OSError: the process may have no such descriptor.
        """
        moved = fcntl.fcntl(self._socket.fileno(), fcntl.F_DUPFD_CLOEXEC, lowest)
        self._socket.close()
        self._socket = socket.socket(fileno=moved)

    def option(self, level: int, name: int, size: int) -> bytes:
        """A socket option's value.

        Raises:
            OSError: the kernel does not know it.
        """
        return self._socket.getsockopt(level, name, size)

    def close(self) -> None:
        """Close the socket; doing it twice is fine."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def batch(self, messages: Sequence[bytes]) -> list[Ack]:
        """Send messages, as many per system call as the buffers allow; an :class:`Ack` for each, in order.

        A refused message does not stop the later ones.

        Raises:
            KernelError: an answer was lost or did not come in time; what was done is unknown then.
        """
        acks: list[Ack] = []
        for chunk in self._chunks(messages):
            acks += self._send_chunk(chunk)
        return acks

    def dump(self, message: bytes) -> list[bytes]:
        """The payloads of all messages of a dump, begun again where the kernel says it was interrupted.

        Raises:
            KernelError: refused, no answer in time, or ``dump-interrupted``: the state changed ten times.
        """
        for _ in range(_DUMP_TRIES):
            self.counters.dumps += 1
            self._drain()
            self._unread = True
            payloads = self._read_dump(self._send(message, "netlink.dump"))
            self._unread = False
            if payloads is not None:
                return payloads
        sentence = f"what a netlink dump shows changed during each of {_DUMP_TRIES} tries; try again later"
        raise KernelError("dump-interrupted", sentence, errno.EINTR)

    def request(self, message: bytes) -> bytes:
        """The payload of the one answer to ``message`` (a ``get`` of one object).

        Raises:
            KernelError: refused, or no answer in time.
        """
        wanted = self._send(message, "netlink.request")
        while True:
            for kind, flags, sequence, payload in self._receive():
                if sequence != wanted:
                    continue
                if kind == wire.NLMSG_ERROR:
                    ack = _parse_ack(flags, payload)
                    raise refused(ack.errno, ack.text)
                return payload

    def last_request(
        self,
        message: bytes,
        notices: int,
        noticed: Callable[[int, bytes], bool],
        later: Callable[[Callable[[], int]], Future[int]],
    ) -> Ack:
        """Have ``message`` sent by another thread; the answer, or errno 0 as soon as notices say so.

        The socket is closed once ``sendmsg`` is over, which may be after the return.

        Args:
            message: what to send.
            notices: the multicast group (RTNLGRP_*) to hear.
            noticed: told the kind and the payload of each notice, says whether all is done.
            later: runs a function on another thread.

        Raises:
            KernelError: not sent, or no answer in time.
        """
        sequence = self._take_sequence(1)
        data = bytearray(message)
        _SEQUENCE.pack_into(data, 8, sequence)
        (flags,) = _FLAGS.unpack_from(data, 6)
        _FLAGS.pack_into(data, 6, flags | wire.NLM_F_ACK)
        spoilt = _spoil(data, [message])
        try:
            edge.before("netlink.batch")
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, notices)
        except OSError as error:
            raise refused(error.errno or 0) from error
        self.counters.messages += 1
        self.counters.sends += 1
        sent = later(lambda: self._socket.send(data))
        try:
            ack = self._await_notice(sequence, noticed, sent)
            edge.after("netlink.batch")
        except OSError as error:
            raise _late() from error
        else:
            return Ack(spoilt[1], ack.text) if spoilt is not None else ack
        finally:
            sent.add_done_callback(lambda _: self.close())

    def _await_notice(self, sequence: int, noticed: Callable[[int, bytes], bool], sent: Future[int]) -> Ack:
        while True:
            try:
                received = self._receive()
            except KernelError as error:
                # A lost notice: the answer still comes.  Nothing in time: the wait for the kernel's
                # lock is not bounded where the message is sent by oneself either.
                if error.errno == errno.ENOBUFS or (error.errno == errno.EAGAIN and not sent.done()):
                    continue
                failure = sent.exception() if sent.done() else None
                if isinstance(failure, OSError):
                    raise refused(failure.errno or 0) from failure
                raise
            for kind, flags, answered, payload in received:
                if kind == wire.NLMSG_ERROR and answered == sequence:
                    return _parse_ack(flags, payload)
                if noticed(kind, payload):
                    return _OK

    def _chunks(self, messages: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
        start = size = 0
        for position, message in enumerate(messages):
            full = size + len(message) > self._chunk_bytes or position - start >= self._chunk_messages
            if full and position > start:
                yield messages[start:position]
                start, size = position, 0
            size += len(message)
        if start < len(messages):
            yield messages[start:]

    def _send_chunk(self, messages: Sequence[bytes]) -> list[Ack]:
        first = self._take_sequence(len(messages))
        last = first + len(messages) - 1
        data = bytearray().join(messages)
        offset = 0
        for sequence, message in enumerate(messages, first):
            _SEQUENCE.pack_into(data, offset + 8, sequence)
            offset += len(message)
        final = offset - len(messages[-1])
        (flags,) = _FLAGS.unpack_from(data, final + 6)
        _FLAGS.pack_into(data, final + 6, flags | wire.NLM_F_ACK)
        spoilt = _spoil(data, messages)
        self.counters.messages += len(messages)
        self._transmit(data, "netlink.batch")
        acks = self._read_acks(first, last)
        if spoilt is not None:
            acks[spoilt[0]] = Ack(spoilt[1], acks[spoilt[0]].text)
        return acks

    def _read_acks(self, first: int, last: int) -> list[Ack]:
        acks = [_OK] * (last - first + 1)
        while True:
            for kind, flags, sequence, payload in self._receive():
                if kind != wire.NLMSG_ERROR or not first <= sequence <= last:
                    continue
                acks[sequence - first] = _parse_ack(flags, payload)
                if sequence == last:
                    return acks

    def _read_dump(self, wanted: int) -> list[bytes] | None:
        """Payloads until the end of the dump; ``None`` where it must be begun again."""
        payloads: list[bytes] = []
        interrupted = False
        while True:
            try:
                received = self._receive()
            except KernelError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                interrupted = True  # a part is lost; the rest, and the end, still come
                continue
            for kind, flags, sequence, payload in received:
                if sequence != wanted:
                    continue  # the rest of an answer that came too late
                interrupted = interrupted or bool(flags & wire.NLM_F_DUMP_INTR)
                if kind == wire.NLMSG_DONE or kind == wire.NLMSG_ERROR:
                    ack = _parse_done(payload) if kind == wire.NLMSG_DONE else _parse_ack(flags, payload)
                    if ack.errno:
                        raise refused(ack.errno, ack.text, "a netlink dump")
                    return None if interrupted else payloads
                payloads.append(payload)

    def _drain(self) -> None:
        """Read what is left of a dump that was given up: until then the kernel refuses another (EBUSY)."""
        while self._unread:
            try:
                self._unread = bool(self._socket.recv(_DATAGRAM, socket.MSG_DONTWAIT))
            except BlockingIOError:
                self._unread = False
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # that a part was lost is all the same here
                    raise refused(error.errno or 0) from error

    def _take_sequence(self, count: int) -> int:
        if self._sequence + count >= 1 << 32:
            self._sequence = 0
        first = self._sequence + 1
        self._sequence += count
        return first

    def _send(self, message: bytes, verb: str) -> int:
        sequence = self._take_sequence(1)
        data = bytearray(message)
        _SEQUENCE.pack_into(data, 8, sequence)
        self._transmit(data, verb)
        return sequence

    def _transmit(self, data: bytearray, verb: str) -> None:
        self.counters.sends += 1
        try:
            edge.before(verb)
            self._socket.send(data)
        except OSError as error:
            raise refused(error.errno or 0) from error
        try:
            edge.after(verb)
        except OSError as error:
            raise _late() from error

    def _receive(self) -> Iterator[tuple[int, int, int, bytes]]:
        buffer = _BUFFERS.datagram
        try:
            size = self._socket.recv_into(buffer)
        except BlockingIOError as error:
            raise _late() from error
        except OSError as error:
            raise refused(error.errno or 0) from error
        return wire.messages(buffer[:size].tobytes())


def _late() -> KernelError:
    message = "the kernel did not answer a netlink request in time; try again"
    return KernelError("netlink-timeout", message, errno.EAGAIN)


def _spoil(data: bytearray, messages: Sequence[bytes]) -> tuple[int, int] | None:
    """Make of one message something that the kernel refuses, where a guard wants that; which, and its errno.

    A kind that it does not know: it says so for that message and goes on with the next.
    """
    spoilt = edge.spoiled("netlink.batch", len(messages))
    if spoilt is not None:
        at = sum(map(len, messages[: spoilt[0]])) + _KIND_OFFSET
        (kind,) = _KIND.unpack_from(data, at)
        _KIND.pack_into(data, at, kind & 0xF000 | _NO_KIND)
    return spoilt


def _open(protocol: int, timeout: float) -> socket.socket:
    edge.before("netlink.socket")
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    try:
        for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK):
            made.setsockopt(_SOL_NETLINK, option, 1)
        _enlarge(made, _SO_RCVBUFFORCE, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        _enlarge(made, _SO_SNDBUFFORCE, socket.SO_SNDBUF, _SEND_BUFFER)
        # Not settimeout(): that costs a poll() before each receive.
        seconds, rest = divmod(timeout, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.pack(int(seconds), int(rest * 1e6)))
        made.bind((0, 0))
        edge.after("netlink.socket")
    except OSError:
        made.close()
        raise
    return made


def _enlarge(made: socket.socket, force: int, plain: int, size: int) -> None:
    try:
        made.setsockopt(socket.SOL_SOCKET, force, size)
    except PermissionError:  # root of a user namespace only: as much as net.core allows
        made.setsockopt(socket.SOL_SOCKET, plain, size)


def _parse_ack(flags: int, payload: bytes) -> Ack:
    """An ``nlmsgerr``: errno, the refused message's header, then what the kernel says about it."""
    errno_ = wire.errno_of(payload)
    if not errno_ or not flags & wire.NLM_F_ACK_TLVS:
        return Ack(errno_) if errno_ else _OK
    request = wire.HEADER_SIZE
    if not flags & wire.NLM_F_CAPPED:  # the whole message is quoted
        request = (wire.number(payload[4:8]) + 3) & ~3
    return Ack(errno_, _said(payload, 4 + request))


def _parse_done(payload: bytes) -> Ack:
    """The end of a dump: errno, then what the kernel says about it."""
    errno_ = wire.errno_of(payload) if payload else 0
    return Ack(errno_, _said(payload, 4)) if errno_ else _OK


def _said(payload: bytes, offset: int) -> str:
    return wire.text(wire.attributes(payload, offset).get(_NLMSGERR_ATTR_MSG, b""))
