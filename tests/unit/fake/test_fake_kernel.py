"""What only the fake can do: named faults, snapshots, and its own slips in semantics."""

from __future__ import annotations

from errno import EBUSY, EEXIST, ENOSPC
from typing import Any

import pytest

from deuteron.errors import KernelError
from deuteron.kernel.fake import FakeKernel, Packet
from deuteron.objects import (
    HOST,
    Address,
    Announce,
    Create,
    Delete,
    FlushFlows,
    LinkUp,
    Look,
    Netns,
    NftElement,
    NftSet,
    NftTable,
    Rule,
    Run,
    Sysctl,
    Update,
    Veth,
)

NETNS = Netns(name="qrouter-r1", owner="router/r1")
VETH = Veth(
    netns="qrouter-r1",
    name="fpr-r1",
    mac="fa:16:3f:00:00:01",
    peer_netns="qrouter-r1",
    peer_name="rfp-r1",
    peer_mac="fa:16:3f:00:00:02",
    mtu=1500,
    master="",
    owner="router/r1",
    altname="fpr-r1-full",
    peer_altname="rfp-r1-full",
)
UP = LinkUp(netns="qrouter-r1", dev="rfp-r1")
ADDRESS = Address(netns="qrouter-r1", dev="rfp-r1", address="169.254.64.0/31")
STEPS = [Create(NETNS), Create(VETH), Create(ADDRESS), Create(UP)]


@pytest.mark.parametrize("at", range(len(STEPS)))
def test_the_nth_step_fails_and_the_earlier_ones_are_done(at: int) -> None:
    kernel = FakeKernel()
    kernel.fail(at, EBUSY)
    outcome = kernel.run(STEPS)
    assert outcome.failed == at
    assert outcome.done == tuple(number < at for number in range(len(STEPS)))
    assert outcome.error is not None
    assert outcome.error.errno == EBUSY
    kernel.assert_consumed()
    assert kernel.run(STEPS[at:]).failed is None, "a fault strikes once"


@pytest.mark.parametrize("word", ["address", "create address", "Create Address"])
def test_the_next_step_of_a_kind_fails_as_often_as_asked(word: str) -> None:
    kernel = FakeKernel()
    kernel.fail(word, ENOSPC, times=2)
    assert kernel.run(STEPS).failed == 2
    assert kernel.run([Create(ADDRESS)]).failed == 0
    kernel.assert_consumed()
    assert kernel.run([Create(ADDRESS)]).failed is None


def test_a_fault_that_never_strikes_is_told() -> None:
    kernel = FakeKernel()
    kernel.fail("delete rule", EBUSY)
    kernel.run(STEPS)
    with pytest.raises(AssertionError, match="never struck"):
        kernel.assert_consumed()


def test_a_look_can_fail_too() -> None:
    kernel = FakeKernel()
    kernel.fail("observe", EBUSY)
    with pytest.raises(KernelError):
        kernel.observe(Look())
    assert kernel.observe(Look()).objects == {}


def test_a_fault_inside_an_nft_transaction_undoes_all_of_it() -> None:
    kernel = FakeKernel()
    table = NftTable(netns="qrouter-r1", sets=(NftSet(name="s", type=("ipv4_addr",)),))
    kernel.run([Create(NETNS), Create(table)])
    before = kernel.snapshot()
    kernel.fail(1, EBUSY)
    steps = [
        Create(NftElement(netns="qrouter-r1", set="s", item=(f"10.0.0.{number}",))) for number in range(3)
    ]
    outcome = kernel.run(steps)
    assert (outcome.failed, outcome.done) == (1, (False,) * 3)
    assert kernel.snapshot() == before
    assert kernel.run(steps).failed is None


def test_there_and_back_is_the_same_snapshot() -> None:
    kernel = FakeKernel()
    kernel.add_host_bridge("br-ex", "203.0.113.2/24")
    before = kernel.snapshot()
    kernel.run(STEPS)
    assert kernel.snapshot() != before
    outcome = kernel.run([Delete(step.object) for step in reversed(STEPS)])
    assert outcome.failed is None
    assert kernel.snapshot() == before


def test_a_snapshot_sees_every_small_change() -> None:
    kernel = FakeKernel()
    kernel.run(STEPS)
    before = kernel.snapshot()
    path = "net/ipv4/conf/rfp-r1/proxy_arp"
    on, off = (Sysctl(netns="qrouter-r1", path=path, value=value, dev="rfp-r1") for value in "10")
    kernel.run([Create(on)])
    assert kernel.snapshot() != before
    kernel.run([Update(old=on, new=off)])
    assert kernel.snapshot() == before


def test_announcements_are_kept_in_order_and_need_a_link_that_is_up() -> None:
    kernel = FakeKernel()
    kernel.run(STEPS)
    announce = Announce(netns="qrouter-r1", dev="rfp-r1", address="203.0.113.50")
    assert kernel.run([Run(announce)]).failed is None
    assert kernel.announced == [announce]
    kernel.run([Delete(UP)])
    assert kernel.run([Run(announce)]).failed == 0


def test_flushing_ends_the_flows_of_one_address_alone() -> None:
    kernel = FakeKernel()
    kernel.add_host_bridge("br0", "192.0.2.1/24")
    kernel.add_machine("one", "br0", "192.0.2.2/24")
    kernel.add_machine("two", "br0", "192.0.2.3/24")
    for name in ("one", "two"):
        assert kernel.trace(Packet(netns=name, dst="192.0.2.1")).delivered
    assert len(kernel.state.namespaces[HOST].flows) == 2
    kernel.run([Run(FlushFlows(netns=HOST, address="192.0.2.2"))])
    assert [flow.original.src for flow in kernel.state.namespaces[HOST].flows] == ["192.0.2.3"]


def test_flows_are_no_part_of_a_snapshot() -> None:
    kernel = FakeKernel()
    kernel.add_host_bridge("br0", "192.0.2.1/24")
    kernel.add_machine("one", "br0", "192.0.2.2/24")
    before = kernel.snapshot()
    kernel.trace(Packet(netns="one", dst="192.0.2.1"))
    assert kernel.snapshot() == before


def test_a_secondary_address_goes_with_its_primary_unless_promoted() -> None:
    second = Address(netns="qrouter-r1", dev="rfp-r1", address="169.254.64.1/31")
    for value, left in (("0", []), ("1", [second])):
        kernel = FakeKernel()
        promote = "net/ipv4/conf/default/promote_secondaries"
        kernel.run([Create(NETNS), Create(Sysctl(netns="qrouter-r1", path=promote, value=value))])
        kernel.run([*STEPS[1:], Create(second), Delete(ADDRESS)])
        seen = kernel.observe(Look()).objects.values()
        assert [one for one in seen if isinstance(one, Address)] == left


@pytest.mark.parametrize(("level", "heard"), [("0", True), ("1", False)])
def test_arp_ignore_decides_whether_another_links_address_is_answered(level: str, heard: bool) -> None:
    kernel = FakeKernel()
    kernel.add_host_bridge("br0", "192.0.2.1/24")
    kernel.add_host_bridge("br1", "198.51.100.1/24")
    kernel.write_sysctl(HOST, "net/ipv4/conf/all/arp_ignore", level)
    kernel.add_machine("one", "br0", "192.0.2.2/24")
    kernel.add_foreign_route("one", "198.51.100.0/24", "eth0")
    assert kernel.trace(Packet(netns="one", dst="198.51.100.1")).delivered == heard


@pytest.mark.parametrize(("proxy", "heard"), [("0", False), ("1", True)])
def test_proxy_arp_answers_for_what_is_routed_elsewhere(proxy: str, heard: bool) -> None:
    kernel = FakeKernel()
    for name, value in (("ip_forward", "1"), ("conf/br0/proxy_arp", proxy)):
        if name.startswith("conf"):
            kernel.add_host_bridge("br0", "192.0.2.1/24")
        kernel.write_sysctl(HOST, f"net/ipv4/{name}", value)
    kernel.add_host_bridge("br1", "198.51.100.1/24")
    kernel.add_machine("one", "br0", "192.0.2.2/24")
    kernel.add_machine("two", "br1", "198.51.100.2/24", gateway="198.51.100.1")
    kernel.add_foreign_route("one", "198.51.100.0/24", "eth0")
    kernel.write_sysctl(HOST, "net/ipv4/conf/br0/forwarding", "1")
    kernel.write_sysctl(HOST, "net/ipv4/conf/br1/forwarding", "1")
    there = kernel.trace(Packet(netns="one", dst="198.51.100.2"))
    assert there.delivered == heard, there


def test_without_forwarding_nothing_passes() -> None:
    kernel = FakeKernel()
    kernel.add_host_bridge("br0", "192.0.2.1/24")
    kernel.add_host_bridge("br1", "198.51.100.1/24")
    kernel.add_machine("one", "br0", "192.0.2.2/24", gateway="192.0.2.1")
    kernel.add_machine("two", "br1", "198.51.100.2/24", gateway="198.51.100.1")
    assert kernel.trace(Packet(netns="one", dst="198.51.100.2")).reason == "not-forwarding"
    kernel.write_sysctl(HOST, "net/ipv4/ip_forward", "1")
    assert kernel.trace(Packet(netns="one", dst="198.51.100.2")).delivered


def test_our_own_address_as_a_source_from_outside_is_a_martian() -> None:
    kernel = FakeKernel()
    kernel.add_host_bridge("br0", "192.0.2.1/24")
    kernel.add_machine("one", "br0", "192.0.2.2/24")
    forged = kernel.trace(Packet(netns=HOST, dev="br0", src="192.0.2.1", dst="192.0.2.1"))
    assert (forged.verdict, forged.reason) == ("dropped", "martian")


def test_only_what_was_delivered_has_an_answer() -> None:
    kernel = FakeKernel()
    lost = kernel.trace(Packet(netns=HOST, dst="198.51.100.2"))
    assert lost.reason == "no-route"
    with pytest.raises(ValueError, match="delivered"):
        kernel.reply(lost)


def test_a_namespace_that_is_there_is_not_made_twice() -> None:
    kernel = FakeKernel()
    kernel.run(STEPS[:1])
    outcome = kernel.run(STEPS[:1])
    assert outcome.error is not None
    assert (outcome.error.code, outcome.error.errno) == ("foreign-name", EEXIST)


@pytest.mark.parametrize(
    ("rule", "out"),
    [
        ({"iif": "br0"}, "br2"),
        ({"iif": "br1"}, "br1"),
        ({"source": "192.0.2.0/24"}, "br2"),
        ({"source": "192.0.2.128/25"}, "br1"),
        ({"fwmark": 7}, "br1"),
        ({}, "br2"),
    ],
)
def test_rules_choose_the_table_by_link_source_and_mark(rule: dict[str, Any], out: str) -> None:
    kernel = FakeKernel()
    kernel.add_host_bridge("br0", "192.0.2.1/24")
    kernel.add_machine("one", "br0", "192.0.2.2/24", gateway="192.0.2.1")
    for name, bridge in (("main", "br1"), ("other", "br2")):
        kernel.add_host_bridge(bridge, f"10.{bridge[-1]}.0.1/24")
        kernel.add_machine(name, bridge, "198.51.100.2/32")
    kernel.add_foreign_route(HOST, "198.51.100.0/24", "br1")
    kernel.add_foreign_route(HOST, "198.51.100.0/24", "br2", table=77)
    kernel.write_sysctl(HOST, "net/ipv4/ip_forward", "1")
    kernel.run([Create(Rule(netns=HOST, family=4, priority=100, table=77, **rule))])
    there = kernel.trace(Packet(netns="one", dst="198.51.100.2"))
    assert there.netns == {"br1": "main", "br2": "other"}[out], there


def test_a_rule_that_finds_no_route_falls_through_to_the_next() -> None:
    kernel = FakeKernel()
    kernel.add_host_bridge("br0", "192.0.2.1/24")
    kernel.add_machine("one", "br0", "192.0.2.2/24")
    kernel.run([Create(Rule(netns=HOST, family=4, priority=100, table=77))])
    assert kernel.trace(Packet(netns=HOST, dst="192.0.2.2")).delivered
