"""Rulesets remembered between processes, so that a restarted agent need not list them again.

Listing a ruleset and reading it is a third of a look.  The kernel counts the commits to
the nftables of a network namespace (its *generation*) and gives each namespace a number that it
never gives again until the next boot (its *cookie*, ``SO_NETNS_COOKIE``, Linux 5.14).  Where boot,
cookie and generation are those of an earlier listing, nobody has committed anything since:
the listing still holds, whoever made it.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from pathlib import Path
from struct import Struct
from typing import Final

import msgspec

from deuteron.kernel.linux.netlink.socket import NetlinkSocket
from deuteron.kernel.linux.nft import NftListing

_SO_NETNS_COOKIE: Final = 71
_U64: Final = Struct("=Q")
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Ruleset(msgspec.Struct, frozen=True, kw_only=True):
    """What nftables held in a namespace at one moment.

    Attributes:
        netns: the namespace's name then.
        boot: the kernel's boot id.
        cookie: which namespace it was.
        generation: how many commits it had seen.
        listing: what it held.
    """

    netns: str
    boot: str
    cookie: int
    generation: int
    listing: NftListing


@lru_cache
def boot_id() -> str:
    """The kernel's id of this boot, "" where it does not tell."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def here() -> str:
    """Which boot this is and which network namespace the calling thread is in, "" where that is not told.

    Raises:
        OSError: no socket is to be had.
    """
    with NetlinkSocket() as rt:
        cookie = cookie_of(rt)
    return f"{boot_id()}/{cookie}" if boot_id() and cookie else ""


def cookie_of(rt: NetlinkSocket) -> int:
    """The number of the namespace that the socket is in; 0 where the kernel gives none."""
    try:
        number: int = _U64.unpack(rt.option(socket.SOL_SOCKET, _SO_NETNS_COOKIE, _U64.size))[0]
    except OSError:
        return 0
    return number
