"""The real kernel, behind :class:`deuteron.kernel.protocol.Kernel`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path

import msgspec

from deuteron import locks
from deuteron.kernel.linux.announce import Announcer
from deuteron.kernel.linux.lifecycle import Lifecycle
from deuteron.kernel.linux.memory import Ruleset
from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.kernel.linux.nft import Nftables
from deuteron.kernel.linux.observe import Observer
from deuteron.kernel.linux.privileged import Privileged
from deuteron.kernel.linux.run import Runner
from deuteron.kernel.linux.space import Spaces
from deuteron.kernel.linux.worker import Worker
from deuteron.kernel.protocol import Outcome, namespaces_written
from deuteron.objects import Look, Observed, Step


class Tally(msgspec.Struct, frozen=True):
    """What a kernel has been asked so far.

    Attributes:
        messages: netlink messages sent in batches.
        sends: system calls that sent them, and requests for dumps.
        dumps: dumps, repeated ones included.
        transactions: of nftables.
        listings: of tables of nftables.
    """

    messages: int
    sends: int
    dumps: int
    transactions: int
    listings: int = 0


class LinuxKernel:
    """The kernel that this process runs on.

    It works in the network and mount namespaces of the thread that makes it, which are
    the *host's* to it, and in the namespaces named in ``netns_dir``.  It serves one caller at a time.

    Args:
        netns_dir: where namespaces have their names.
        announcer: sends announcements, and repeats them until :meth:`close`.
        rulesets: what an earlier process got from :meth:`rulesets`; saves listing what has not changed.
        privileged: does what this process, being confined, may not do.
    """

    def __init__(
        self,
        netns_dir: Path = Path("/run/netns"),
        *,
        announcer: Announcer | None = None,
        rulesets: Iterable[Ruleset] = (),
        privileged: Privileged | None = None,
    ) -> None:
        self._announcer = announcer or Announcer()
        self._worker = Worker()
        directory = NetnsDirectory(netns_dir, privileged)
        self._spaces = self._worker.call(
            lambda: Spaces(self._worker, directory, rulesets, privileged=privileged)
        )
        lifecycle = Lifecycle(self._worker, self._spaces, self._announcer)
        self._observer = Observer(self._spaces, lambda: self._nftables)
        self._runner = Runner(self._spaces, lambda: self._nftables, self._announcer, lifecycle)

    @cached_property
    def _nftables(self) -> Nftables:
        return Nftables()

    def observe(self, look: Look) -> Observed:
        """See :meth:`deuteron.kernel.protocol.Kernel.observe`."""
        return self._worker.call(lambda: self._observer.observe(look))

    def run(self, steps: Sequence[Step]) -> Outcome:
        """See :meth:`deuteron.kernel.protocol.Kernel.run`."""
        locks.wrote(lambda: namespaces_written(steps))
        return self._worker.call(lambda: self._runner.run(steps))

    def rulesets(self) -> tuple[Ruleset, ...]:
        """The rulesets that the last look found, for a later process."""
        return self._worker.call(self._spaces.rulesets)

    def tally(self) -> Tally:
        """What this kernel has been asked so far."""
        counters = self._spaces.counters
        loaded: Nftables | None = self.__dict__.get("_nftables")
        transactions, listings = (loaded.transactions, loaded.listings) if loaded else (0, 0)
        return Tally(counters.messages, counters.sends, counters.dumps, transactions, listings)

    def drain(self) -> None:
        """Wait until every announcement has been repeated; see :meth:`Announcer.drain`."""
        self._announcer.drain()

    def close(self) -> None:
        """Release sockets and threads, cancel what is to be announced again; the kernel's state stays."""
        with closing(self._worker), closing(self._announcer):
            self._worker.call(self._spaces.close)
