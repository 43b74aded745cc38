"""DTN-305."""

from __future__ import annotations

import os
from typing import Final

from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts

#: What the journal of a host with a thousand routers needs, ten times.
_NEEDED: Final = 64 << 20


def _run(facts: Facts) -> Verdict:
    if not facts.places.state_dir.is_dir():
        return not_applicable("there is no state directory yet")
    disk = os.statvfs(facts.places.state_dir)
    free = disk.f_bavail * disk.f_frsize
    lines = ["the file system is read-only"] if disk.f_flag & os.ST_RDONLY else []
    if free < _NEEDED:
        lines.append(f"free: {free >> 20} MiB, needed: {_NEEDED >> 20} MiB")
    if disk.f_files and disk.f_favail == 0:
        lines.append("no inode is free")
    return verdict(lines, "make room on the file system of the state directory")


CHECK = Check(
    id="DTN-305",
    title="the journal of the next change has room",
    broken="the journal of the next change has no room",
    consideration=3,
    level="warning",
    help="No change begins before its journal is on the disk: on a full one nothing can be mended.",
    run=_run,
)
