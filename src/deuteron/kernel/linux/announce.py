"""Announcements: gratuitous ARP (RFC 5227) and unsolicited neighbour advertisements (RFC 4861, 7.2.6).

A switch or a neighbour may miss one, so each is sent three times, the first before
``send`` returns, the others by a thread of their own one and two seconds later.  A
process that is about to end repeats them sooner and waits for that (``drain``).
"""

from __future__ import annotations

import errno
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from ipaddress import IPv6Address, ip_address
from itertools import count
from typing import Final

import msgspec

from deuteron import edge
from deuteron.locks import Lock, Rank

_ETH_P_ARP: Final = 0x0806
_ETH_P_IPV6: Final = 0x86DD
_ARP_REQUEST: Final = 1
_ARP_REPLY: Final = 2
_BROADCAST: Final = b"\xff" * 6
_ALL_NODES: Final = IPv6Address("ff02::1").packed
#: The multicast MAC address of ff02::1 (RFC 2464, 7).
_ALL_NODES_MAC: Final = bytes.fromhex("333300000001")
_NEXT_HEADER_ICMPV6: Final = 58
_NEIGHBOUR_ADVERTISEMENT: Final = 136
_OVERRIDE: Final = 0x2000_0000
_ROUTER: Final = 0x8000_0000
_TARGET_LINK_LAYER_ADDRESS: Final = 2

#: Seconds after the first at which an announcement is sent again.
REPEATS: Final = (1.0, 2.0)

# Seconds that a sending may be late before nobody waits for it any more.
_GRACE: Final = 1.0

# What sending says where the link, or its address, went away in the meantime.
_GONE: Final = (errno.ENODEV, errno.ENXIO, errno.ENETDOWN, errno.EADDRNOTAVAIL)


class Frames(msgspec.Struct, frozen=True):
    """What is sent for one announcement.

    Attributes:
        dev: the link to send from.
        protocol: the frames' EtherType.
        frames: whole Ethernet frames.
    """

    dev: str
    protocol: int
    frames: tuple[bytes, ...]


def frames_of(dev: str, mac: str, address: str) -> Frames:
    """The frames that tell the wire of ``dev`` that ``address`` is at ``mac``."""
    packed, link = ip_address(address), bytes.fromhex(mac.replace(":", ""))
    if isinstance(packed, IPv6Address):
        return Frames(dev, _ETH_P_IPV6, (_advertisement(link, packed.packed),))
    arps = (_arp(kind, link, packed.packed) for kind in (_ARP_REQUEST, _ARP_REPLY))
    return Frames(dev, _ETH_P_ARP, tuple(arps))


def _ethernet(destination: bytes, source: bytes, protocol: int) -> bytes:
    return destination + source + protocol.to_bytes(2, "big")


def _arp(kind: int, mac: bytes, address: bytes) -> bytes:
    """Sender and target are both ``address`` (RFC 5227, 2.3 and 3): some neighbours heed only one form."""
    target = b"\0" * 6 if kind == _ARP_REQUEST else _BROADCAST
    header = struct.pack("!HHBBH", 1, 0x0800, 6, 4, kind)
    return _ethernet(_BROADCAST, mac, _ETH_P_ARP) + header + mac + address + target + address


def _advertisement(mac: bytes, address: bytes) -> bytes:
    body = struct.pack("!BBHI", _NEIGHBOUR_ADVERTISEMENT, 0, 0, _ROUTER | _OVERRIDE) + address
    body += struct.pack("!BB", _TARGET_LINK_LAYER_ADDRESS, 1) + mac
    pseudo = address + _ALL_NODES + struct.pack("!II", len(body), _NEXT_HEADER_ICMPV6)
    body = body[:2] + _checksum(pseudo + body).to_bytes(2, "big") + body[4:]
    # Hop limit 255: a neighbour believes only what no router has passed on.
    header = struct.pack("!IHBB", 6 << 28, len(body), _NEXT_HEADER_ICMPV6, 255) + address + _ALL_NODES
    return _ethernet(_ALL_NODES_MAC, mac, _ETH_P_IPV6) + header + body


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet_socket() -> socket.socket:
    """A socket in the calling thread's namespace that sends frames and, with protocol 0, receives none."""
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)


def _transmit(sender: socket.socket, what: Frames) -> None:
    for frame in what.frames:
        sender.sendto(frame, (what.dev, what.protocol))


class _Repeat(msgspec.Struct, frozen=True, order=True):
    """One more sending: when (monotonic seconds), which of these, from where, what."""

    due: float
    turn: int
    netns: str
    what: Frames


class Announcer:
    """Sends announcements and repeats them from a thread that starts with the first.

    Args:
        repeats: seconds after the first, ascending.
        clock: monotonic seconds.

    Attributes:
        lost: how many repetitions were refused although their link was there.
    """

    def __init__(
        self, repeats: Sequence[float] = REPEATS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._repeats = tuple(repeats)
        self._clock = clock
        self._changed = Lock(Rank.ANNOUNCE).condition()
        #: A heap, so that many that wait cost the next one nothing; and how many of each namespace.
        self._pending: list[_Repeat] = []
        self._left: Counter[str] = Counter()
        self._turns = count()
        self._sockets: dict[str, socket.socket] = {}
        #: Which namespace each of them is in: a name may be another's by now.
        self._inodes: dict[str, int] = {}
        # Closing a packet socket waits for an RCU grace period, milliseconds: never on the apply path.
        self._unused: list[socket.socket] = []
        self._thread: threading.Thread | None = None
        self._closing = False
        self.lost = 0

    def send(self, netns: str, what: Frames, inode: int = 0) -> None:
        """Send ``what`` now, and again later; the caller's thread is in ``netns``.

        Args:
            netns: the namespace's name.
            what: the frames.
            inode: which namespace has that name now.

        Raises:
            OSError: the first sending was refused.
        """
        with self._changed:
            if self._inodes.get(netns) != inode:
                self._abandon(netns)
            sender = self._sockets.get(netns)
            if sender is None:
                self._inodes[netns] = inode
                sender = self._sockets[netns] = packet_socket()
            now = self._clock()
            earliest = self._pending[0].due if self._pending else None
            try:
                with edge.crossing("announce.send"):
                    _transmit(sender, what)
                for after in self._repeats:
                    heappush(self._pending, _Repeat(now + after, next(self._turns), netns, what))
                self._left[netns] += len(self._repeats)
            finally:
                # Refused or not: the thread closes the socket when nothing is to be repeated by it.
                if not self._left[netns]:
                    self._retire(netns)
                self._start()
                # With a thousand at once it is not woken for each, while it waits for an earlier one.
                if earliest is None or self._unused or self._pending[0].due < earliest:
                    self._changed.notify_all()

    def forget(self, netns: str) -> None:
        """Send no more in ``netns``, which is about to go: an open socket would keep it alive."""
        with self._changed:
            self._abandon(netns)
            self._changed.notify_all()

    def _abandon(self, netns: str) -> None:
        if self._left.pop(netns, 0):
            self._pending = [repeat for repeat in self._pending if repeat.netns != netns]
            heapify(self._pending)
        self._retire(netns)

    def drain(self) -> None:
        """Wait until what is to be repeated has been sent: at most until the last is due, and a second."""
        with self._changed:
            last = max((repeat.due for repeat in self._pending), default=None)
            if last is not None:
                self._changed.wait_for(lambda: not self._pending, last - self._clock() + _GRACE)

    def close(self) -> None:
        """Cancel what was to be repeated, and end the thread."""
        with self._changed:
            self._closing = True
            self._pending.clear()
            for netns in list(self._sockets):
                self._retire(netns)
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="deuteron-announce", daemon=True)
            self._thread.start()

    def _loop(self) -> None:
        while True:
            with self._changed:
                if not self._closing:
                    self._changed.wait(self._idle())
                self._send_due()
                closing, unused, self._unused = self._closing, self._unused, []
            for sender in unused:
                sender.close()
            if closing:
                return

    def _idle(self) -> float | None:
        """Seconds until the next sending, ``None`` where nothing waits."""
        if self._unused:
            return 0
        if not self._pending:
            return None
        return max(0.0, self._pending[0].due - self._clock())

    def _send_due(self) -> None:
        now = self._clock()
        while self._pending and self._pending[0].due <= now:
            repeat = heappop(self._pending)
            self._left[repeat.netns] -= 1
            try:
                _transmit(self._sockets[repeat.netns], repeat.what)
            except OSError as error:
                # A link that went away or down has nothing to announce any more.  Anything else costs
                # this one repetition, as a frame lost on the wire would, and not those that follow.
                self.lost += error.errno not in _GONE
            if not self._left[repeat.netns]:
                self._retire(repeat.netns)
        if not self._pending:
            self._changed.notify_all()

    def _retire(self, netns: str) -> None:
        self._inodes.pop(netns, None)
        del self._left[netns]
        if (sender := self._sockets.pop(netns, None)) is not None:
            self._unused.append(sender)
