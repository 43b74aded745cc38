"""Namespaces come and go."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final

from deuteron.errors import KernelError
from deuteron.kernel.linux.announce import Announcer
from deuteron.kernel.linux.netlink import link
from deuteron.kernel.linux.netlink.errors import refused
from deuteron.kernel.linux.netlink.socket import NetlinkSocket
from deuteron.kernel.linux.removal import remove_all
from deuteron.kernel.linux.space import Space, Spaces
from deuteron.kernel.linux.worker import Worker, open_own_netns
from deuteron.objects import Netns
from deuteron.objects.ownership import mark, owner_of

_LO: Final = 1

#: What tunnel modules put into every new namespace (net.core.fb_tunnels_only_for_init_net).
FALLBACK_DEVICES: Final = frozenset(
    {
        "tunl0",
        "sit0",
        "ip6tnl0",
        "gre0",
        "gretap0",
        "erspan0",
        "ip6gre0",
        "ip_vti0",
        "ip6_vti0",
    }
)


class Lifecycle:
    """Makes and removes namespaces; on the worker's thread."""

    def __init__(self, worker: Worker, spaces: Spaces, announcer: Announcer) -> None:
        self._worker = worker
        self._spaces = spaces
        self._announcer = announcer
        self._prepared = False

    def create(self, made: Netns) -> None:
        """A namespace with ``lo`` up and marked as ours; all of that before it has a name.

        Raises:
            KernelError: ``foreign-name``, or refused.
        """
        directory = self._spaces.directory
        try:
            if not self._prepared:
                directory.prepare()
                self._prepared = True
            with ExitStack() as unless_all:
                fd, rt = self._worker.in_new_netns(lambda: self._furnish(made, unless_all))
                self._spaces.settle(made.name, fd, rt).index["lo"] = _LO
                unless_all.pop_all()
        except OSError as error:
            raise refused(error.errno or 0, doing=f"to make the network namespace {made.name}") from error

    def _furnish(self, made: Netns, unless_all: ExitStack) -> tuple[int, NetlinkSocket]:
        """Make all of it, and say what is to be done should it, or a later part, fail."""
        rt = NetlinkSocket(counters=self._spaces.counters)
        unless_all.callback(rt.close)
        _mark(rt, made)
        self._spaces.directory.keep_own(made.name)
        unless_all.callback(self._spaces.directory.remove, made.name)
        return open_own_netns(), rt

    def delete(self, gone: Netns) -> None:
        """Remove the namespace with all that is in it; no error where it is gone, or was dead.

        Raises:
            KernelError: ``foreign-namespace``, it is not ours; ``foreign-in-namespace``, a link
                in it is not ours; or refused.
        """
        directory = self._spaces.directory
        inode = directory.inode(gone.name)
        if inode is None:
            return
        if inode:
            self._empty(self._spaces.get(gone.name, inode))
        self._announcer.forget(gone.name)
        self._spaces.drop(gone.name)
        try:
            directory.remove(gone.name)
        except OSError as error:
            raise refused(error.errno or 0, doing=f"to remove the network namespace {gone.name}") from error

    def _empty(self, space: Space) -> None:
        """Remove the pairs that reach out of it: by itself the kernel would, but some time later.

        Bridges are left to it: each costs 16 ms under the lock of all link changes
        (br_multicast_dev_del(): rcu_barrier) when many namespaces are cleared up at once, and
        twice that when removed one by one.
        """
        records = [link.parse_link(payload) for payload in space.rt.dump(link.dump_links())]
        _refuse_foreign(space.name, records)
        pairs = [one.index for one in records if one.kind == "veth" and one.peer_nsid is not None]
        remove_all(self._spaces, space, pairs)


def _mark(rt: NetlinkSocket, made: Netns) -> None:
    (ack,) = rt.batch([link.set_link(_LO, alias=mark(made.owner), up=True)])
    if ack.errno:
        raise refused(ack.errno, ack.text, f"to mark the network namespace {made.name}")


def _refuse_foreign(name: str, records: Iterable[link.LinkRecord]) -> None:
    for record in records:
        if owner_of(record.alias) is not None or record.name in FALLBACK_DEVICES:
            continue
        if record.index == _LO:
            message = f"the network namespace {name} is not ours; rename or remove it"
            raise KernelError("foreign-namespace", message, errno.EPERM)
        message = (
            f"the network namespace {name} holds the link {record.name}, not ours; move it out or remove it"
        )
        raise KernelError("foreign-in-namespace", message, errno.EPERM)
