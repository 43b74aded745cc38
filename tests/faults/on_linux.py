"""Every fault at every crossing of the edge, on the real kernel."""

from __future__ import annotations

import errno
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from deuteron import edge
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.linux.announce import Announcer
from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.objects import Observed
from deuteron.objects.ownership import may_be_ours
from tests.faults.campaign import Row, Tally
from tests.faults.cases import DESTROY, Case, differs
from tests.faults.checks import Reference, honest, marked, settled, whole
from tests.faults.faults import ERRNOS, Fault, NthCrossing
from tests.faults.operations import BRIDGE, INSTANCES
from tests.faults.road import Attempt, attempt, open_state, steps_to
from tests.support.sandbox import Host, private_host

#: What changes something; the other verbs only ask.
WRITES: Final = frozenset(
    {
        "netlink.batch",
        "nft.commit",
        "sysctl.write",
        "netns.unshare",
        "netns.mount",
        "netns.umount",
        "netns.file",
        "netns.unlink",
        "tap.make",
    }
)


#: Of the faults after which all is as before, one in so many is looked at by ``ip`` and ``nft``, too.
_SAMPLED: Final = 4

#: In the private ``/run``.
_STATE: Final = Path("/run/state")


def furnish(host: Host) -> None:
    """The external bridge and the namespaces of the instances."""
    host.make_bridge(BRIDGE)
    for name in INSTANCES:
        host.make_netns(name)


class LinuxCampaign:
    """One operation on the real kernel; in a private host, which the caller provides.

    Args:
        seed: of what is drawn by lot: which of the questions are refused.
        questions: how many of the crossings before the first write are tried.
    """

    def __init__(self, case: Case, host: Host, *, seed: int = 0, questions: int = 6) -> None:
        self._case = case
        self._host = host
        self._random = Random(f"{seed} {case.operation.name}")
        self._questions = questions
        self._seed = seed
        furnish(host)
        self._state = open_state(_STATE)
        self._kernel = self._open()
        self._witness = self._open()

    def _open(self) -> LinuxKernel:
        return LinuxKernel(self._host.netns_dir, announcer=Announcer(repeats=()))

    def close(self) -> None:
        """Release the sockets."""
        self._state.close()
        self._kernel.close()
        self._witness.close()

    def run(self) -> Row:
        """All of it."""
        case = self._case
        self._arrange()
        before = self._look()
        self._shown = self._show()
        steps = steps_to(self._kernel, case.after)
        untouched = NthCrossing(None)
        with edge.guarded(untouched):
            made = attempt(self._kernel, self._state, case.after)
        assert made.ok, made.told
        self._reference = Reference(before=before, after=self._look())
        self._tally = Tally(case.operation.name, "linux", steps)
        self._arrange()
        assert self._look().objects == before.objects
        for fault in self._faults(untouched):
            self._inject(fault)
        self._end()
        return self._tally.row

    def _faults(self, untouched: NthCrossing) -> Iterator[Fault]:
        passed = untouched.passed
        first = next((at for at, crossing in enumerate(passed) if crossing.verb in WRITES), len(passed))
        asked = self._random.sample(range(first), min(first, self._questions))
        for at in sorted(asked) + list(range(first, len(passed))):
            number = ERRNOS[at % len(ERRNOS)]
            crossing = passed[at]
            if crossing.verb in WRITES or at % 2:
                yield Fault(at=at, errno=number)
            if crossing.verb in WRITES or not at % 2:
                yield Fault(at=at, errno=errno.ETIMEDOUT, lost=True)
            for message in range(crossing.count):
                yield Fault(at=at, errno=ERRNOS[(at + message) % len(ERRNOS)], message=message)
            if crossing.verb in WRITES:
                yield Fault(at=at, errno=number, then=at % 4)

    def _arrange(self) -> None:
        """Back to the state before, by the road of every change."""
        made = attempt(self._witness, self._state, self._case.before)
        assert made.ok, made.told

    def _look(self) -> Observed:
        return self._witness.observe(self._case.look)

    def _inject(self, fault: Fault) -> None:
        case = self._case
        guard = NthCrossing(fault)
        with edge.guarded(guard):
            came = attempt(self._kernel, self._state, case.after)
        if not guard.struck:
            self._arrange()
            return
        now = self._look()
        leaks = list(marked(self._reference, now, came))
        unequal = [*whole(self._reference, now, came), *honest(came, self._state)]
        undone = all(unit.outcome != "undo-failed" for unit in came.result.units)
        as_before = undone and now.objects == self._reference.before.objects
        if as_before and self._sampled(came):
            unequal += differs("as ip and nft see it", self._show(), self._shown)
        if leaks or unequal or not as_before or self._sampled(came):
            unequal += self._mended()
            self._arrange()
        self._tally.note(f"seed {self._seed}, {fault} at {guard.struck}", leaks=leaks, unequal=unequal)

    def _sampled(self, came: Attempt) -> bool:
        """Whether to look, and to try again, although all is as before, as it was already some faults ago."""
        unfinished = came.error is not None and self._state.pending() is not None
        return unfinished or self._random.randrange(_SAMPLED) == 0

    def _mended(self) -> Iterator[str]:
        case = self._case
        again = attempt(self._kernel, self._state, case.after)
        if not again.ok:
            yield f"trying again: {again.told}"
        now = self._look()
        yield from differs("after trying again", now.objects, self._reference.after.objects)
        yield from marked(self._reference, now, again)
        yield from settled(self._state, case)
        if more := steps_to(self._kernel, case.after):
            yield f"once more would run {more} steps"

    def _end(self) -> None:
        gone = attempt(self._kernel, self._state, DESTROY)
        left = self._host.leaks() if gone.ok else [gone.told]
        if left:
            self._tally.note("after destroy", leaks=left, unequal=[])

    def _show(self) -> dict[str, str]:
        names = ["", *INSTANCES, *(name for name in self._witness_names() if may_be_ours(name))]
        return {name: self._text(name) for name in names}

    def _witness_names(self) -> list[str]:
        return sorted(path.name for path in self._host.netns_dir.iterdir())

    def _text(self, netns: str) -> str:
        if netns and not NetnsDirectory(self._host.netns_dir).inode(netns):
            return "a dead file"
        with self._host.inside(netns):
            run = subprocess.run(["sh", "-c", _LOOKS], check=True, capture_output=True, text=True, timeout=30)
        return _constant(run.stdout)


_LOOKS: Final = (
    "ip address; ip route show table all; ip -6 route show table all; ip rule; ip -6 rule;"
    " ip neigh show nud permanent; ip neigh show proxy; nft list ruleset"
)
#: What the kernel counts or chooses by itself.
_CHANCE: Final = re.compile(
    r"^\d+: (?=\S+: <)|@if\d+|link-netnsid \d+|link-netns \S+|valid_lft .*|state \w+|<[A-Z,_0-9-]+>|pref \w+"
    r"|qlen \d+|expires \S+|tentative"
)


#: Link-local and multicast addresses, which come and go with a link's carrier.
_BY_ITSELF: Final = re.compile(r"\bfe80::|\bff00::")


def _constant(text: str) -> str:
    lines = (_CHANCE.sub("", line).strip() for line in text.splitlines() if not _BY_ITSELF.search(line))
    return "\n".join(sorted(set(lines)))


def campaign(case: Case, *, seed: int = 0) -> Row:
    """One operation on a host of its own."""
    with private_host() as host:
        made = LinuxCampaign(case, host, seed=seed)
        try:
            return made.run()
        finally:
            made.close()
