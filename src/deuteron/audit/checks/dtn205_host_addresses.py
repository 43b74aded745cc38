"""DTN-205."""

from __future__ import annotations

from collections import Counter

from deuteron.audit.check import Check, Undecided, Verdict, verdict
from deuteron.audit.facts import Facts
from deuteron.kernel.linux.netlink import address, link
from deuteron.kernel.linux.netlink.socket import NetlinkSocket
from deuteron.objects import HOST


def _run(facts: Facts) -> Verdict:
    observed = facts.seen.observed
    ours = {key[2]: observed.owners[key] for key in observed.objects if key[:2] == ("link", HOST)}
    with NetlinkSocket() as rt:
        found = [address.parse_address(payload) for payload in rt.dump(address.dump_addresses())]
        records = [link.parse_link(payload) for payload in rt.dump(link.dump_links())]
    indices = {one.index: one.name for one in records}
    if not ours.keys() <= set(indices.values()):
        raise Undecided("links came and went while they were looked at")
    counts = Counter(ours[name] for one in found if (name := indices.get(one.index, "")) in ours)
    lines = [f"{facts.names.unit(unit)}: addresses: {count}" for unit, count in sorted(counts.items())]
    mend = (
        "`ip address flush dev DEVICE`, for the links of that unit on the host (`deuteron show` tells which)"
    )
    return verdict(lines, mend, seen=[f"links looked at: {len(ours)}"])


CHECK = Check(
    id="DTN-205",
    title="no link of ours on the host has an address",
    broken="links of ours on the host have addresses",
    consideration=2,
    help="By an address of its port's outer end, also a link-local one, a tenant reaches it (OSSN-0069).",
    run=_run,
)
