"""The edge itself: what a guard does, and what is mended where its blows have found something."""

from __future__ import annotations

import errno

import pytest

from deuteron import edge
from deuteron.errors import KernelError
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.linux.announce import Announcer
from deuteron.kernel.linux.netlink import link
from deuteron.kernel.linux.netlink.socket import NetlinkSocket
from deuteron.objects import HOST, Announce, Create, Delete, LinkUp, Look, Netns, Run, Step, Veth
from tests.faults.faults import Fault, NthCrossing
from tests.support.sandbox import Host


def test_without_a_guard_nothing_is_refused() -> None:
    edge.before("netlink.batch")
    edge.after("netlink.batch")
    assert edge.spoiled("netlink.batch", 3) is None


def test_a_guard_leaves_with_its_block_even_where_it_strikes() -> None:
    guard = NthCrossing(Fault(at=0, errno=errno.EBUSY))
    with pytest.raises(OSError, match="busy"), edge.guarded(guard):
        edge.before("netlink.batch")
    edge.before("netlink.batch")
    assert [one.verb for one in guard.passed] == ["netlink.batch"]


@pytest.mark.kernel
def test_a_spoilt_message_is_refused_by_the_kernel_and_its_neighbours_are_done(host: Host) -> None:
    names = ["br-a", "br-b", "br-c"]
    messages = [link.new_bridge(name, mac="02:00:00:00:00:01", mtu=1500) for name in names]
    with NetlinkSocket() as rt, edge.guarded(NthCrossing(Fault(at=0, errno=errno.ENOMEM, message=1))):
        acks = rt.batch(messages)
    assert [ack.errno for ack in acks] == [0, errno.ENOMEM, 0]
    assert host.links().keys() >= {"br-a", "br-c"}
    assert "br-b" not in host.links()


@pytest.mark.kernel
def test_a_dump_whose_answer_was_lost_does_not_hinder_the_next(host: Host) -> None:
    with NetlinkSocket() as rt:
        with pytest.raises(KernelError) as late, edge.guarded(NthCrossing(Fault(at=0, errno=0, lost=True))):
            rt.dump(link.dump_links())
        assert late.value.code == "netlink-timeout"
        assert [link.parse_link(payload).name for payload in rt.dump(link.dump_links())] == ["lo"]


def _router() -> tuple[list[Step], Netns]:
    space = Netns(name="qrouter-1", owner="router/1")
    leg = Veth(
        netns=HOST,
        name="tap-1",
        mac="02:00:00:00:00:01",
        mtu=1500,
        peer_netns=space.name,
        peer_name="qr-1",
        peer_mac="02:00:00:00:00:02",
        master="",
        owner=space.owner,
        altname="",
        peer_altname="",
    )
    steps: list[Step] = [
        Create(space),
        Create(leg),
        Create(LinkUp(netns=HOST, dev="tap-1")),
        Create(LinkUp(netns=space.name, dev="qr-1")),
        Run(Announce(netns=space.name, dev="qr-1", address="192.0.2.1")),
    ]
    return steps, space


@pytest.mark.kernel
def test_an_address_is_announced_in_the_namespace_that_has_the_name_now(host: Host) -> None:
    """Somebody removed the namespace that we had announced in, and we have made it again."""
    steps, space = _router()
    ours, others = LinuxKernel(host.netns_dir, announcer=Announcer((60.0,))), LinuxKernel(host.netns_dir)
    try:
        assert ours.run(steps).error is None
        assert others.run([Delete(space)]).error is None
        assert ours.run(steps).error is None
    finally:
        ours.close()
        others.close()


@pytest.mark.kernel
def test_a_link_whose_making_was_not_answered_is_not_left_without_its_mark(
    host: Host, linux_kernel: LinuxKernel
) -> None:
    steps, space = _router()
    assert linux_kernel.run(steps[:1]).error is None
    guard = NthCrossing(Fault(at=0, errno=0, lost=True), lambda verb: verb == "netlink.batch")
    with edge.guarded(guard):
        outcome = linux_kernel.run(steps[1:2])
    assert guard.struck
    assert outcome.failed == 0
    seen = linux_kernel.observe(Look())
    assert (seen.unmarked[HOST], seen.unmarked[space.name]) == ({}, {})
