"""Two small questions of nftables' own netlink family: which tables are there, and has anything changed.

libnftables would answer the first too, for twenty times the price.
Source: ``linux/netfilter/nf_tables.h``, ``linux/netfilter/nfnetlink.h``.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Generator, Iterator
from typing import Final

import msgspec

from deuteron import edge
from deuteron.errors import KernelError
from deuteron.objects.nft_names import FAMILIES

_NETLINK_NETFILTER: Final = 12
_SUBSYSTEM: Final = 10 << 8  # NFNL_SUBSYS_NFTABLES
_GET_TABLE: Final = _SUBSYSTEM | 1
_GET_GENERATION: Final = _SUBSYSTEM | 16
_REQUEST: Final = 0x1
_DUMP: Final = 0x300
_DUMP_INTERRUPTED: Final = 0x10
_ERROR: Final = 2
_DONE: Final = 3
_HEADER: Final = struct.Struct("=IHHII")
_GENERIC: Final = struct.Struct(">BBH")  # nfgenmsg: family, version, resource
_ATTRIBUTE: Final = struct.Struct("=HH")
_U32: Final = struct.Struct(">I")
_S32: Final = struct.Struct("=i")
_TABLE_NAME: Final = 1
_TABLE_FLAGS: Final = 2
_GENERATION_ID: Final = 1
_BUFFER: Final = 1 << 16
_DUMP_TRIES: Final = 10


class TableHeader(msgspec.Struct, frozen=True, order=True):
    """A table as the kernel names it.

    Attributes:
        flags: NFT_TABLE_F_*, for instance 1: dormant, its chains see no packet.
    """

    family: str
    name: str
    flags: int = 0


def generation() -> int:
    """The number of the calling thread's namespace's ruleset; each committed transaction raises it.

    Raises:
        KernelError: ``nft-rejected``.
    """
    for message in _ask(_GET_GENERATION, 0):
        return _U32.unpack(_attributes(message)[_GENERATION_ID])[0]  # type: ignore[no-any-return]  # struct
    raise KernelError("nft-rejected", "nftables did not tell its generation", errno.ENOMSG)


def tables() -> tuple[TableHeader, ...]:
    """All tables of the calling thread's namespace, of every family.

    Raises:
        KernelError: ``nft-rejected``; EINTR where others changed tables at each of ten looks.
    """
    for _ in range(_DUMP_TRIES):
        try:
            return tuple(_table(message) for message in _ask(_GET_TABLE, _DUMP))
        except InterruptedError:
            continue
    raise KernelError("nft-rejected", "nftables tables kept changing while they were listed", errno.EINTR)


def _table(message: memoryview) -> TableHeader:
    attributes = _attributes(message)
    name = bytes(attributes[_TABLE_NAME]).rstrip(b"\0").decode("ascii", "backslashreplace")
    family = FAMILIES.get(message[0], f"family {message[0]}")
    return TableHeader(family, name, _U32.unpack(attributes[_TABLE_FLAGS])[0])


def _ask(kind: int, flags: int) -> Iterator[memoryview]:
    """Send a request and yield each answer's payload."""
    request = _HEADER.pack(_HEADER.size + _GENERIC.size, kind, _REQUEST | flags, 1, 0) + _GENERIC.pack(
        0, 0, 0
    )
    verb = "netlink.dump" if flags & _DUMP else "netlink.request"
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER) as sock:
        try:
            edge.before(verb)
            sock.send(request)
            edge.after(verb)
            more = True
            while more:
                more = yield from _messages(memoryview(sock.recv(_BUFFER)), dump=bool(flags & _DUMP))
        except InterruptedError:
            raise
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise KernelError(
                "nft-rejected", f"nftables refused a question: {reason}", error.errno or 0
            ) from error


def _messages(datagram: memoryview, *, dump: bool) -> Generator[memoryview, None, bool]:
    """Yield the messages of a datagram; return whether more datagrams follow."""
    while len(datagram) >= _HEADER.size:
        length, kind, flags, _, _ = _HEADER.unpack_from(datagram)
        payload = datagram[_HEADER.size : length]
        if flags & _DUMP_INTERRUPTED:
            raise InterruptedError
        if kind == _DONE:
            return False
        if kind == _ERROR:
            code = -_S32.unpack_from(payload)[0]
            raise OSError(code, os.strerror(code))
        yield payload
        datagram = datagram[(length + 3) & ~3 :]
    return dump


def _attributes(message: memoryview) -> dict[int, memoryview]:
    found: dict[int, memoryview] = {}
    rest = message[_GENERIC.size :]
    while len(rest) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(rest)
        found[kind & 0x3FFF] = rest[_ATTRIBUTE.size : length]
        rest = rest[(length + 3) & ~3 :]
    return found
