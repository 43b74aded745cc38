from __future__ import annotations

from tests.unit.compile.world import distributed

from deuteron.compile import compile_host, policy
from deuteron.objects import HOST, Sysctl


def _values(prefix: str) -> dict[str, str]:
    return {
        item.path: item.value
        for unit in compile_host(distributed().view()).units
        for item in unit.objects
        if isinstance(item, Sysctl) and item.netns.startswith(prefix)
    }


def test_a_namespace_that_routes_trusts_nobody_on_the_wire() -> None:
    for prefix in ("qrouter-", "snat-", "fip-"):
        values = _values(prefix)
        assert values["net/ipv4/ip_forward"] == "1"
        assert values["net/ipv4/conf/all/accept_redirects"] == "0"
        assert values["net/ipv4/conf/default/rp_filter"] == "0"
        assert values["net/ipv6/conf/default/addr_gen_mode"] == "1"
        assert values["net/ipv6/conf/default/accept_ra"] == "0"


def test_a_networks_namespace_neither_routes_nor_has_addresses() -> None:
    assert _values("net-") == {
        "net/ipv4/ip_forward": "0",
        "net/ipv6/conf/all/disable_ipv6": "1",
        "net/ipv6/conf/default/disable_ipv6": "1",
    }


def test_only_the_routers_are_liberal_with_tcp_windows() -> None:
    path = "net/netfilter/nf_conntrack_tcp_be_liberal"
    assert _values("qrouter-")[path] == _values("snat-")[path] == "1"
    assert path not in _values("fip-")


def test_the_fg_port_answers_arp_at_once() -> None:
    values = {path.split("/")[-1]: value for path, value in _values("fip-").items() if "/fg-" in path}
    assert values == {"proxy_arp": "1", "proxy_delay": "0", "proxy_ndp": "1"}


def test_nothing_of_the_hosts_own_namespace_is_set() -> None:
    objects = [item for unit in compile_host(distributed().view()).units for item in unit.objects]
    assert not [item for item in objects if isinstance(item, Sysctl) and item.netns == HOST]


def test_every_knob_has_a_reason() -> None:
    knobs = [*policy.FIP_GATEWAY, *policy.NDP_GATEWAY, *(k for kind in policy.NETNS.values() for k in kind)]
    assert all(len(knob.reason) > 5 for knob in knobs)
