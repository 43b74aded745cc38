"""The sysctl policy: every kernel parameter that we set, with its reason.

Values are written before any link exists in the namespace, since a new namespace
starts with the host's IPv4 settings (``net.core.devconf_inherit_init_net``), and a
link starts with its namespace's ``default``.  Which of ``all`` and ``default`` decides
differs (``include/linux/inetdevice.h``): the larger of ``all`` and the link's own
(``IN_DEV_MAXCONF``), either of both (``IN_DEV_ORCONF``), both (``IN_DEV_ANDCONF``); in IPv6 the
link's own alone.  What decides is written, and nothing else: each costs two system calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal

import msgspec

from deuteron.objects import Sysctl

Kind = Literal["network", "router", "fip"]


class Knob(msgspec.Struct, frozen=True):
    """One parameter.

    Attributes:
        path: below ``/proc/sys``; ``{conf}`` stands for ``all`` and ``default``,
            ``{dev}`` for a link.
    """

    path: str
    value: str
    reason: str


ROUTING: Final = (
    Knob("net/ipv4/conf/{conf}/accept_redirects", "0", "a tenant must not change our routes"),
    Knob("net/ipv4/conf/{conf}/secure_redirects", "0", "nor in the gateway's name"),
    Knob("net/ipv4/conf/{conf}/send_redirects", "0", "qr- to sg- leaves by the link it came in on, rightly"),
    Knob("net/ipv4/conf/all/accept_source_route", "0", "the sender does not choose the way (RFC 7126)"),
    Knob("net/ipv4/conf/{conf}/rp_filter", "0", "replies of a distributed router may come another way"),
    Knob("net/ipv4/conf/all/arp_ignore", "1", "a link answers ARP for its own addresses only"),
    Knob("net/ipv4/conf/all/arp_announce", "2", "ask with an address that the asked one can answer to"),
    Knob("net/ipv6/conf/default/accept_ra", "0", "the model says the routes, not who shouts on the link"),
    Knob("net/ipv6/conf/default/accept_redirects", "0", "as for IPv4"),
    Knob("net/ipv6/conf/default/autoconf", "0", "the model says the addresses"),
    Knob("net/ipv6/conf/default/addr_gen_mode", "1", "no link-local address but those that we give"),
    Knob("net/ipv4/ip_forward", "1", "it routes"),
    Knob("net/ipv6/conf/all/forwarding", "1", "it routes"),
    Knob("net/ipv6/conf/default/forwarding", "1", "it routes; proxy NDP asks the link's own value too"),
)

NETNS: Final[dict[Kind, tuple[Knob, ...]]] = {
    "network": (
        Knob("net/ipv4/ip_forward", "0", "it switches and never routes; the host's value would be inherited"),
        Knob("net/ipv6/conf/{conf}/disable_ipv6", "1", "no address here that a tenant could talk to"),
    ),
    "router": (
        *ROUTING,
        Knob(
            "net/netfilter/nf_conntrack_tcp_be_liberal",
            "1",
            "an out-of-window segment is the endpoints' business: dropped or untranslated it stalls the "
            "connection (LP 1804327); a forged RST is then believed by the tracker too",
        ),
    ),
    "fip": (
        *ROUTING,
        Knob(
            "net/ipv4/ip_nonlocal_bind", "1", "tools may announce a floating IP that is not an address here"
        ),
    ),
}

#: On ``fg-``: floating IPs are routes there, not addresses.
FIP_GATEWAY: Final = (
    Knob("net/ipv4/conf/{dev}/proxy_arp", "1", "answer ARP for the floating IPs, which are routed to legs"),
    Knob("net/ipv4/neigh/{dev}/proxy_delay", "0", "answer at once, not after up to 800 ms (LP 1920975)"),
)

#: On ``fg-`` and ``qg-`` where NDP proxies may be.
NDP_GATEWAY: Final = (
    Knob("net/ipv6/conf/{dev}/proxy_ndp", "1", "answer solicitations for the NDP proxies"),
    Knob("net/ipv6/neigh/{dev}/proxy_delay", "0", "answer at once"),
)


def netns_sysctls(kind: Kind, netns: str) -> Iterator[Sysctl]:
    """The parameters of a whole namespace."""
    return (Sysctl(netns=netns, path=path, value=value) for path, value in _expanded(kind))


def link_sysctls(knobs: tuple[Knob, ...], netns: str, dev: str) -> Iterator[Sysctl]:
    """The parameters of one link."""
    for knob in knobs:
        yield Sysctl(netns=netns, path=knob.path.replace("{dev}", dev), value=knob.value, dev=dev)


@lru_cache
def _expanded(kind: Kind) -> tuple[tuple[str, str], ...]:
    return tuple(
        (knob.path.replace("{conf}", conf), knob.value)
        for knob in NETNS[kind]
        for conf in (("all", "default") if "{conf}" in knob.path else ("",))
    )
