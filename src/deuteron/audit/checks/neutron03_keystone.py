"""Check-Neutron-03."""

from __future__ import annotations

from deuteron.audit.check import Check, Verdict, not_applicable
from deuteron.audit.facts import Facts


def _run(_facts: Facts) -> Verdict:
    return not_applicable("there is no API here: nobody asks for anything over the network")


CHECK = Check(
    id="Check-Neutron-03",
    title="who asks is known",
    broken="who asks is known: not so",
    consideration=6,
    help='OpenStack Security Guide: "Is Keystone used for authentication?"',
    run=_run,
)
