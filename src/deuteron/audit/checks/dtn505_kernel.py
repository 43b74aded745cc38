"""DTN-505."""

from __future__ import annotations

from deuteron.audit.check import Check, Verdict, verdict
from deuteron.audit.facts import Facts, meaning
from deuteron.errors import HostError
from deuteron.kernel.linux.probe import probe


def _run(_facts: Facts) -> Verdict:
    try:
        probe()
    except HostError as lacking:
        if lacking.code == "no-privilege":
            raise
        return verdict([f"{meaning(lacking.code)} [{lacking.code}]"], f"deuteron explain {lacking.code}")
    return verdict([])


CHECK = Check(
    id="DTN-505",
    title="this kernel has everything that is relied on",
    broken="this kernel lacks something that is relied on",
    consideration=5,
    help="Namespaces, netlink families, nftables and its library: tried out, not read from a version number.",
    run=_run,
)
