"""Check-Neutron-01."""

from __future__ import annotations

from shlex import quote

from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts
from deuteron.audit.modes import trusted
from deuteron.files import Purpose


def _run(facts: Facts) -> Verdict:
    files = [one.path for one in facts.paths if one.what == Purpose.CONFIG.value.name]
    if not files:
        return not_applicable("there is no configuration file: all keys have their defaults")
    others = [path for path in files if path.lstat().st_uid not in trusted()]
    lines = [f"configuration files of somebody else: {len(others)}"] if others else []
    return verdict(lines, f"chown root {' '.join(quote(str(path)) for path in others)}" if others else "")


CHECK = Check(
    id="Check-Neutron-01",
    title="the configuration belongs to root",
    broken="the configuration belongs to somebody else",
    consideration=6,
    help='OpenStack Security Guide: "Is user/group ownership of config files set to root/neutron?"',
    run=_run,
)
