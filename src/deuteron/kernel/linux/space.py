"""Opened namespaces: for each a descriptor, a netlink socket and the indexes of its links.

Opening them costs more than using them, so they stay open, the least recently used
closed above a bound.  An open socket keeps a namespace alive after its name has gone;
so what has gone from the directory is dropped at each look.
"""

from __future__ import annotations

import fcntl
import os
import resource
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Final
from zlib import crc32

from deuteron.errors import KernelError
from deuteron.kernel.linux.memory import Ruleset, boot_id, cookie_of
from deuteron.kernel.linux.netlink import link
from deuteron.kernel.linux.netlink.errors import refused
from deuteron.kernel.linux.netlink.socket import Counters, NetlinkSocket
from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.kernel.linux.nft import NftListing, pack, unpack
from deuteron.kernel.linux.privileged import Privileged
from deuteron.kernel.linux.sysctl import Parameters
from deuteron.kernel.linux.worker import Worker
from deuteron.objects import HOST
from deuteron.objects.ownership import may_be_ours

#: Descriptors left to the rest of the process.
_SPARE: Final = 256

#: Descriptors below are left to libraries: libnftables waits with select(2), which aborts the
#: process on one of 1024 (FD_SETSIZE) or more.
_LOWEST: Final = 1024

#: Indexes that we choose: above those that the kernel gives out, below 2**24.
_FIRST_INDEX: Final = 1 << 12
_LAST_INDEX: Final = (1 << 24) - 1


class Space:
    """One namespace, opened.

    Attributes:
        name: in the directory, "" for the host's.
        inode: its identity.
        fd: of the namespace itself.
        rt: a NETLINK_ROUTE socket in it.
        index: of each link known, by name.
        ours: whether we make the links in it; else its indexes are forgotten after each run.
        listing: what nftables held at the last look, packed, with its generation then.
        records: of many links what was read at the last look, by the kernel's answer.
    """

    def __init__(self, name: str, inode: int, fd: int, rt: NetlinkSocket) -> None:
        self.name = name
        self.inode = inode
        self.fd = fd
        self.rt = rt
        self.index: dict[str, int] = {}
        self.ours = may_be_ours(name)
        self.listing: tuple[int, bytes] | None = None
        self.records: dict[bytes, link.LinkRecord] = {}

    def remember(self, generation: int, listing: NftListing) -> None:
        """Keep what nftables holds: packed, since as objects thousands of these take ten times as much."""
        self.listing = generation, pack(listing)

    def recalled(self, generation: int) -> NftListing | None:
        """What nftables held at that generation, where that is known."""
        if self.listing is None or self.listing[0] != generation:
            return None
        return unpack(self.listing[1])

    def choose_index(self, name: str) -> int:
        """The index to make the link ``name`` with; 0, the kernel's choice, where the namespace is not ours.

        Derived from both names, so that a pair of indexes tells a veth pair from all others:
        what :mod:`deuteron.kernel.linux.pairs` joins the ends by.
        """
        if not self.ours:
            return 0
        taken = set(self.index.values())
        span = _LAST_INDEX - _FIRST_INDEX
        index = _FIRST_INDEX + crc32(f"{self.name}/{name}".encode()) % span
        while index in taken:
            index = _FIRST_INDEX + (index + 1) % span
        return index

    def target(self, name: str) -> int | str:
        """What names the link in a message: its index, or its name where that is not known."""
        return self.index.get(name, name)

    def look_up(self, name: str) -> int:
        """The link's index, asked of the kernel where it is not known.

        Raises:
            KernelError: ``enodev``, there is no such link.
        """
        if name not in self.index:
            self.index[name] = link.parse_link(self.rt.request(link.get_link(name))).index
        return self.index[name]


class Spaces:
    """The opened namespaces; to be used on the worker's thread only.

    Args:
        rulesets: what earlier processes remembered.
        limit: how many to keep open, by default as many as descriptors allow.
        privileged: who writes kernel parameters, ``None`` for this process itself.
    """

    def __init__(
        self,
        worker: Worker,
        directory: NetnsDirectory,
        rulesets: Iterable[Ruleset] = (),
        limit: int | None = None,
        privileged: Privileged | None = None,
    ) -> None:
        self._remembered = {one.netns: one for one in rulesets if one.boot and one.boot == boot_id()}
        self.counters = Counters()
        self.parameters = Parameters(privileged)
        self.directory = directory
        self._worker = worker
        allowed = _raise_limit()
        self._limit = _bound(allowed) if limit is None else limit
        self._move_up = allowed > _LOWEST + _SPARE
        self._open: OrderedDict[str, Space] = OrderedDict()
        #: Those that were found to be what their names name, since the run began.
        self._checked: set[str] = set()
        #: Names of those that are not ours.
        self._instances: set[str] = set()
        self.host = Space(HOST, 0, worker.home, self._socket(worker.home))

    def _socket(self, fd: int) -> NetlinkSocket:
        self._worker.enter(fd)
        rt = NetlinkSocket(counters=self.counters)
        if self._move_up:
            rt.move_up(_LOWEST)
        return rt

    def _descriptor(self, fd: int) -> int:
        """The descriptor for good of a namespace that ``fd`` is one of."""
        if not self._move_up:
            return fd
        try:
            return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LOWEST)
        finally:
            os.close(fd)

    def get(self, name: str, inode: int | None = None) -> Space:
        """The namespace called ``name``, opened.

        Args:
            name: "" for the host's.
            inode: which one it is, where the caller has just looked.

        Raises:
            KernelError: ``no-netns``.
        """
        if name == HOST:
            return self.host
        space = self._open.get(name)
        if inode is None:
            if space is not None and name in self._checked:
                self._open.move_to_end(name)
                return space
            inode = self.directory.inode(name)
            self._checked.add(name)
        if space is not None and space.inode == inode:
            self._open.move_to_end(name)
            return space
        self.drop(name)
        try:
            return self._open_anew(name)
        except OSError as error:
            raise refused(error.errno or 0, doing=f"to enter the network namespace {name}") from error

    def _open_anew(self, name: str) -> Space:
        fd = self._descriptor(self.directory.open(name))
        try:
            space = self.adopt(Space(name, os.fstat(fd).st_ino, fd, self._socket(fd)))
        except (KernelError, OSError):
            self._worker.forget(fd)
            os.close(fd)
            raise
        self._recall(space)
        return space

    def _recall(self, space: Space) -> None:
        known = self._remembered.pop(space.name, None)
        if known is not None and known.cookie == cookie_of(space.rt) != 0:
            space.remember(known.generation, known.listing)

    def rulesets(self) -> tuple[Ruleset, ...]:
        """What may be remembered: every ruleset listed, as it was then."""
        boot = boot_id()
        return tuple(
            Ruleset(
                netns=name,
                boot=boot,
                cookie=cookie_of(space.rt),
                generation=space.listing[0],
                listing=unpack(space.listing[1]),
            )
            for name, space in sorted(self._open.items())
            if space.listing is not None
        )

    def settle(self, name: str, fd: int, rt: NetlinkSocket) -> Space:
        """Keep a namespace that the caller has opened; one that had its name before is closed."""
        self.drop(name)
        if self._move_up:
            rt.move_up(_LOWEST)
        fd = self._descriptor(fd)
        return self.adopt(Space(name, os.fstat(fd).st_ino, fd, rt))

    def adopt(self, space: Space) -> Space:
        """Keep ``space``, at the price of the one that was not used for longest."""
        while len(self._open) >= self._limit:
            self.drop(next(iter(self._open)))
        self._open[space.name] = space
        self._checked.add(space.name)
        if not space.ours:
            self._instances.add(space.name)
        return space

    def drop(self, name: str) -> None:
        """Close the namespace called ``name``.

        Raises:
            KernelError: the thread cannot leave it; it is closed all the same.
        """
        self._checked.discard(name)
        if (space := self._open.pop(name, None)) is not None:
            space.rt.close()
            try:
                self._worker.forget(space.fd)
            except OSError as error:
                raise refused(error.errno or 0, doing=f"to leave the network namespace {name}") from error
            finally:
                os.close(space.fd)

    def keep_only(self, alive: Mapping[str, int]) -> None:
        """Close what is gone from the directory or was replaced there."""
        gone = [name for name, space in self._open.items() if alive.get(name) != space.inode]
        for name in gone:
            self.drop(name)

    def begin(self) -> None:
        """A run begins: forget what others may have changed since the last one.

        That is which namespace has which name, and the indexes of links outside of ours.
        """
        self.host.index.clear()
        self._checked.clear()
        for name in self._instances & self._open.keys():
            self._open[name].index.clear()

    def enter(self, space: Space) -> None:
        """Go to the namespace.

        Raises:
            KernelError: the kernel refuses it.
        """
        try:
            self._worker.enter(space.fd)
        except OSError as error:
            raise refused(error.errno or 0, doing=f"to enter the network namespace {space.name}") from error

    def parameters_of(self, space: Space) -> Parameters:
        """Go to the namespace; its kernel parameters."""
        self.enter(space)
        self.parameters.enter(space.name, space.inode)
        return self.parameters

    def close(self) -> None:
        """Close all, whatever one of them answers."""
        with ExitStack() as ending:
            ending.callback(self.parameters.close)
            ending.callback(self.host.rt.close)
            for name in list(self._open):
                ending.callback(self.drop, name)


def _raise_limit() -> int:
    """Allow this process as many descriptors as it may have; how many that is."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _bound(descriptors: int) -> int:
    """How many namespaces may be open at a time."""
    return max(
        8, (descriptors - _LOWEST - _SPARE if descriptors > _LOWEST + _SPARE else descriptors - _SPARE) // 2
    )
