"""DTN-609."""

from __future__ import annotations

from typing import Final

from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts

_UMASK: Final = 0o077


def _run(facts: Facts) -> Verdict:
    if not facts.staying:
        return not_applicable("nothing of ours stays running")
    lines = [f"{one.role}: may leave a core dump" for one in facts.staying if one.core_limit != 0]
    lines += [f"{one.role}: umask {one.umask:03o}" for one in facts.staying if one.umask & _UMASK != _UMASK]
    return verdict(lines, 'start it again with confine.mode = "require"')


CHECK = Check(
    id="DTN-609",
    title="what stays running leaves no core dump and no file that others can read",
    broken="what stays running could leave its memory or its files to others",
    consideration=6,
    help="A core dump holds every tenant's addresses and the key of the pseudonyms.",
    run=_run,
)
