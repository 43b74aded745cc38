"""A link's own kernel parameters, as every message about the link carries them (IFLA_AF_SPEC).

What is below ``/proc/sys/net/ipv4/conf/LINK`` and ``/proc/sys/net/ipv6/conf/LINK`` in two arrays of
numbers, without a file to open.  New parameters are added at the end, so an older kernel's are shorter;
what counts time is in other units here than in the files, and not in these tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from socket import AF_INET, AF_INET6
from struct import Struct
from typing import Final, NamedTuple

from deuteron.kernel.linux.netlink import wire

#: linux/if_link.h
_IFLA_INET_CONF: Final = 1
_IFLA_INET6_CONF: Final = 2

_NUMBER: Final = Struct("=i")

#: Places in the array by the file's name: IPV4_DEVCONF_* - 1 of linux/ip.h.
IPV4: Final[Mapping[str, int]] = {
    "forwarding": 0,
    "mc_forwarding": 1,
    "proxy_arp": 2,
    "accept_redirects": 3,
    "secure_redirects": 4,
    "send_redirects": 5,
    "shared_media": 6,
    "rp_filter": 7,
    "accept_source_route": 8,
    "log_martians": 10,
    "arp_filter": 12,
    "arp_announce": 17,
    "arp_ignore": 18,
    "promote_secondaries": 19,
    "arp_accept": 20,
    "arp_notify": 21,
    "accept_local": 22,
    "src_valid_mark": 23,
    "proxy_arp_pvlan": 24,
    "route_localnet": 25,
    "ignore_routes_with_linkdown": 28,
    "drop_unicast_in_l2_multicast": 29,
    "drop_gratuitous_arp": 30,
    "bc_forwarding": 31,
    "arp_evict_nocarrier": 32,
}

#: The same for IPv6: DEVCONF_* of linux/ipv6.h.
IPV6: Final[Mapping[str, int]] = {
    "forwarding": 0,
    "hop_limit": 1,
    "accept_ra": 3,
    "accept_redirects": 4,
    "autoconf": 5,
    "use_tempaddr": 10,
    "accept_ra_defrtr": 17,
    "accept_ra_pinfo": 18,
    "proxy_ndp": 22,
    "accept_source_route": 24,
    "mc_forwarding": 25,
    "disable_ipv6": 26,
    "ndisc_notify": 29,
    "accept_ra_from_local": 33,
    "drop_unicast_in_l2_multicast": 40,
    "drop_unsolicited_na": 41,
    "keep_addr_on_down": 42,
    "seg6_enabled": 44,
    "addr_gen_mode": 47,
    "rpl_seg_enabled": 51,
    "ndisc_evict_nocarrier": 56,
    "accept_untracked_na": 57,
}


class Devconf(NamedTuple):
    """Both arrays, empty where the link has none: IPv6 asks for an MTU of 1280."""

    ipv4: bytes
    ipv6: bytes


def parse_devconf(af_spec: bytes) -> Devconf:
    """The arrays in the attribute of a link.

    Raises:
        MalformedError: the attribute is malformed.
    """
    found = wire.attributes(af_spec)
    ipv4 = wire.attributes(found.get(AF_INET, b""))
    ipv6 = wire.attributes(found.get(AF_INET6, b""))
    return Devconf(ipv4.get(_IFLA_INET_CONF, b""), ipv6.get(_IFLA_INET6_CONF, b""))


def number_at(array: bytes, place: int) -> int | None:
    """The number at a place, as its file shows it; ``None`` where the kernel does not know it."""
    offset = place * _NUMBER.size
    if offset + _NUMBER.size > len(array):
        return None
    number: int = _NUMBER.unpack_from(array, offset)[0]
    return number
