"""DTN-403."""

from __future__ import annotations

from deuteron.audit.check import Check, Verdict, not_applicable
from deuteron.audit.facts import Facts
from deuteron.audit.modes import judged, looked_at
from deuteron.config.paths import key_file
from deuteron.logs.key import read_keys


def _run(facts: Facts) -> Verdict:
    path, what = key_file(facts.places.config, facts.places.state_dir)
    found = list(looked_at(path, what, what.value.name))
    if not found:
        return not_applicable("nothing was logged yet, so that there is no key")
    said = judged(found)
    if said.status == "pass":
        read_keys(path)  # one that cannot be read makes it unknown
    return said


CHECK = Check(
    id="DTN-403",
    title="nobody but its owner can read the key of the pseudonyms",
    broken="others can read or change the key of the pseudonyms",
    consideration=4,
    help="With the key, all addresses of a network are tried in a second: every log is in clear.",
    run=_run,
)
