"""Which namespaces, kernel parameters and files :mod:`deuteron.kernel.linux.events` hears of."""

from __future__ import annotations

import errno
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from deuteron.errors import KernelError
from deuteron.kernel.linux.inotify import Inotify
from deuteron.kernel.linux.netlink import neighbour, nsid
from deuteron.kernel.linux.netlink.errors import refused
from deuteron.kernel.linux.netlink.socket import NetlinkSocket
from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.kernel.linux.worker import Worker
from deuteron.objects import HOST

T = TypeVar("T")

#: A namespace that is going or a link that is gone: what was to be watched is not there.
_ABSENT: Final = (errno.ENOENT, errno.EINVAL)


class Interest(msgspec.Struct, frozen=True, kw_only=True):
    """What to hear of.

    Attributes:
        links: per namespace ("" for the host's) the names of links of ours, or that ours need.
        parameters: per namespace the directories below ``/proc/sys`` that hold parameters of ours.
        proxies: namespaces with neighbour proxies.
    """

    links: dict[str, frozenset[str]] = msgspec.field(default_factory=dict)
    parameters: dict[str, frozenset[str]] = msgspec.field(default_factory=dict)
    proxies: frozenset[str] = frozenset()


class _Directories:
    """``/proc/sys/net/ipv4`` and the like of the calling thread's namespace.

    Of the mount of proc that everybody writes through, which the kernel keeps an entry of each namespace in,
    all of one name in one chain: at 3,000 namespaces a step from ``net`` to ``ipv4`` compares for
    a third of a millisecond.  So it is made once for all that is below, and not for each.

    Args:
        opened: closes them.
    """

    def __init__(self, opened: ExitStack) -> None:
        self._opened = opened
        self._found: dict[str, int] = {}

    def name(self, path: str) -> str:
        """By which a directory below ``/proc/sys`` is opened.

        Raises:
            OSError: ENOENT, there is none.
        """
        root, family, rest = (*path.split("/", 2), "", "")[:3]
        directory = f"{root}/{family}"
        found = self._found.get(directory)
        if found is None:
            found = os.open(f"/proc/sys/{directory}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            self._opened.callback(os.close, found)
            self._found[directory] = found
        return f"/proc/self/fd/{found}/{rest}"


class _Place:
    """One namespace that is heard."""

    def __init__(self, inode: int, number: int) -> None:
        self.inode = inode
        self.number = number
        self.watches: dict[str, int] = {}
        self.refused = 0
        self.proxies: NetlinkSocket | None = None
        self.seen: list[bytes] = []


class Watched:
    """Numbers of namespaces, and watches.

    Attributes:
        inotify: the queue of all watches.
        directory_watch: the watch on the directory of namespaces' names, -1 without one.
        file_watches: the watches for FILE, with the names of interest in each directory.
        refused: how many directories could not be watched for want of watches.
    """

    def __init__(self, netns_dir: Path) -> None:
        self.inotify = Inotify()
        self.directory_watch = -1
        self.file_watches: dict[int, frozenset[str]] = {}
        self.refused = 0
        self._names = NetnsDirectory(netns_dir)
        self._rt = NetlinkSocket()
        self._worker = Worker()
        self._places: dict[str, _Place] = {}
        self._by_number: dict[int, str] = {}
        self._by_watch: dict[int, str] = {}

    def netns_of(self, number: int | None) -> str | None:
        """The namespace of that number, the host's for ``None``; ``None`` where it is of no interest."""
        return HOST if number is None else self._by_number.get(number)

    def netns_of_watch(self, watch: int) -> str | None:
        """The namespace whose parameters a watch is on, ``None`` where it has ended."""
        return self._by_watch.get(watch)

    def directory(self, mask: int) -> None:
        """Watch the names of namespaces, once there is a directory of them."""
        try:
            self.directory_watch = self.inotify.add(str(self._names.path), mask)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise refused(error.errno or 0, doing=f"to watch {self._names.path}") from error

    def files(self, file: Path, mask: int) -> None:
        """Watch the directory of ``file``, and of what it links to: a file may be replaced."""
        names: defaultdict[Path, set[str]] = defaultdict(set)
        for path in (file, file.resolve()):
            names[path.parent].add(path.name)
        watches: dict[int, frozenset[str]] = {}
        for parent, within in names.items():
            try:
                watches[self.inotify.add(str(parent), mask)] = frozenset(within)
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise refused(error.errno or 0, doing=f"to watch {parent}") from error
        for old in self.file_watches.keys() - watches.keys():
            self.inotify.remove(old)
        self.file_watches = watches

    def follow(
        self, interest: Interest, mask: int, again: Iterable[str] | None, only: Collection[str] | None
    ) -> frozenset[str]:
        """Give numbers and watches; the namespaces that are heard now and were not before.

        The arguments are those of :meth:`deuteron.kernel.linux.events.Events.follow`.

        Raises:
            KernelError: refused.
        """
        # Of thousands that are heard, those that are not asked for now stay so until they are.
        asked = interest.links.keys() if only is None else interest.links.keys() & set(only)
        wanted = {name: inode for name in asked if name and (inode := self._names.inode(name))}
        for name in [name for name in self._places if name in asked or name not in interest.links]:
            if wanted.get(name) != self._places[name].inode:
                self._forget(name)
        new = {name for name in wanted if name not in self._places and self._take_up(name)}
        for name in new | (self._places.keys() if again is None else self._places.keys() & set(again)):
            self._watch(name, interest.parameters.get(name, frozenset()), mask)
        self.refused = sum(place.refused for place in self._places.values())
        for name, place in self._places.items():
            self._poll_proxies(name, place, wanted=name in interest.proxies)
        return frozenset(new)

    def changed_proxies(self) -> frozenset[str]:
        """The namespaces whose neighbour proxies are others than a moment ago."""
        changed = set()
        for name, place in self._places.items():
            if place.proxies is not None:
                now = _proxies(place.proxies)
                if now != place.seen:
                    place.seen = now
                    changed.add(name)
        return frozenset(changed)

    def close(self) -> None:
        """End all."""
        for name in list(self._places):
            self._forget(name)
        self.inotify.close()
        self._rt.close()
        self._worker.close()

    def _take_up(self, name: str) -> bool:
        """Give it a number; false where it is gone by now."""
        try:
            fd = self._names.open(name)
        except (KernelError, FileNotFoundError):
            return False
        try:
            (ack,) = self._rt.batch([nsid.set_nsid(fd)])
            if ack.errno not in (0, errno.EEXIST):
                raise refused(ack.errno, ack.text, f"a number for the network namespace {name}")
            number = nsid.parse_nsid(self._rt.request(nsid.get_nsid(fd)))
            place = _Place(os.fstat(fd).st_ino, -1 if number is None else number)
        finally:
            os.close(fd)
        self._places[name] = place
        self._by_number[place.number] = name
        return True

    def _forget(self, name: str) -> None:
        place = self._places.pop(name)
        if self._by_number.get(place.number) == name:
            del self._by_number[place.number]
        for watch in place.watches.values():
            self._unwatch(watch)
        if place.proxies is not None:
            place.proxies.close()

    def _unwatch(self, watch: int) -> None:
        self._by_watch.pop(watch, None)
        self.inotify.remove(watch)

    def _watch(self, name: str, paths: frozenset[str], mask: int) -> None:
        """Watch these directories: those that are watched stay so, those of remade links are others now."""
        place = self._places[name]
        try:
            watches, denied = self._inside(name, lambda: self._add(paths, mask))
        except KernelError as error:
            if error.code != "no-netns":
                raise
            watches, denied = {}, 0
        for watch in set(place.watches.values()) - set(watches.values()):
            self._unwatch(watch)
        place.watches, place.refused = watches, denied
        self._by_watch.update(dict.fromkeys(watches.values(), name))

    def _add(self, paths: frozenset[str], mask: int) -> tuple[dict[str, int], int]:
        """The watches, and how many more there would be if the limits allowed."""
        watches: dict[str, int] = {}
        denied = 0
        with ExitStack() as opened:
            within = _Directories(opened)
            for path in sorted(paths):
                try:
                    watches[path] = self.inotify.add(within.name(path), mask)
                except OSError as error:
                    if error.errno not in (*_ABSENT, errno.ENOSPC):
                        raise refused(error.errno or 0, doing=f"to watch {path}") from error
                    denied += error.errno == errno.ENOSPC
        return watches, denied

    def _poll_proxies(self, name: str, place: _Place, *, wanted: bool) -> None:
        if wanted and place.proxies is None:
            try:
                place.proxies = self._inside(name, NetlinkSocket)
            except KernelError as error:
                if error.code != "no-netns":
                    raise
                return
            place.seen = _proxies(place.proxies)
        elif not wanted and place.proxies is not None:
            place.proxies.close()
            place.proxies = None

    def _inside(self, name: str, function: Callable[[], T]) -> T:
        """Run ``function`` in the namespace; its descriptor does not stay open."""
        fd = self._names.open(name)
        try:
            return self._worker.in_netns(fd, function)
        finally:
            self._worker.forget(fd)
            os.close(fd)


def _proxies(rt: NetlinkSocket) -> list[bytes]:
    return rt.dump(neighbour.dump_neighbours(proxy=True))
