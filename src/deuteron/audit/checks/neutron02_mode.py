"""Check-Neutron-02."""

from __future__ import annotations

from shlex import quote
from typing import Final

from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts
from deuteron.files import Purpose

#: No key holds a secret, so that others may read it; writing is the owner's alone.
_NEVER: Final = 0o022


def _run(facts: Facts) -> Verdict:
    files = [one.path for one in facts.paths if one.what == Purpose.CONFIG.value.name]
    if not files:
        return not_applicable("there is no configuration file: all keys have their defaults")
    loose = [path for path in files if path.lstat().st_mode & _NEVER and not path.is_symlink()]
    lines = [f"configuration files that others can write: {len(loose)}"] if loose else []
    return verdict(lines, f"chmod go-w {' '.join(quote(str(path)) for path in loose)}" if loose else "")


CHECK = Check(
    id="Check-Neutron-02",
    title="only its owner can write the configuration",
    broken="others can write the configuration",
    consideration=6,
    help='OpenStack Security Guide: "Are strict permissions set for configuration files?"',
    run=_run,
)
