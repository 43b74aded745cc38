"""DTN-610."""

from __future__ import annotations

import os
from collections import Counter

from deuteron.audit.check import Check, Undecided, Verdict, verdict
from deuteron.audit.facts import Facts
from deuteron.audit.processes import Process, processes


def _run(facts: Facts) -> Verdict:
    names = {
        (facts.places.netns_dir / key[1]).stat().st_ino: key[1]
        for key in facts.seen.observed.objects
        if key[0] == "netns"
    }
    unseen = 0
    counts: Counter[str] = Counter()
    for one in processes(facts.places.proc):
        number = _network(one)
        unseen += number is None and not one.ours
        if number in names and not one.ours:
            counts[facts.names.namespace(names[number])] += 1
    lines = [f"{place}: processes in it: {count}" for place, count in sorted(counts.items())]
    if not lines and unseen:
        raise Undecided(f"processes whose namespace the kernel does not tell: {unseen}")
    return verdict(lines, "end them (`ip netns pids NAME`), or accept them in the baseline")


def _network(process: Process) -> int | None:
    """The inode of its network namespace; 0 where it has ended, ``None`` where that is not told."""
    if process.pid == os.getpid():
        return 0
    try:
        return (process.directory / "ns" / "net").stat().st_ino
    except (FileNotFoundError, ProcessLookupError):
        return 0
    except PermissionError:
        return None


CHECK = Check(
    id="DTN-610",
    title="no process runs in a namespace of ours",
    broken="processes run in namespaces of ours",
    consideration=6,
    level="warning",
    help="A router needs none: one that listens there offers a service that nobody asked for.",
    run=_run,
)
