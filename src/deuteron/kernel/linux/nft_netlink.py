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
from deuteron.kernel.linux.netlink import wire
from deuteron.kernel.linux.netlink.errors import MalformedError
from deuteron.kernel.linux.netlink.socket import NETLINK_NETFILTER
from deuteron.objects.nft_names import FAMILIES

_SUBSYSTEM: Final = 10 << 8  # NFNL_SUBSYS_NFTABLES
_GET_TABLE: Final = _SUBSYSTEM | 1
_GET_GENERATION: Final = _SUBSYSTEM | 16
_GENERIC: Final = struct.Struct(">BBH")  # nfgenmsg: family, version, resource
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
        KernelError: ``nft-rejected``; ``netlink-malformed``.
    """
    for message in _ask(_GET_GENERATION, 0):
        return _number(wire.attributes(message, _GENERIC.size), _GENERATION_ID)
    raise KernelError("nft-rejected", "nftables did not tell its generation", errno.ENOMSG)


def tables() -> tuple[TableHeader, ...]:
    """All tables of the calling thread's namespace, of every family.

    Raises:
        KernelError: ``netlink-malformed``; ``nft-rejected``, with EINTR where others changed tables at
            each of ten looks.
    """
    for _ in range(_DUMP_TRIES):
        try:
            return tuple(_table(message) for message in _ask(_GET_TABLE, wire.NLM_F_DUMP))
        except InterruptedError:
            continue
    raise KernelError("nft-rejected", "nftables tables kept changing while they were listed", errno.EINTR)


def _table(message: bytes) -> TableHeader:
    (family, _version, _resource) = wire.fixed(_GENERIC, message)
    attributes = wire.attributes(message, _GENERIC.size)
    name = attributes.get(_TABLE_NAME)
    if name is None:
        raise MalformedError("a table of nftables has no name")
    text = name.rstrip(b"\0").decode("ascii", "backslashreplace")
    return TableHeader(FAMILIES.get(family, f"family {family}"), text, _number(attributes, _TABLE_FLAGS))


def _number(attributes: dict[int, bytes], kind: int) -> int:
    """A number of 32 bits in network byte order, as netfilter's are."""
    value = attributes.get(kind, b"")
    if len(value) != 4:
        raise MalformedError("an answer of nftables lacks a number")
    return int.from_bytes(value, "big")


def _ask(kind: int, flags: int) -> Iterator[bytes]:
    """Send a request and yield each answer's payload."""
    request = wire.HEADER.pack(wire.HEADER_SIZE + _GENERIC.size, kind, wire.NLM_F_REQUEST | flags, 1, 0)
    dump = bool(flags & wire.NLM_F_DUMP)
    verb = "netlink.dump" if dump else "netlink.request"
    kinds = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    with socket.socket(socket.AF_NETLINK, kinds, NETLINK_NETFILTER) as sock:
        try:
            edge.before(verb)
            sock.send(request + _GENERIC.pack(0, 0, 0))
            edge.after(verb)
            more = True
            while more:
                more = yield from _messages(sock.recv(_BUFFER), dump=dump)
        except InterruptedError:
            raise
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            raise KernelError(
                "nft-rejected", f"nftables refused a question: {reason}", error.errno or 0
            ) from error


def _messages(datagram: bytes, *, dump: bool) -> Generator[bytes, None, bool]:
    """Yield the messages of a datagram; return whether more datagrams follow.

    Raises:
        InterruptedError: what is listed has changed meanwhile.
        OSError: the kernel refuses, and this is why.
        MalformedError: the datagram is malformed.
    """
    for kind, flags, _, payload in wire.messages(datagram):
        if flags & wire.NLM_F_DUMP_INTR:
            raise InterruptedError
        if kind == wire.NLMSG_DONE:
            return False
        if kind == wire.NLMSG_ERROR:
            code = wire.errno_of(payload)
            raise OSError(code, os.strerror(code))
        yield payload
    return dump
