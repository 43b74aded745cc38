"""DTN-302."""

from __future__ import annotations

from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts, meaning
from deuteron.state.host import owner_of_host


def _run(facts: Facts) -> Verdict:
    for code, _sentence in facts.memory.trouble:
        if code in ("host-taken", "state-missing", "host-lock-unusable"):
            return verdict([f"{meaning(code)} [{code}]"], f"deuteron explain {code}")
    if facts.known.wanted is None:
        return not_applicable("nothing has been applied with this state directory")
    if owner_of_host(facts.places.run_dir) is None:
        return verdict(["nothing tells whose host this is"], "deuteron apply")
    return verdict([])


CHECK = Check(
    id="DTN-302",
    title="this state directory, and no other one, programs this host",
    broken="it is not certain that this state directory programs this host",
    consideration=3,
    help="Two state directories on one host take each other's namespaces for leaks.",
    run=_run,
)
