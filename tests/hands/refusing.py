"""The kernel refuses one thing, chosen by what is asked of it; through the edge of the process."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

from deuteron import edge
from deuteron.kernel.linux import sysctl
from deuteron.kernel.linux.netlink import socket as netlink

#: Told the verb and what it is about: a netlink message, a parameter's path, or nothing.
Matches = Callable[[str, bytes], bool]

RTM_NEWADDR = 20
RTM_NEWROUTE = 24
RTM_GETROUTE = 26
RTM_NEWRULE = 32


def message(kind: int, *parts: bytes) -> Matches:
    """Netlink messages of a kind which hold all of these bytes."""

    def matches(verb: str, about: bytes) -> bool:
        asked = int.from_bytes(about[4:6], "little") == kind
        return verb in ("netlink.batch", "netlink.dump") and asked and all(part in about for part in parts)

    return matches


def address(text: str) -> bytes:
    """An IPv4 address as it is in a message."""
    return socket.inet_aton(text)


def parameter(end: str) -> Matches:
    """Writes of a kernel parameter whose path ends so."""
    return lambda verb, about: verb == "sysctl.write" and about.decode().endswith(end)


def verb(name: str) -> Matches:
    """Any effect of that name."""
    return lambda passing, about: passing == name


class Refusing:
    """A guard that refuses the ``at``-th match, from 1, with ``number``; 0 refuses none and counts."""

    def __init__(self, matches: Matches, number: int, at: int) -> None:
        self._matches = matches
        self._number = number
        self._at = at
        self._lock = threading.Lock()
        self._about = threading.local()
        self.seen = 0

    @property
    def refused(self) -> bool:
        """Whether it has."""
        return 0 < self._at <= self.seen

    def about(self, what: bytes) -> None:
        """What this thread's next crossing is about."""
        self._about.what = what

    def hits(self, passing: str, about: bytes) -> bool:
        """Whether this one is to be refused; counts."""
        if not self._matches(passing, about):
            return False
        with self._lock:
            self.seen += 1
            return self.seen == self._at

    def before(self, passing: str) -> None:
        """See :class:`deuteron.edge.Guard`."""
        if passing != "netlink.batch" and self.hits(passing, getattr(self._about, "what", b"")):
            raise OSError(self._number, os.strerror(self._number))

    def after(self, passing: str) -> None:
        """See :class:`deuteron.edge.Guard`."""

    def spoiled(self, passing: str, count: int) -> tuple[int, int] | None:
        """See :class:`deuteron.edge.Guard`."""
        found = getattr(self._about, "at", None)
        self._about.at = None
        return (found, self._number) if found is not None else None

    def look_through(self, messages: Sequence[bytes]) -> None:
        """Choose the message of a batch that is to be refused."""
        hits = (at for at, each in enumerate(messages) if self.hits("netlink.batch", bytes(each)))
        self._about.at = next(hits, None)


@contextmanager
def refusing(matches: Matches, number: int = errno.EPERM, at: int = 1) -> Iterator[Refusing]:
    """While it lasts the ``at``-th thing that matches is refused."""
    guard = Refusing(matches, number, at)
    spoil, transmit, write = netlink._spoil, netlink.NetlinkSocket._transmit, sysctl.Parameters.write

    def spoiling(data: bytearray, messages: Sequence[bytes]) -> tuple[int, int] | None:
        guard.look_through(messages)
        return spoil(data, messages)

    def transmitting(self: netlink.NetlinkSocket, data: bytearray, passing: str) -> None:
        guard.about(bytes(data))
        transmit(self, data, passing)

    def writing(self: sysctl.Parameters, path: str, value: str) -> None:
        guard.about(path.encode())
        write(self, path, value)

    with (
        patch.object(netlink, "_spoil", spoiling),
        patch.object(netlink.NetlinkSocket, "_transmit", transmitting),
        patch.object(sysctl.Parameters, "write", writing),
        edge.guarded(guard),
    ):
        yield guard
