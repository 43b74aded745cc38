"""What a test and the fork server say to each other: one datagram each way, descriptors beside it."""

from __future__ import annotations

import signal
from typing import Final, Literal

import msgspec

Moment = Literal["before", "after"]
MOMENTS: Final[tuple[Moment, ...]] = ("before", "after")

#: Verbs after which the host or the disk may differ; between two others a kill changes nothing.
#: Statements of SQLite are none of them: what counts is the commit.
EFFECTS: Final = (
    "netlink.batch",
    "netlink.request",
    "nft.commit",
    "sysctl.write",
    "netns.unshare",
    "netns.mount",
    "netns.umount",
    "netns.file",
    "netns.unlink",
    "tap.make",
    "announce.send",
    "sqlite.commit",
    "file.open",
    "file.write",
    "file.sync",
    "file.rename",
    "file.unlink",
)


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """Which signal the program gets from itself, and where.

    Attributes:
        at: number of the crossing of the edge, from 1; 0 is none, all are only counted.
        moment: before its effect happens, or after.
        verbs: those that count; empty for all.
    """

    at: int = 0
    moment: Moment = "before"
    signal: int = signal.SIGKILL
    verbs: tuple[str, ...] = ()


class Start(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Run ``deuteron <arguments>``; beside it: stdout, stderr, report, network and mount namespace."""

    arguments: tuple[str, ...]
    strike: Strike


class Reap(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Collect the process, which has ended."""

    pid: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the program did, told by itself when it ended of its own.

    Attributes:
        verbs: the effects that were begun, in order.
        messages: netlink messages in batches.
        transactions: of nftables.
    """

    verbs: tuple[str, ...] = ()
    messages: int = 0
    transactions: int = 0
