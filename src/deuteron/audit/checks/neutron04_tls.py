"""Check-Neutron-04."""

from __future__ import annotations

from deuteron.audit.check import Check, Verdict, not_applicable
from deuteron.audit.facts import Facts


def _run(_facts: Facts) -> Verdict:
    return not_applicable("there is no API here: nobody logs in over the network")


CHECK = Check(
    id="Check-Neutron-04",
    title="credentials go over protected connections",
    broken="credentials go over protected connections: not so",
    consideration=6,
    help='OpenStack Security Guide: "Is secure protocol used for authentication?"',
    run=_run,
)
