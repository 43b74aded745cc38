"""Removing many links at the price of one.

Each removal waits for the kernel's readers (RCU), some 15 ms.  Links of one group
(IFLA_GROUP) are removed by one message, with one wait; so those to be removed are put in
a group first, whose number nobody else has.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from struct import Struct
from typing import Final

from deuteron.kernel.linux.netlink import link, wire

_IFLA_GROUP: Final = 27
#: ifinfomsg: family, device type, index, flags, mask of the flags to change.
_IFINFO: Final = Struct("=BxHiII")


def new_group() -> int:
    """A number for a group; 0 is the one that links are in by themselves."""
    return 1 + secrets.randbelow((1 << 31) - 1)


def join_group(index: int, group: int) -> bytes:
    """Put the link ``index`` in the group."""
    return wire.message(link.RTM_NEWLINK, 0, _IFINFO.pack(0, 0, index, 0, 0), wire.u32(_IFLA_GROUP, group))


def delete_group(group: int) -> bytes:
    """Remove all links of the group in the socket's namespace; ENODEV where there is none."""
    return wire.message(link.RTM_DELLINK, 0, _IFINFO.pack(0, 0, 0, 0, 0), wire.u32(_IFLA_GROUP, group))


def delete_links(indexes: Sequence[int]) -> list[bytes]:
    """The messages that remove the links."""
    if len(indexes) < 2:
        return [link.delete_link(index) for index in indexes]
    group = new_group()
    return [*(join_group(index, group) for index in indexes), delete_group(group)]
