"""Hands on nftables and kernel parameters."""

from __future__ import annotations

from typing import Final

from deuteron.objects import Netns, NftElement, NftTable, Sysctl
from tests.hands.case import SHARED, Case, an

TABLES: Final = (
    Case(name="table", hand="deleted", pick=an(NftTable), by=("nft delete table inet deuteron",)),
    Case(
        name="table-of-the-fip-namespace",
        hand="deleted",
        kinds="d",
        unit="fip",
        pick=an(NftTable),
        by=("nft delete table inet deuteron",),
    ),
    Case(name="all-tables", hand="deleted", pick=an(NftTable), by=("nft flush ruleset",)),
    Case(
        name="all-rules",
        hand="changed",
        pick=an(NftTable),
        by=("nft flush table inet deuteron",),
        told="filter and translation rules",
    ),
    Case(
        name="rule-in-front",
        hand="changed",
        pick=an(NftTable),
        by=("nft insert rule inet deuteron forward accept",),
        told="filter and translation rules",
    ),
    Case(
        name="policy",
        hand="changed",
        pick=an(NftTable),
        by=("nft add chain inet deuteron forward {{ policy accept; }}",),
        told="filter and translation rules",
    ),
    Case(
        name="chain-of-somebody-in-it",
        hand="changed",
        pick=an(NftTable),
        by=("nft add chain inet deuteron theirs",),
        told="filter and translation rules",
    ),
    Case(
        name="dormant",
        hand="changed",
        pick=an(NftTable),
        by=("nft add table inet deuteron {{ flags dormant; }}",),
        told="filter and translation rules",
    ),
    Case(
        name="another",
        hand="beside",
        pick=an(NftTable),
        by=(
            "nft add table inet theirs",
            "nft add chain inet theirs filter {{ type filter hook forward priority 10; }}",
            "nft add rule inet theirs filter counter accept",
        ),
        told="nft_table inet theirs",
        away=("nft delete table inet theirs",),
    ),
    Case(
        name="of-our-name-in-another-family",
        hand="beside",
        pick=an(NftTable),
        by=("nft add table ip deuteron",),
        told="nft_table ip deuteron",
        away=("nft delete table ip deuteron",),
    ),
    Case(
        name="element",
        hand="deleted",
        pick=an(NftElement, set="floating_to_fixed"),
        by=("nft delete element inet deuteron {o.set} {{ {o.item[0]} }}",),
    ),
    Case(
        name="element-of-a-set",
        hand="deleted",
        pick=an(NftElement, set="proxied6"),
        by=("nft delete element inet deuteron {o.set} {{ {o.item[0]} }}",),
    ),
    Case(
        name="element",
        hand="changed",
        pick=an(NftElement, set="floating_to_fixed"),
        by=(
            "nft delete element inet deuteron {o.set} {{ {o.item[0]} }}",
            "nft add element inet deuteron {o.set} {{ {o.item[0]} : 192.0.2.9 }}",
        ),
        told="was: translation of destination {o.item[0]} to 192.0.2.9",
    ),
    Case(
        name="one-more-element",
        hand="changed",
        pick=an(NftElement, set="floating_to_fixed"),
        by=("nft add element inet deuteron {o.set} {{ 203.0.113.99 : 192.0.2.9 }}",),
        told="- translation of destination 203.0.113.99",
    ),
    Case(
        name="all-elements",
        hand="deleted",
        pick=an(NftElement, set="fixed_to_floating"),
        by=("nft flush map inet deuteron {o.set}",),
    ),
)

SYSCTLS: Final = (
    Case(
        name="forwarding",
        hand="changed",
        pick=an(Sysctl, netns="qrouter-", path="net/ipv4/ip_forward"),
        by=("sysctl -qw {o.path}=0",),
        told="kernel parameter {o.path}",
    ),
    Case(
        name="forwarding-v6",
        hand="changed",
        pick=an(Sysctl, netns="qrouter-", path="net/ipv6/conf/all/forwarding"),
        by=("sysctl -qw {o.path}=0",),
        told="kernel parameter {o.path}",
    ),
    Case(
        name="arp",
        hand="changed",
        pick=an(Sysctl, netns="qrouter-", path="net/ipv4/conf/all/arp_ignore"),
        by=("sysctl -qw {o.path}=0",),
        told="kernel parameter {o.path}",
    ),
    Case(
        name="of-the-network",
        hand="changed",
        unit="network",
        pick=an(Sysctl, path="net/ipv4/ip_forward"),
        by=("sysctl -qw {o.path}=1",),
        told="kernel parameter {o.path}",
    ),
    Case(
        name="proxy-arp-of-a-link",
        hand="changed",
        unit="fip",
        kinds="d",
        pick=an(Sysctl, dev="fg-", path="net/ipv4/conf/"),
        by=("sysctl -qw {o.path}=0",),
        told="kernel parameter {o.path}",
        spares=SHARED,
    ),
    Case(
        name="proxy-ndp-of-a-link",
        hand="changed",
        kinds="c",
        pick=an(Sysctl, dev="qg-", path="net/ipv6/conf/"),
        by=("sysctl -qw {o.path}=0",),
        told="kernel parameter {o.path}",
    ),
    Case(
        name="not-ours",
        hand="beside",
        pick=an(Netns, name="qrouter-"),
        by=("sysctl -qw net/ipv4/ip_default_ttl=77",),
        told="No changes",
        away=("sysctl -qw net/ipv4/ip_default_ttl=64",),
    ),
)
