"""Which notifications may mean that something of ours has changed; most do not.

A kernel at work tells of much that nobody did: neighbours that are learnt and forgotten,
its own routes, link-local addresses, the links of others.  What is told here as relevant costs a
look, which decides; what is not costs nothing.
"""

from __future__ import annotations

from typing import Final

from deuteron.kernel.linux.netlink import address, link, neighbour, route, wire
from deuteron.kernel.linux.netlink.errors import MalformedError
from deuteron.objects import HOST, PROTOCOL
from deuteron.objects.ownership import may_be_ours, owner_of

#: linux/rtnetlink.h
RTM_NEWRULE: Final = 32
RTM_DELRULE: Final = 33
RTM_NEWNETCONF: Final = 80

_IFINFO_SIZE: Final = 16
_IFLA_IFNAME: Final = 3
_IFLA_IFALIAS: Final = 20

_IFADDR_SIZE: Final = 8
_IFA_PROTO: Final = 11
#: linux/if_addr.h, IFAPROT_KERNEL_LO, _RA, _LL.
_KERNEL_ADDRESS: Final = (1, 2, 3)

#: Offset of rtm_protocol in rtmsg, and RTPROT_REDIRECT, _KERNEL, _RA.
_RTM_PROTOCOL: Final = 5
_KERNEL_ROUTE: Final = (1, 2, 9)

#: ndmsg: the family is the first byte, the state a number of 16 bits at 8.
_AF_BRIDGE: Final = 7
_NDM_STATE: Final = 8

_LINK: Final = (link.RTM_NEWLINK, link.RTM_DELLINK)
_ADDRESS: Final = (address.RTM_NEWADDR, address.RTM_DELADDR)
_ROUTE: Final = (route.RTM_NEWROUTE, route.RTM_DELROUTE)
_RULE: Final = (RTM_NEWRULE, RTM_DELRULE)
_NEIGHBOUR: Final = (neighbour.RTM_NEWNEIGH, neighbour.RTM_DELNEIGH)

#: Octets of the fixed structure: ifinfomsg, ifaddrmsg, rtmsg, fib_rule_hdr, ndmsg.
_FIXED: Final = (
    dict.fromkeys(_LINK, _IFINFO_SIZE)
    | dict.fromkeys(_ADDRESS, _IFADDR_SIZE)
    | dict.fromkeys(_ROUTE, 12)
    | dict.fromkeys(_RULE, 12)
    | dict.fromkeys(_NEIGHBOUR, neighbour.NDMSG.size)
)


def relevant(netns: str, kind: int, flags: int, payload: bytes, links: frozenset[str]) -> bool:
    """Whether a notification of rtnetlink in ``netns`` is reason enough to look.

    Args:
        netns: a namespace of ours, an instance's, or "" for the host's.
        kind: ``RTM_*``.
        flags: of the message.
        payload: the message.
        links: the names of the links of ours, or that ours need, in ``netns``.

    Raises:
        MalformedError: the payload is malformed.
    """
    if len(payload) < _FIXED.get(kind, 0):
        raise MalformedError("a netlink notification ends within its fixed structure")
    if kind in _LINK:
        return may_be_ours(netns) or _link_concerns(payload, links)
    if netns == HOST:
        return False
    if kind in _ADDRESS:
        return _address_concerns(payload)
    if kind in _ROUTE:
        # A route that takes the place of ours says so, and no deletion is told then.
        return payload[_RTM_PROTOCOL] not in _KERNEL_ROUTE or bool(flags & wire.NLM_F_REPLACE)
    if not may_be_ours(netns):
        return False
    # Some parameters (forwarding, rp_filter, proxy_arp, proxy_ndp) are told so whichever mount of proc they
    # were written through, which inotify does not.
    if kind in _RULE or kind == RTM_NEWNETCONF:
        return True
    return kind in _NEIGHBOUR and _neighbour_concerns(payload)


def _link_concerns(payload: bytes, links: frozenset[str]) -> bool:
    found = wire.attributes(payload, _IFINFO_SIZE)
    if wire.text(found.get(_IFLA_IFNAME, b"")) in links:
        return True
    return owner_of(wire.text(found.get(_IFLA_IFALIAS, b""))) is not None


def _address_concerns(payload: bytes) -> bool:
    made_by = wire.attributes(payload, _IFADDR_SIZE).get(_IFA_PROTO, b"")
    return wire.number(made_by) not in _KERNEL_ADDRESS


def _neighbour_concerns(payload: bytes) -> bool:
    """Not what the kernel learns (NUD_REACHABLE, _STALE, ...), unless it was ours: our protocol stays."""
    state = wire.number(payload[_NDM_STATE : _NDM_STATE + 2])
    if payload[0] == _AF_BRIDGE:
        return bool(state & (neighbour.NUD_PERMANENT | neighbour.NUD_NOARP))
    if state & neighbour.NUD_PERMANENT:
        return True
    found = wire.attributes(payload, neighbour.NDMSG.size)
    return wire.number(found.get(neighbour.NDA_PROTOCOL, b"")) == PROTOCOL
