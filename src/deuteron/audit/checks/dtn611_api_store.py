"""DTN-611."""

from __future__ import annotations

from deuteron.audit import served
from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    if not served.directory(facts).exists():
        return not_applicable("the API was never served from here")
    found = [one for kept in served.store(facts) for one in served.troubles(facts, kept)]
    return verdict([line for line, _ in found], " && ".join(mend for _, mend in found))


CHECK = Check(
    id="DTN-611",
    title="nobody but the API's user looks into its directory and database",
    broken="others can read or change what the API has written down",
    consideration=6,
    help="The directory has mode 0700, the database 0600: in it are all tenants' names and addresses.",
    run=_run,
)
