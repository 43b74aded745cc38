"""Names that nft gives to numbers, so that neither /etc/protocols nor a locale decides what a rule is.

Sources: ``linux/in.h``, ``linux/netfilter/nf_conntrack_common.h``, ``linux/icmp.h``,
``linux/icmpv6.h`` and the symbol tables of nft(8), "DATA TYPES".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PROTOCOLS: Final[Mapping[int, str]] = {
    1: "icmp",
    2: "igmp",
    6: "tcp",
    17: "udp",
    33: "dccp",
    47: "gre",
    50: "esp",
    51: "ah",
    58: "ipv6-icmp",
    89: "ospf",
    112: "vrrp",
    132: "sctp",
    136: "udplite",
}

NFPROTO: Final[Mapping[int, str]] = {2: "ipv4", 10: "ipv6"}

CT_STATE: Final[Mapping[int, str]] = {
    1: "invalid",
    2: "established",
    4: "related",
    8: "new",
    64: "untracked",
}

CT_STATUS: Final[Mapping[int, str]] = {
    1: "expected",
    2: "seen-reply",
    4: "assured",
    8: "confirmed",
    16: "snat",
    32: "dnat",
    512: "dying",
}

ICMP_TYPE: Final[Mapping[int, str]] = {
    0: "echo-reply",
    3: "destination-unreachable",
    4: "source-quench",
    5: "redirect",
    8: "echo-request",
    9: "router-advertisement",
    10: "router-solicitation",
    11: "time-exceeded",
    12: "parameter-problem",
    13: "timestamp-request",
    14: "timestamp-reply",
    15: "info-request",
    16: "info-reply",
    17: "address-mask-request",
    18: "address-mask-reply",
}

ICMPV6_TYPE: Final[Mapping[int, str]] = {
    1: "destination-unreachable",
    2: "packet-too-big",
    3: "time-exceeded",
    4: "parameter-problem",
    128: "echo-request",
    129: "echo-reply",
    130: "mld-listener-query",
    131: "mld-listener-report",
    132: "mld-listener-done",
    133: "nd-router-solicit",
    134: "nd-router-advert",
    135: "nd-neighbor-solicit",
    136: "nd-neighbor-advert",
    137: "nd-redirect",
    138: "router-renumbering",
    141: "ind-neighbor-solicit",
    142: "ind-neighbor-advert",
    143: "mld2-listener-report",
}

#: RTN_* of ``linux/rtnetlink.h``.
ROUTE_TYPE: Final[Mapping[int, str]] = {1: "unicast", 2: "local", 3: "broadcast", 5: "multicast"}

#: PACKET_* of ``linux/if_packet.h``: to whom the frame was sent.
PACKET_TYPE: Final[Mapping[int, str]] = {0: "host", 1: "broadcast", 2: "multicast", 3: "other"}

#: The names of each field or nft type whose values are names.
NAMES: Final[Mapping[str, Mapping[int, str]]] = {
    "meta l4proto": PROTOCOLS,
    "inet_proto": PROTOCOLS,
    "meta nfproto": NFPROTO,
    "ct state": CT_STATE,
    "ct status": CT_STATUS,
    "icmp type": ICMP_TYPE,
    "icmpv6 type": ICMPV6_TYPE,
    "fib saddr type": ROUTE_TYPE,
    "fib daddr . iif type": ROUTE_TYPE,
    "meta pkttype": PACKET_TYPE,
}

#: Families of nftables tables (``linux/netfilter.h``, NFPROTO_*).
FAMILIES: Final[Mapping[int, str]] = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
