"""DTN-612."""

from __future__ import annotations

from deuteron.audit import served
from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    there = [kept for kept in served.secrets(facts) if kept.path.exists()]
    if not there:
        return not_applicable("there is no file that lets anybody in")
    found = [one for kept in there for one in served.troubles(facts, kept)]
    mend = " && ".join(mend for _, mend in found)
    return verdict([line for line, _ in found], mend, seen=[f"files looked at: {len(there)}"])


CHECK = Check(
    id="DTN-612",
    title="nobody but its owner reads a file that lets one in to the API",
    broken="others can read or change a file that lets one in to the API",
    consideration=6,
    help="clouds.yaml, the file of tokens, the credentials at Keystone, the certificate's key: mode 0600.",
    run=_run,
)
