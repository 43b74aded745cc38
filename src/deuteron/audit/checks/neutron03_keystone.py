"""Check-Neutron-03."""

from __future__ import annotations

from deuteron.audit import served
from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    api = served.configured(facts)
    if api is None:
        return not_applicable("there is no API here: nobody asks for anything over the network")
    if api.auth != "noauth" or api.listen.startswith("unix:"):
        return verdict([], seen=[f"auth: {api.auth}"])
    lines = ["every user of this host is an administrator to the API"]
    if served.exposed(facts):
        lines = ["whoever reaches the API is an administrator to it"]
    mend = (
        'api.auth = "keystone" or "tokens" in the configuration, or api.listen = "unix:PATH";'
        " accept it in the baseline where nobody else has an account here"
    )
    return verdict(lines, mend)


CHECK = Check(
    id="Check-Neutron-03",
    title="who asks is known",
    broken="the API does not ask who somebody is",
    consideration=6,
    level="warning",
    help='OpenStack Security Guide: "Is Keystone used for authentication?"',
    run=_run,
)
