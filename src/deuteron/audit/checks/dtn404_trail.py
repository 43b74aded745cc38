"""DTN-404."""

from __future__ import annotations

from shlex import quote

import msgspec

from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts
from deuteron.audit.modes import judged, looked_at
from deuteron.files import Purpose
from deuteron.logs.trail import TRAIL_FILE, Asked


def _run(facts: Facts) -> Verdict:
    path = facts.places.state_dir / TRAIL_FILE
    found = list(looked_at(path, Purpose.STATE, "record of what was revealed"))
    if not found:
        return not_applicable("nothing was ever revealed")
    said = judged(found)
    if said.status != "pass":
        return said
    lines = path.read_bytes().splitlines()
    damaged = sum(not _whole(line) for line in lines)
    told = [f"lines that are not as they were written: {damaged}"] if damaged else []
    aside = quote(f"{path}.damaged")
    mend = f"`mv {quote(str(path))} {aside} && chmod 600 {aside}`; and ask who has written there"
    return verdict(told, mend, seen=[f"times that something was revealed: {len(lines)}"])


def _whole(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=Asked)
    except msgspec.DecodeError:
        return False
    return True


CHECK = Check(
    id="DTN-404",
    title="the record of who revealed what is whole and out of reach",
    broken="the record of who revealed what can be changed, or was",
    consideration=4,
    help="What a pseudonym stands for is told to who may read the state, and never without a line here.",
    run=_run,
)
