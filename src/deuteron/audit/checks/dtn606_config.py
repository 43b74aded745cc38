"""DTN-606."""

from __future__ import annotations

from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts, meaning
from deuteron.audit.modes import judged
from deuteron.files import Purpose


def _run(facts: Facts) -> Verdict:
    trouble = facts.places.config_trouble
    found = [one for one in facts.paths if one.what == Purpose.CONFIG.value.name]
    said = judged(found)
    if said.status == "fail":
        return said
    if trouble is not None:
        return verdict([f"{meaning(trouble.code)} [{trouble.code}]"], "deuteron config check")
    return said if found else not_applicable("there is no configuration file: all keys have their defaults")


CHECK = Check(
    id="DTN-606",
    title="the configuration is understood, and nobody else can replace it",
    broken="the configuration is refused: it is not understood, or others can replace it",
    consideration=6,
    help="Unknown keys, links, several names and directories that others can write are refused.",
    run=_run,
)
