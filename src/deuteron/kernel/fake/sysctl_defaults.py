"""Kernel parameters that the fake knows, with the values of a new namespace (Linux 6.18).

IPv4's ``conf`` of a new namespace really follows the host's first namespace
(``net.core.devconf_inherit_init_net``); here are the values of a host that changed nothing.
"""

from __future__ import annotations

from typing import Final


def _parse(text: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in text.split())


#: ``net/ipv4/conf/<dev>/...``
IPV4_CONF: Final = _parse(
    """
    accept_local=0 accept_redirects=1 accept_source_route=1 arp_accept=0 arp_announce=0
    arp_evict_nocarrier=1 arp_filter=0 arp_ignore=0 arp_notify=0 bc_forwarding=0
    drop_gratuitous_arp=0 drop_unicast_in_l2_multicast=0 forwarding=0 ignore_routes_with_linkdown=0
    log_martians=0 medium_id=0 promote_secondaries=0 proxy_arp=0 proxy_arp_pvlan=0
    route_localnet=0 rp_filter=0 secure_redirects=1 send_redirects=1 shared_media=1 src_valid_mark=0
    """
)

#: ``net/ipv6/conf/<dev>/...``
IPV6_CONF: Final = _parse(
    """
    accept_dad=1 accept_ra=1 accept_ra_defrtr=1 accept_ra_mtu=1 accept_ra_pinfo=1 accept_redirects=1
    accept_source_route=0 accept_untracked_na=0 addr_gen_mode=0 autoconf=1 dad_transmits=1 disable_ipv6=0
    drop_unicast_in_l2_multicast=0 drop_unsolicited_na=0 forwarding=0 hop_limit=64
    ignore_routes_with_linkdown=0 keep_addr_on_down=0 ndisc_evict_nocarrier=1 ndisc_notify=0
    optimistic_dad=0 proxy_ndp=0 router_solicitations=-1 suppress_frag_ndisc=1 use_tempaddr=0
    """
)

#: ``net/ipv4/neigh/<dev>/...`` and ``net/ipv6/neigh/<dev>/...``
NEIGH: Final = _parse(
    """
    anycast_delay=100 app_solicit=0 base_reachable_time_ms=30000 delay_first_probe_time=5
    gc_stale_time=60 locktime=100 mcast_resolicit=0 mcast_solicit=3 proxy_delay=80 proxy_qlen=64
    retrans_time_ms=1000 ucast_solicit=3
    """
)

#: Paths of the whole namespace.
NAMESPACE: Final = _parse(
    """
    net/ipv4/ip_forward=0 net/ipv4/ip_nonlocal_bind=0 net/ipv4/ip_default_ttl=64
    net/ipv4/ip_early_demux=1 net/ipv4/ip_no_pmtu_disc=0 net/ipv4/ip_unprivileged_port_start=1024
    net/ipv4/fib_multipath_hash_policy=0 net/ipv4/icmp_echo_ignore_all=0
    net/ipv4/icmp_echo_ignore_broadcasts=1
    net/ipv6/bindv6only=0 net/ipv6/ip_nonlocal_bind=0 net/ipv6/fib_multipath_hash_policy=0
    net/netfilter/nf_conntrack_acct=0 net/netfilter/nf_conntrack_checksum=1
    net/netfilter/nf_conntrack_tcp_be_liberal=0 net/netfilter/nf_conntrack_tcp_loose=1
    net/netfilter/nf_conntrack_udp_timeout=30 net/netfilter/nf_conntrack_udp_timeout_stream=120
    """
)
