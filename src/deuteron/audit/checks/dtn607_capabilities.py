"""DTN-607."""

from __future__ import annotations

from typing import Final

from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts
from deuteron.kernel.linux.confine import capabilities

_KEPT: Final = frozenset(capabilities.names(sum(1 << one for one in capabilities.KEPT)))
#: The API, and what connects an agent to it.
_BARE: Final = frozenset({"api", "dialer"})


def _run(facts: Facts) -> Verdict:
    if not facts.staying:
        return not_applicable("nothing of ours stays running")
    extra = {one.role: sorted(set(one.capabilities) - _allowed(one.role)) for one in facts.staying}
    lines = [f"{role}: {len(names)} too many: {' '.join(names)}" for role, names in extra.items() if names]
    seen = [f"{one.role}: {' '.join(one.capabilities)}" for one in facts.staying]
    return verdict(lines, 'start it again with this version, confine.mode = "require"', seen=seen)


def _allowed(role: str) -> frozenset[str]:
    """Who speaks with others has none."""
    return frozenset() if role in _BARE else _KEPT


CHECK = Check(
    id="DTN-607",
    title="what stays running has three capabilities and no others, the API none",
    broken="what stays running has capabilities that it does not need",
    consideration=6,
    help="CAP_NET_ADMIN, CAP_SYS_ADMIN (network namespaces) and CAP_NET_RAW (announcements) do all of it.",
    run=_run,
)
