from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.compile.world import distributed

from deuteron.compile import compile_host
from deuteron.compile.policy import KINDS, BaseChain, Knob, Limit, kind_of, packaged, places
from deuteron.domain import HostView
from deuteron.domain.policy import Override
from deuteron.objects import HOST, NftTable, Sysctl

ROOT = Path(__file__).parents[3]


def _values(prefix: str, view: HostView | None = None) -> dict[str, str]:
    return {
        item.path: item.value
        for unit in compile_host(view or distributed().view()).units
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


def test_a_networks_namespace_neither_routes_nor_has_addresses_nor_tells_any() -> None:
    assert _values("net-") == {
        "net/ipv4/ip_forward": "0",
        "net/ipv4/conf/default/forwarding": "0",
        "net/ipv4/conf/all/log_martians": "0",
        "net/ipv4/conf/default/log_martians": "0",
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


def test_what_a_new_namespace_takes_over_from_the_host_is_written() -> None:
    """Values that hosts for containers, or hardened ones, have: `all` and `default` of IPv4 are inherited."""
    for prefix in ("qrouter-", "snat-", "fip-"):
        values = _values(prefix)
        for name in (
            "arp_accept",
            "log_martians",
            "proxy_arp",
            "proxy_arp_pvlan",
        ):
            assert {values[f"net/ipv4/conf/{conf}/{name}"] for conf in ("all", "default")} == {"0"}, name


def _entries() -> list[Knob | BaseChain | Limit]:
    entries = packaged().entries
    return [*entries.sysctl, *entries.chain, *entries.limit]


@pytest.mark.parametrize("entry", _entries(), ids=lambda entry: f"{entry.name}-{entry.netns[0]}")
def test_every_entry_says_why_what_breaks_and_what_shows_it(entry: Knob | BaseChain | Limit) -> None:
    assert entry.netns
    assert len(entry.reason) > 5
    assert len(entry.breaks) > 5
    file, _, function = entry.test.partition("::")
    assert f"def {function}(" in (ROOT / file).read_text()


def test_an_entry_stands_once_for_a_kind_of_namespace() -> None:
    assert len(places(packaged().entries)) == sum(len(entry.netns) for entry in _entries())


def test_a_value_is_not_among_the_looser_ones() -> None:
    assert [entry.name for entry in _entries() if entry.is_looser(str(entry.value))] == []


def test_what_forwards_or_receives_drops_by_default_everywhere() -> None:
    for kind in KINDS:
        for name in ("forward", "input"):
            assert packaged().chain(kind, name).policy == "drop"


def test_every_base_chain_is_as_the_policy_says() -> None:
    tables = [
        t for u in compile_host(distributed().view()).units for t in u.objects if isinstance(t, NftTable)
    ]
    assert tables
    for table in tables:
        for chain in table.chains:
            kind = kind_of(table.netns)
            assert kind is not None
            said = packaged().chain(kind, chain.name)
            assert (chain.type, chain.hook, chain.priority, chain.policy) == (
                said.type,
                said.hook,
                said.priority,
                said.policy,
            ), (table.netns, chain.name)


def test_an_override_holds_for_its_kinds_alone() -> None:
    path = "net/ipv4/conf/{conf}/rp_filter"
    view = replace(distributed().view(), overrides=(_override(path, "1", "fip"),))
    for prefix, value in (("fip-", "1"), ("qrouter-", "0"), ("snat-", "0")):
        found = _values(prefix, view)
        assert {found["net/ipv4/conf/all/rp_filter"], found["net/ipv4/conf/default/rp_filter"]} == {value}


def test_an_override_has_what_is_not_written_otherwise_written() -> None:
    path = "net/netfilter/nf_conntrack_tcp_timeout_established"
    assert path not in _values("qrouter-")
    view = replace(distributed().view(), overrides=(_override(path, "86400", "router"),))
    assert _values("qrouter-", view)[path] == "86400"
    assert path not in _values("fip-", view)


def test_an_override_of_one_link_is_that_links() -> None:
    path = "net/ipv4/neigh/{dev}/proxy_delay"
    view = replace(distributed().view(), overrides=(_override(path, "5", "fip"),))
    assert [value for path, value in _values("fip-", view).items() if path.endswith("proxy_delay")] == [
        "5",
        "0",
    ]


def test_an_override_of_what_a_later_version_no_longer_has_decides_nothing() -> None:
    policy = packaged().effective((_override("net/ipv4/gone", "1", "router"),))
    assert (policy.overrides, policy.of_netns) == ({}, packaged().of_netns)


def test_a_base_chains_policy_may_be_overridden() -> None:
    override = Override(what="chain", name="forward", kinds=("router",), value="accept", reason="a test")
    policy = packaged().effective((override,))
    assert (policy.chain("router", "forward").policy, policy.chain("fip", "forward").policy) == (
        "accept",
        "drop",
    )
    assert policy.overrides == {("chain", "forward", "router"): override}


def test_how_many_files_a_look_at_a_namespace_reads() -> None:
    """Each is an open and a read, on a host with a thousand routers: raise a number knowingly."""
    counts = {kind: len(pairs) for kind, pairs in packaged().of_netns.items()}
    assert counts == {"network": 6, "router": 28, "fip": 28}


def _override(path: str, value: str, *kinds: str) -> Override:
    return Override(what="sysctl", name=path, kinds=kinds, value=value, reason="a test")
