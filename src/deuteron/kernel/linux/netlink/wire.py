"""Netlink's wire format: messages and attributes (linux/netlink.h), packed and walked.

Everything is in host byte order except where a builder says otherwise.  Builders return
whole messages with sequence number 0; the socket writes the real one in.  Parsers take a
message's payload (what follows ``nlmsghdr``) and raise :class:`MalformedError`, which is a
``ValueError`` and a ``KernelError``, where it is malformed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from struct import Struct
from typing import Final, Literal

from deuteron.kernel.linux.netlink.errors import MalformedError

# nlmsghdr.nlmsg_flags
NLM_F_REQUEST: Final = 0x1
NLM_F_ACK: Final = 0x4
NLM_F_DUMP_INTR: Final = 0x10
NLM_F_DUMP: Final = 0x300
NLM_F_REPLACE: Final = 0x100
NLM_F_EXCL: Final = 0x200
NLM_F_CREATE: Final = 0x400
NLM_F_CAPPED: Final = 0x100
NLM_F_ACK_TLVS: Final = 0x200

# nlmsghdr.nlmsg_type
NLMSG_NOOP: Final = 1
NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3

NLA_F_NESTED: Final = 0x8000
_NLA_TYPE_MASK: Final = 0x3FFF

#: Of every number that netlink leaves in host byte order.
BYTE_ORDER: Final = sys.byteorder

#: nlmsghdr: length, type, flags, sequence number, port id.
HEADER: Final = Struct("=IHHII")
HEADER_SIZE: Final = HEADER.size

_ATTRIBUTE: Final = Struct("=HH")
_S32: Final = Struct("=i")
#: linux/err.h, MAX_ERRNO.
_MAX_ERRNO: Final = 4095
_U8: Final = Struct("=HHB3x")
_U32: Final = Struct("=HHI")
_PADDING: Final = (b"", b"\0\0\0", b"\0\0", b"\0")

#: What a request does where the object exists, or does not.
Mode = Literal["create", "replace"]
MODE_FLAGS: Final[dict[Mode, int]] = {
    "create": NLM_F_CREATE | NLM_F_EXCL,
    "replace": NLM_F_CREATE | NLM_F_REPLACE,
}


def message(kind: int, flags: int, *parts: bytes) -> bytes:
    """A request of ``kind`` with a fixed structure and attributes in ``parts``, each 4-byte aligned."""
    body = b"".join(parts)
    return HEADER.pack(HEADER_SIZE + len(body), kind, flags | NLM_F_REQUEST, 0, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    """An attribute with an opaque value, padded to 4 bytes."""
    size = 4 + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + _PADDING[size & 3]


def u8(kind: int, value: int) -> bytes:
    """An attribute that holds an 8-bit number."""
    return _U8.pack(5, kind, value)


def u32(kind: int, value: int) -> bytes:
    """An attribute that holds a 32-bit number."""
    return _U32.pack(8, kind, value)


def be32(kind: int, value: int) -> bytes:
    """An attribute that holds a 32-bit number in network byte order, as netfilter's do."""
    return attribute(kind, value.to_bytes(4, "big"))


def string(kind: int, value: str) -> bytes:
    """An attribute that holds text, closed by a zero byte."""
    return attribute(kind, value.encode() + b"\0")


def nested(kind: int, *parts: bytes) -> bytes:
    """An attribute that holds attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(parts))


def mac(kind: int, value: str) -> bytes:
    """An attribute that holds a MAC address, given as ``fa:16:3e:00:00:01``."""
    return attribute(kind, bytes.fromhex(value.replace(":", "")))


def packed_address(text: str) -> tuple[int, bytes]:
    """Address family and network-order bytes of an IPv4 or IPv6 address.

    Raises:
        ValueError: ``text`` is not an address.
    """
    family = AF_INET6 if ":" in text else AF_INET
    try:
        return family, inet_pton(family, text)
    except OSError:
        raise ValueError("not an IPv4 or IPv6 address; write it as 10.0.0.1 or 2001:db8::1") from None


def packed_prefix(text: str) -> tuple[int, bytes, int]:
    """Address family, bytes and prefix length of ``address/length``; a bare address is a host's.

    Raises:
        ValueError: ``text`` is not a prefix.
    """
    address, _, length = text.partition("/")
    family, packed = packed_address(address)
    size = int(length) if length else len(packed) * 8
    if not 0 <= size <= len(packed) * 8:
        raise ValueError("the prefix length is not within the address; write 10.0.0.0/24 or 2001:db8::/64")
    return family, packed, size


def address_text(packed: bytes) -> str:
    """Canonical text of an address of 4 or 16 bytes.

    Raises:
        MalformedError: it has another size.
    """
    try:
        return inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed)
    except ValueError:
        raise MalformedError(f"a netlink message has an address of {len(packed)} octets") from None


def number(value: bytes) -> int:
    """The unsigned number in an attribute of any width."""
    return int.from_bytes(value, sys.byteorder)


def signed(value: bytes) -> int:
    """The signed number in an attribute of any width."""
    return int.from_bytes(value, sys.byteorder, signed=True)


def text(value: bytes) -> str:
    """The text in an attribute; what is not UTF-8 (anyone may set an alias) shows as escapes."""
    return value.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def fixed(layout: Struct, payload: bytes) -> tuple[int, ...]:
    """The fixed structure at the start of a payload.

    Raises:
        MalformedError: the payload is shorter.
    """
    if len(payload) < layout.size:
        raise MalformedError("a netlink message ends within its fixed structure")
    return layout.unpack_from(payload)


def errno_of(payload: bytes) -> int:
    """The error number that an answer begins with (``nlmsgerr``), positive; 0 for done.

    Raises:
        MalformedError: there is none, or it is no error's.
    """
    (number,) = fixed(_S32, payload)
    if not -_MAX_ERRNO <= number <= 0:
        raise MalformedError("a netlink answer has a number that is no error's")
    return -number


def walk(data: bytes, offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """Each attribute's type (without flags) and value, in order.

    Raises:
        MalformedError: an attribute's length is wrong.
    """
    unpack = _ATTRIBUTE.unpack_from
    end = len(data)
    while offset + 4 <= end:
        size, kind = unpack(data, offset)
        if size < 4 or offset + size > end:
            raise MalformedError("a netlink attribute ends beyond its message")
        yield kind & _NLA_TYPE_MASK, data[offset + 4 : offset + size]
        offset += (size + 3) & ~3


def attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """Attributes by type, the last of each type; the same as :func:`walk`, without a generator's cost.

    Raises:
        MalformedError: an attribute's length is wrong.
    """
    unpack = _ATTRIBUTE.unpack_from
    found: dict[int, bytes] = {}
    end = len(data)
    while offset + 4 <= end:
        size, kind = unpack(data, offset)
        if size < 4 or offset + size > end:
            raise MalformedError("a netlink attribute ends beyond its message")
        found[kind & _NLA_TYPE_MASK] = data[offset + 4 : offset + size]
        offset += (size + 3) & ~3
    return found


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Type, flags, sequence number and payload of each message of a datagram.

    Raises:
        MalformedError: a message's length is wrong.
    """
    unpack = HEADER.unpack_from
    offset = 0
    end = len(data)
    while offset + HEADER_SIZE <= end:
        size, kind, flags, sequence, _port = unpack(data, offset)
        if size < HEADER_SIZE or offset + size > end:
            raise MalformedError("a netlink message ends beyond its datagram")
        yield kind, flags, sequence, data[offset + HEADER_SIZE : offset + size]
        offset += (size + 3) & ~3
