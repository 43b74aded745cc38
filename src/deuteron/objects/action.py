"""Things to do that leave no object: announcements and the end of flows."""

from __future__ import annotations

import msgspec


class Announce(msgspec.Struct, frozen=True, order=True, kw_only=True, tag=True, tag_field="kind"):
    """Tell the wire that ``address`` is here: gratuitous ARP (RFC 5227) or an unsolicited NA (RFC 4861).

    Attributes:
        dev: the link to send from, with the link's own MAC address.
        address: without a prefix length.
    """

    netns: str
    dev: str
    address: str


class FlushFlows(msgspec.Struct, frozen=True, order=True, kw_only=True, tag=True, tag_field="kind"):
    """Remove tracked connections of ``netns`` whose original direction comes from or goes to ``address``.

    Without it a connection outlives the floating IP that it came by (OSSN-0020).
    """

    netns: str
    address: str
