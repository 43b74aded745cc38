"""Joining the two ends of a veth pair, each found in a dump of its own namespace.

The kernel tells of an end's peer only its index and a number for its namespace, and
asking what the number stands for costs a round trip a pair.  The ends of ours carry the same
mark, each knows the other's index, and their altnames hold the same id, but for an instance's
end, which has none: there the indexes decide, and those that we choose are as good as unique.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import msgspec

from deuteron.kernel.linux.netlink.link import LinkRecord
from deuteron.objects import HOST, Veth
from deuteron.objects.ownership import may_be_ours

#: Stands for the namespace and the name of an end that is out of sight; no object has such names.
UNKNOWN = "?"

#: Names of outer ends; see ``objects/link.py`` for which end that is.
_OUTER = ("tap", "fpr-")
_INNER = ("qr-", "qg-", "sg-", "fg-", "rfp-")


class End(msgspec.Struct, frozen=True):
    """One end of a pair of ours: where it is, whose it is, and what the kernel says of it."""

    netns: str
    owner: str
    record: LinkRecord
    master: str


def altname_of(record: LinkRecord) -> str:
    """The altname that we gave: others (udev) may have added theirs, but ours begins as the name does."""
    ours = (altname for altname in record.altnames if altname[:3] == record.name[:3])
    return next(ours, record.altnames[0] if record.altnames else "")


def join(ends: Iterable[End]) -> tuple[list[Veth], list[End]]:
    """The pairs, and the inner ends whose outer end is out of sight."""
    # By altname first: indexes that the kernel chose, per namespace, fit many an end.
    pairs, rest = _match(ends, _identity)
    more, alone = _match(rest, lambda _: "")
    veths = [_veth(*pair) for pair in (*pairs, *more)]
    veths += [_half(end) for end in alone if _may_be_outer(end)]
    return veths, [end for end in alone if not _may_be_outer(end)]


def _match(ends: Iterable[End], identity: Callable[[End], str]) -> tuple[list[tuple[End, End]], list[End]]:
    """Ends of one owner and identity that know each other's index, and those left alone."""
    waiting: defaultdict[tuple[str, str, int, int], list[End]] = defaultdict(list)
    pairs: list[tuple[End, End]] = []
    for end in ends:
        known, mine, others = (end.owner, identity(end)), end.record.index, end.record.peer_index
        candidates = waiting.get((*known, others, mine), [])
        together = end.record.peer_nsid is None
        partner = next((other for other in candidates if _same_place(end, other) == together), None)
        if partner is None:
            waiting[*known, mine, others].append(end)
        else:
            candidates.remove(partner)
            pairs.append((partner, end))
    return pairs, [end for left in waiting.values() for end in left]


def _same_place(one: End, other: End) -> bool:
    return one.netns == other.netns


def _identity(end: End) -> str:
    """The id in the altname, which both ends' altnames hold."""
    return altname_of(end.record).partition("-")[2]


def _may_be_outer(end: End) -> bool:
    in_reach = end.netns == HOST or may_be_ours(end.netns)
    return in_reach and not end.record.name.startswith(_INNER)


def _outerness(end: End) -> tuple[bool, ...]:
    name = end.record.name
    return (
        end.netns == HOST or may_be_ours(end.netns),
        name.startswith(_OUTER),
        not name.startswith(_INNER),
        bool(end.master),
        end.netns == HOST,
        bool(end.record.altnames),
    )


def _veth(one: End, other: End) -> Veth:
    outer, inner = (one, other) if _outerness(one) >= _outerness(other) else (other, one)
    return _object(outer, inner.netns, inner.record)


def _half(outer: End) -> Veth:
    out_of_sight = msgspec.structs.replace(outer.record, name=UNKNOWN, mac=UNKNOWN, altnames=())
    return _object(outer, UNKNOWN, out_of_sight)


def _object(outer: End, peer_netns: str, peer: LinkRecord) -> Veth:
    record = outer.record
    return Veth(
        netns=outer.netns,
        name=record.name,
        mac=record.mac,
        peer_netns=peer_netns,
        peer_name=peer.name,
        peer_mac=peer.mac,
        # 0 where the ends differ: unlike any wanted value.
        mtu=record.mtu if record.mtu == peer.mtu else 0,
        master=outer.master,
        owner=outer.owner,
        altname=altname_of(record),
        peer_altname=altname_of(peer),
    )
