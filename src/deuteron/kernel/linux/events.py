"""What happens in the kernel, heard as it happens: "look again at these namespaces", and no more.

One socket for rtnetlink and one for nftables in the host's namespace hear all others too
(``NETLINK_LISTEN_ALL_NSID``): the kernel says beside each message from which namespace it comes,
by a number that only namespaces have which were given one.  Kernel parameters are
watched by inotify below ``/proc/sys``, names of namespaces in their directory, and FILE in its own.

An event is a hint.  Where some were lost (a full receive buffer, a full queue), that too is only a
reason to look, at everything then.  Neighbour proxies have no notification at all (Linux
6.18, ``neigh_add()``), so that their tables are read every half second, where any are wanted.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from deuteron import edge
from deuteron.errors import KernelError
from deuteron.kernel.linux.inotify import (
    IN_CLOSE_WRITE,
    IN_CREATE,
    IN_DELETE,
    IN_MODIFY,
    IN_MOVED_FROM,
    IN_MOVED_TO,
    IN_Q_OVERFLOW,
    Event,
)
from deuteron.kernel.linux.netlink import wire
from deuteron.kernel.linux.netlink.errors import MalformedError, refused
from deuteron.kernel.linux.netlink.socket import NETLINK_NETFILTER, NETLINK_ROUTE
from deuteron.kernel.linux.relevance import relevant
from deuteron.kernel.linux.watched import Interest, Watched
from deuteron.objects.ownership import may_be_ours

__all__ = ["Events", "Interest", "Noticed"]

_SOL_NETLINK: Final = 270
_NETLINK_ADD_MEMBERSHIP: Final = 1
_NETLINK_LISTEN_ALL_NSID: Final = 8
_SO_RCVBUFFORCE: Final = 33

#: linux/rtnetlink.h, RTNLGRP_LINK, _NEIGH, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, _IPV6_IFADDR,
#: _IPV6_ROUTE, _IPV6_RULE, _IPV4_NETCONF, _IPV6_NETCONF.
_ROUTE_GROUPS: Final = (1, 3, 5, 7, 8, 9, 11, 19, 24, 25)
#: linux/netfilter/nfnetlink.h, NFNLGRP_NFTABLES.
_NFTABLES_GROUPS: Final = (7,)

#: What may wait while a look is on: some 5,000 events; more are an overrun, which is a look at all.
_RECEIVE_BUFFER: Final = 16 << 20
_DATAGRAM: Final = 64 << 10
_NSID: Final = struct.Struct("=i")
_CONTROL: Final = socket.CMSG_SPACE(_NSID.size)
#: How many datagrams are read before the caller gets its say.
_AT_A_TIME: Final = 2048
#: Seconds between two looks at tables that have no notifications.
_POLL: Final = 0.5

_NAMES: Final = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO
_WRITTEN: Final = IN_CLOSE_WRITE | IN_MOVED_TO


class Noticed(msgspec.Struct, frozen=True, kw_only=True):
    """Reasons to look.

    Attributes:
        namespaces: where something may have changed, "" for the host's.
        everything: events were lost.
        names: namespaces have come or gone.
        file: FILE was written or replaced.
    """

    namespaces: frozenset[str] = frozenset()
    everything: bool = False
    names: bool = False
    file: bool = False


class Heard(NamedTuple):
    """The sockets that notifications come by.

    To open them takes CAP_NET_BROADCAST, which the kernel asks of the socket's opener even when it delivers
    (``do_one_broadcast()``: file_ns_capable): so they are opened before that is given away.
    """

    route: socket.socket
    nftables: socket.socket

    def close(self) -> None:
        """Hear nothing more."""
        self.route.close()
        self.nftables.close()


def listen(receive_buffer: int = _RECEIVE_BUFFER) -> Heard:
    """Open them, in the network namespace of the calling thread.

    Args:
        receive_buffer: bytes that may wait in each.

    Raises:
        KernelError: refused.
    """
    with ExitStack() as unless_both:
        try:
            route = _listen(NETLINK_ROUTE, _ROUTE_GROUPS, receive_buffer)
            unless_both.callback(route.close)
            nftables = _listen(NETLINK_NETFILTER, _NFTABLES_GROUPS, receive_buffer)
        except OSError as error:
            raise _deaf(error) from error
        unless_both.pop_all()
    return Heard(route, nftables)


def _deaf(error: OSError) -> KernelError:
    return refused(error.errno or 0, doing="to listen for the kernel's notifications")


class Events:
    """Hears the network namespace of the thread that makes it and those in ``netns_dir``.

    Args:
        netns_dir: where namespaces have their names.
        file: told of when it is written or replaced.
        receive_buffer: bytes that may wait in each socket.
        heard: sockets that were opened before, which this closes.

    Raises:
        KernelError: a socket or a watch was refused.
    """

    def __init__(
        self,
        netns_dir: Path,
        file: Path | None = None,
        *,
        receive_buffer: int = _RECEIVE_BUFFER,
        heard: Heard | None = None,
    ) -> None:
        self._buffer = bytearray(_DATAGRAM)
        self._file = file.absolute() if file is not None else None
        self._interest = Interest()
        self._sockets = heard or listen(receive_buffer)
        self._route, self._nftables = self._sockets
        try:
            self._woken = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            self._watched = Watched(netns_dir)
        except OSError as error:
            raise _deaf(error) from error
        self._poll = select.poll()
        for fd in (self._route, self._nftables, self._watched.inotify, self._woken):
            self._poll.register(fd, select.POLLIN)
        self._polled = time.monotonic()
        self._clear()

    def _clear(self) -> None:
        self._dirty: set[str] = set()
        self._everything = self._names = self._rewritten = False

    def follow(
        self,
        interest: Interest,
        again: Iterable[str] | None = None,
        only: Collection[str] | None = None,
    ) -> frozenset[str]:
        """Hear these namespaces from now on; those that were not heard before, and so must be looked at.

        Args:
            interest: all that is of interest; what is not named any more is not heard any more.
            again: the namespaces whose kernel parameters are to be watched anew, since links there
                may have been remade; ``None`` for all.
            only: those that were not heard before are heard if they are among these; ``None`` for
                all.  To begin with one takes a millisecond and more.

        Raises:
            KernelError: the kernel refuses a number for a namespace.
        """
        self._interest = interest
        if self._file is not None:
            self._watched.files(self._file, _WRITTEN)
        self._watched.directory(_NAMES)
        return self._watched.follow(interest, IN_MODIFY, again, only)

    @property
    def unwatched(self) -> int:
        """How many directories of kernel parameters the limits of inotify do not allow to watch."""
        return self._watched.refused

    def wait(self, seconds: float | None, also: int = -1) -> Noticed:
        """What has happened, as soon as something of interest has; nothing after ``seconds``.

        Args:
            seconds: ``None`` to wait until something happens.
            also: a descriptor of somebody else's: that it can be read ends the wait, too.
        """
        if also < 0:
            return self._wait(seconds)
        self._poll.register(also, select.POLLIN)
        try:
            return self._wait(seconds)
        finally:
            self._poll.unregister(also)

    def _wait(self, seconds: float | None) -> Noticed:
        end = None if seconds is None else time.monotonic() + max(0.0, seconds)
        self._clear()
        while True:
            woken = self._read(self._patience(end))
            self._read_silent()
            if woken or self._dirty or self._everything or self._names or self._rewritten:
                break
            if end is not None and time.monotonic() >= end:
                break
        return Noticed(
            namespaces=frozenset(self._dirty),
            everything=self._everything,
            names=self._names,
            file=self._rewritten,
        )

    def wake(self) -> None:
        """Have :meth:`wait` return; may be called by a signal's handler."""
        os.eventfd_write(self._woken, 1)

    def close(self) -> None:
        """Hear nothing more."""
        self._sockets.close()
        self._watched.close()
        os.close(self._woken)

    def _patience(self, end: float | None) -> float | None:
        """Milliseconds to wait for an event."""
        now = time.monotonic()
        ends = [end] if end is not None else []
        if self._interest.proxies:
            ends.append(self._polled + _POLL)
        return max(0.0, min(ends) - now) * 1000 if ends else None

    def _read(self, milliseconds: float | None) -> bool:
        """Take in what waits; whether there is something for somebody else."""
        woken = False
        for fd, _what in self._poll.poll(milliseconds):
            if fd == self._woken:
                os.eventfd_read(self._woken)
                woken = True
            elif fd == self._watched.inotify.fileno():
                for event in self._watched.inotify.read():
                    self._inotified(event)
            elif fd in (self._route.fileno(), self._nftables.fileno()):
                self._netlink(self._route if fd == self._route.fileno() else self._nftables)
            else:
                woken = True  # somebody else's
        return woken

    def _read_silent(self) -> None:
        if self._interest.proxies and time.monotonic() >= self._polled + _POLL:
            self._polled = time.monotonic()
            self._dirty |= self._watched.changed_proxies()

    def _inotified(self, event: Event) -> None:
        if event.mask & IN_Q_OVERFLOW:
            self._everything = True
        elif event.watch == self._watched.directory_watch:
            if event.name in self._interest.links or may_be_ours(event.name):
                self._names = True
                self._dirty.add(event.name)
        elif event.watch in self._watched.file_watches:
            self._rewritten = self._rewritten or event.name in self._watched.file_watches[event.watch]
        elif (netns := self._watched.netns_of_watch(event.watch)) is not None:
            self._dirty.add(netns)

    def _netlink(self, heard: socket.socket) -> None:
        for _ in range(_AT_A_TIME):
            try:
                size, control, _flags, _source = heard.recvmsg_into([self._buffer], _CONTROL)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise refused(error.errno or 0, doing="to hear the kernel's notifications") from error
                self._everything = True
                continue
            netns = self._watched.netns_of(_nsid(control))
            # Most of a storm is of one namespace: one look will do, and its messages are not even read.
            if netns is not None and netns not in self._dirty and not self._everything:
                try:
                    self._heard(netns, bytes(memoryview(self._buffer)[:size]), nft=heard is self._nftables)
                except MalformedError:  # cut, or of a kernel to come: as good as lost
                    self._everything = True

    def _heard(self, netns: str, datagram: bytes, *, nft: bool) -> None:
        if nft:
            if may_be_ours(netns):
                self._dirty.add(netns)
            return
        links = self._interest.links.get(netns, frozenset())
        if any(
            relevant(netns, kind, flags, payload, links)
            for kind, flags, _, payload in wire.messages(datagram)
        ):
            self._dirty.add(netns)


def _nsid(control: list[tuple[int, int, bytes]]) -> int | None:
    """The number of the namespace that a message comes from; ``None`` for the socket's own."""
    for level, kind, data in control:
        if (level, kind) == (_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID):
            number: int = _NSID.unpack_from(data)[0]
            return number
    return None


def _listen(protocol: int, groups: Iterable[int], receive_buffer: int) -> socket.socket:
    with edge.crossing("netlink.socket"):
        made = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, protocol
        )
        try:
            made.setsockopt(_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID, 1)
            _enlarge(made, receive_buffer)
            made.bind((0, 0))
            for group in groups:
                made.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
        except OSError:
            made.close()
            raise
    return made


def _enlarge(made: socket.socket, size: int) -> None:
    try:
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
    except PermissionError:  # root of a user namespace only: as much as net.core allows
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
