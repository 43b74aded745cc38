"""Numbers of other namespaces as seen from this one: RTM_NEWNSID and its relatives (linux/net_namespace.h).

A link's record names its peer's namespace by such a number only.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from deuteron.kernel.linux.netlink import wire

RTM_NEWNSID: Final = 88
RTM_GETNSID: Final = 90

_NETNSA_NSID: Final = 1
_NETNSA_FD: Final = 3

#: rtgenmsg: family.
_RTGEN: Final = Struct("=Bxxx")
_S32: Final = Struct("=i")


def set_nsid(netns_fd: int, nsid: int = -1) -> bytes:
    """Give the open namespace a number, -1 to let the kernel choose; EEXIST where it has one."""
    number = wire.attribute(_NETNSA_NSID, _S32.pack(nsid))
    return wire.message(RTM_NEWNSID, 0, _RTGEN.pack(0), number, wire.u32(_NETNSA_FD, netns_fd))


def get_nsid(netns_fd: int) -> bytes:
    """Ask for the number of the open namespace, for ``NetlinkSocket.request``."""
    return wire.message(RTM_GETNSID, 0, _RTGEN.pack(0), wire.u32(_NETNSA_FD, netns_fd))


def dump_nsids() -> bytes:
    """Ask for all numbers in use."""
    return wire.message(RTM_GETNSID, wire.NLM_F_DUMP, _RTGEN.pack(0))


def parse_nsid(payload: bytes) -> int | None:
    """The number in an answer; ``None`` where the namespace has none here.

    Raises:
        MalformedError: the payload is malformed.
    """
    wire.fixed(_RTGEN, payload)
    nsid = wire.signed(wire.attributes(payload, _RTGEN.size).get(_NETNSA_NSID, b"\xff"))
    return None if nsid < 0 else nsid
