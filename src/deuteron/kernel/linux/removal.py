"""Removing links: many at the price of one, and without waiting for what is invisible.

A removal takes links out of sight, with their names and all that is on them, within 1 to
3 ms; then it waits, without any lock, 10 to 30 ms for the kernel's readers
(``netdev_run_todo()``: rcu_barrier).  So

- links of one group (IFLA_GROUP) are removed by one message: those to be removed are put in
  a group first, whose number nobody else has;
- that message is sent by a thread of its own, and the kernel's notices that the links are
  gone are waited for, not its answer.
"""

from __future__ import annotations

import errno
import secrets
from collections.abc import Callable, Collection, Mapping
from struct import Struct
from typing import Final

from deuteron.errors import KernelError
from deuteron.kernel.linux.later import later
from deuteron.kernel.linux.netlink import link, wire
from deuteron.kernel.linux.netlink.errors import refused
from deuteron.kernel.linux.netlink.socket import Ack, NetlinkSocket
from deuteron.kernel.linux.space import Space, Spaces

_IFLA_GROUP: Final = 27
#: ifinfomsg: family, device type, index, flags, mask of the flags to change.
_IFINFO: Final = Struct("=BxHiII")
#: RTNLGRP_LINK (linux/rtnetlink.h).
_NOTICES: Final = 1
_AF_UNSPEC: Final = 0


def remove_links(spaces: Spaces, space: Space, indexes: Collection[int]) -> Mapping[int, Ack]:
    """Remove the links of ``space`` with these indexes, and the other ends of pairs among them.

    When it returns they are gone for everybody: a new link may have their names.

    Returns:
        For each index what the kernel said; ENODEV is one that was gone.

    Raises:
        KernelError: no answer in time.
    """
    if len(indexes) == 1:
        (index,) = indexes
        return {index: _send(spaces, space, link.delete_link(index), indexes)}
    group = 1 + secrets.randbelow((1 << 31) - 1)  # 0 is where links are by themselves
    try:
        acks = space.rt.batch([_join(index, group) for index in indexes])
        joined = dict(zip(indexes, acks, strict=True))
        members = {index for index, ack in joined.items() if not ack.errno}
        if not members:
            return joined
        ack = _send(spaces, space, _delete(group), members)
    except KernelError:
        _leave(space, indexes)
        raise
    if ack.errno:
        _leave(space, members)
    return joined | dict.fromkeys(members, ack)


def _leave(space: Space, indexes: Collection[int]) -> None:
    """Put what was not removed back where links are by themselves; what is gone after all, refuses."""
    space.rt.batch([_join(index, 0) for index in indexes])


def remove_all(spaces: Spaces, space: Space, indexes: Collection[int]) -> None:
    """As :func:`remove_links`, where those that were gone are fine.

    Raises:
        KernelError: the kernel refused one.
    """
    if not indexes:
        return
    for ack in remove_links(spaces, space, indexes).values():
        if ack.errno not in (0, errno.ENODEV):
            raise refused(ack.errno, ack.text, f"to remove a link in {space.name}")


def _join(index: int, group: int) -> bytes:
    return wire.message(link.RTM_NEWLINK, 0, _IFINFO.pack(0, 0, index, 0, 0), wire.u32(_IFLA_GROUP, group))


def _delete(group: int) -> bytes:
    """All links of the group in the socket's namespace; ENODEV where there is none."""
    return wire.message(link.RTM_DELLINK, 0, _IFINFO.pack(0, 0, 0, 0, 0), wire.u32(_IFLA_GROUP, group))


def _send(spaces: Spaces, space: Space, message: bytes, indexes: Collection[int]) -> Ack:
    spaces.enter(space)
    rt = NetlinkSocket(counters=spaces.counters)
    try:
        return rt.last_request(message, _NOTICES, _all_gone(indexes), later)
    except KernelError:
        rt.close()
        raise


def _all_gone(indexes: Collection[int]) -> Callable[[int, bytes], bool]:
    left = set(indexes)

    def noticed(kind: int, payload: bytes) -> bool:
        if kind == link.RTM_DELLINK:
            family, _type, index, _flags, _mask = wire.fixed(_IFINFO, payload)
            if family == _AF_UNSPEC:  # AF_BRIDGE: it left its bridge
                left.discard(index)
        return not left

    return noticed
