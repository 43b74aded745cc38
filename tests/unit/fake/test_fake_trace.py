"""What a packet meets in the worlds of docs/design/engine.md, walked on the fake."""

from __future__ import annotations

import pytest

from deuteron.kernel.fake import FakeKernel, Packet
from deuteron.objects import Delete, NftElement, NftTable, Update
from tests.unit.fake.worlds import FIP, FIXED, GATEWAY_ADDRESS, INTERNET, apply, cloud, ping, view


@pytest.fixture(params=[False, True], ids=["centralised", "distributed"])
def distributed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def kernel(distributed: bool) -> FakeKernel:
    made = cloud()
    apply(made, view(distributed=distributed))
    return made


def test_internet_reaches_the_instance_by_its_floating_ip_and_back(
    kernel: FakeKernel, distributed: bool
) -> None:
    there = ping(kernel, "internet", FIP)
    assert (there.verdict, there.netns, there.dev, there.address) == ("delivered", "vm1", "eth0", FIXED), (
        there
    )
    assert there.packet.src == INTERNET
    assert any(name.startswith("fip-") for name in there.namespaces) == distributed
    back = kernel.reply(there)
    assert (back.verdict, back.netns, back.packet.src) == ("delivered", "internet", FIP), back


def test_instance_leaves_with_its_floating_ip(kernel: FakeKernel) -> None:
    out = ping(kernel, "vm1", INTERNET)
    assert (out.verdict, out.netns, out.packet.src) == ("delivered", "internet", FIP), out
    back = kernel.reply(out)
    assert (back.verdict, back.netns, back.address) == ("delivered", "vm1", FIXED), back


def test_instance_without_one_leaves_through_snat(kernel: FakeKernel, distributed: bool) -> None:
    out = ping(kernel, "vm2", INTERNET)
    assert (out.verdict, out.netns, out.packet.src) == ("delivered", "internet", GATEWAY_ADDRESS), out
    assert any(name.startswith("snat-") for name in out.namespaces) == distributed
    back = kernel.reply(out)
    assert (back.verdict, back.netns, back.address) == ("delivered", "vm2", "10.0.0.6"), back


def test_two_instances_with_the_same_port_share_the_gateway_address(kernel: FakeKernel) -> None:
    first = kernel.trace(Packet(netns="vm2", dst=INTERNET, proto="tcp", sport=4000, dport=80))
    kernel.add_foreign_address("vm2", "eth0", "10.0.0.7/24")
    second = kernel.trace(
        Packet(netns="vm2", src="10.0.0.7", dst=INTERNET, proto="tcp", sport=4000, dport=80)
    )
    assert first.packet.src == second.packet.src == GATEWAY_ADDRESS
    assert first.packet.sport != second.packet.sport
    assert kernel.reply(first).address == "10.0.0.6"
    assert kernel.reply(second).address == "10.0.0.7"


@pytest.mark.parametrize("source", ["vm1", "vm2"])
@pytest.mark.parametrize("proto", ["icmp", "tcp"])
def test_hairpin_to_a_floating_ip_works(kernel: FakeKernel, source: str, proto: str) -> None:
    there = kernel.trace(Packet(netns=source, dst=FIP, proto=proto, dport=80))  # type: ignore[arg-type]  # literal
    assert (there.verdict, there.netns, there.address) == ("delivered", "vm1", FIXED), there
    back = kernel.reply(there)
    assert (back.verdict, back.netns, back.packet.src) == ("delivered", source, FIP), back


def test_two_tenants_with_the_same_addresses_are_apart(kernel: FakeKernel) -> None:
    inside = ping(kernel, "vm2", FIXED)
    assert inside.netns == "vm1", inside
    alone = ping(kernel, "db1", "10.0.0.6")
    assert (alone.verdict, alone.reason) == ("unreachable", "no-neighbour"), alone
    abroad = ping(kernel, "db1", FIP)
    assert (abroad.verdict, abroad.netns, abroad.packet.src) == ("delivered", "vm1", "203.0.113.20"), abroad


def test_after_disassociation_the_floating_ip_is_dead_running_connections_too(
    kernel: FakeKernel, distributed: bool
) -> None:
    before = kernel.trace(Packet(netns="internet", dst=FIP, proto="tcp", dport=22))
    assert kernel.reply(before).delivered
    apply(kernel, view(distributed=distributed, floating=False), view(distributed=distributed))
    again = kernel.trace(before.sent)
    assert not again.delivered, again
    assert kernel.reply(before).packet.src != FIP, "a running connection outlives its floating IP"


def test_tenant_addresses_are_not_reachable_from_outside(kernel: FakeKernel, distributed: bool) -> None:
    via = "203.0.113.30" if distributed else GATEWAY_ADDRESS
    kernel.add_foreign_route("internet", "10.0.0.0/24", "eth0", via=via)
    intruder = ping(kernel, "internet", FIXED)
    assert not intruder.delivered, intruder


def test_no_source_can_be_forged_through_a_leg() -> None:
    kernel = cloud()
    apply(kernel, view(distributed=True))
    (router,) = (name for name in kernel.state.namespaces if name.startswith("qrouter-000000aa"))
    forged = kernel.trace(Packet(netns=router, src="198.51.100.99", dst=INTERNET, mark=16))
    assert (forged.verdict, forged.rule) == ("dropped", "policy of chain leaving"), forged
    table = kernel.state.namespaces[router].table
    assert table is not None
    open_ = NftTable(
        netns=router, sets=table.sets, chains=tuple(c for c in table.chains if c.name != "leaving")
    )
    assert kernel.run([Update(old=table, new=open_)]).error is None
    again = kernel.trace(Packet(netns=router, src="198.51.100.99", dst=INTERNET, mark=16))
    assert (again.verdict, again.netns[:4], again.rule) == ("dropped", "fip-", "policy of chain guard"), again


@pytest.mark.parametrize("snat", [True, False])
def test_without_snat_tenant_addresses_leave_as_they_are(snat: bool) -> None:
    kernel = cloud()
    apply(kernel, view(distributed=False, floating=False, snat=snat))
    out = ping(kernel, "vm2", INTERNET)
    assert out.packet.src == (GATEWAY_ADDRESS if snat else "10.0.0.6"), out


def test_forwarded_port_reaches_its_instance(distributed: bool) -> None:
    kernel = cloud()
    apply(kernel, view(distributed=distributed, forwarding=True))
    there = kernel.trace(Packet(netns="internet", dst="203.0.113.51", proto="tcp", dport=8080))
    assert (there.verdict, there.netns, there.packet.dport) == ("delivered", "vm2", 80), there
    back = kernel.reply(there)
    assert (back.netns, back.packet.src, back.packet.sport) == ("internet", "203.0.113.51", 8080), back
    other = kernel.trace(Packet(netns="internet", dst="203.0.113.51", proto="tcp", dport=8081))
    assert not other.delivered


def test_ndp_proxy_opens_its_address_and_no_other(distributed: bool) -> None:
    kernel = cloud()
    apply(kernel, view(distributed=distributed, ndp=True))
    gateway = "2001:db8:ff::30" if distributed else "2001:db8:ff::10"
    kernel.add_foreign_route("internet", "2001:db8:1::/64", "eth0", via=gateway)
    there = ping(kernel, "internet", "2001:db8:1::5")
    assert (there.verdict, there.netns) == ("delivered", "vm1"), there
    back = kernel.reply(there)
    assert (back.verdict, back.netns, back.packet.src) == ("delivered", "internet", "2001:db8:1::5"), back
    assert not ping(kernel, "internet", "2001:db8:1::6").delivered


def test_outside_finds_a_proxied_address_on_its_link(distributed: bool) -> None:
    kernel = cloud()
    apply(kernel, view(distributed=distributed, ndp=True))
    kernel.add_foreign_route("internet", "2001:db8:1::/64", "eth0")
    assert ping(kernel, "internet", "2001:db8:1::5").netns == "vm1"
    assert ping(kernel, "internet", "2001:db8:1::6").reason == "no-neighbour"


def test_a_packet_too_big_for_a_leg_is_dropped_with_that_reason(kernel: FakeKernel) -> None:
    big = kernel.trace(Packet(netns="vm1", dst=INTERNET, size=1501))
    assert (big.verdict, big.reason, big.netns) == ("dropped", "too-big", "vm1")


def test_a_trace_names_the_rules_that_it_met(kernel: FakeKernel) -> None:
    words = str(ping(kernel, "internet", FIP))
    assert "floating IP to its fixed address" in words
    assert f"destination becomes {FIXED}" in words
    assert "delivered" in words.splitlines()[-1]


def test_without_its_map_element_a_floating_ip_is_dead(kernel: FakeKernel) -> None:
    """The tests above would go red if the walk did not look at the maps."""
    assert ping(kernel, "internet", FIP).delivered
    for netns in [name for name in kernel.state.namespaces if name.startswith("qrouter-000000aa")]:
        kernel.state.namespaces[netns].flows.clear()
        gone = NftElement(netns=netns, set="floating_to_fixed", item=(FIP,), value=(FIXED,))
        kernel.run([Delete(gone)])
    assert ping(kernel, "internet", FIP).netns != "vm1"


def test_a_routing_loop_ends() -> None:
    kernel = FakeKernel()
    for name in ("sender", "left", "right"):
        kernel.add_foreign_netns(name)
        kernel.write_sysctl(name, "net/ipv4/ip_forward", "1")
    kernel.add_foreign_veth("sender", "s", "left", "l")
    kernel.add_foreign_veth("left", "a", "right", "b")
    for name, dev, address in (("sender", "s", 9), ("left", "l", 10), ("left", "a", 1), ("right", "b", 2)):
        kernel.add_foreign_address(name, dev, f"192.0.2.{address}/{30 if address < 4 else 29}")
    for name, dev, via in (("sender", "s", 10), ("left", "a", 2), ("right", "b", 1)):
        kernel.add_foreign_route(name, "0.0.0.0/0", dev, via=f"192.0.2.{via}")
    lost = ping(kernel, "sender", "198.51.100.1")
    assert (lost.verdict, lost.reason) == ("dropped", "ttl")
