"""Check-Neutron-05."""

from __future__ import annotations

from deuteron.audit.check import Check, Verdict, not_applicable
from deuteron.audit.facts import Facts


def _run(_facts: Facts) -> Verdict:
    return not_applicable("there is no API here: no server of ours listens")


CHECK = Check(
    id="Check-Neutron-05",
    title="the API is protected by TLS",
    broken="the API is protected by TLS: not so",
    consideration=6,
    help='OpenStack Security Guide: "Is TLS enabled on Neutron API server?"',
    run=_run,
)
