"""Removing links: gone when the run returns, whichever end is taken, and by few messages."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import msgspec
import pytest

from deuteron.errors import KernelError
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.linux.later import finish
from deuteron.kernel.linux.nft import Nftables
from deuteron.objects import HOST, Bridge, Create, Delete, KernelObject, Look, Netns, Veth
from tests.support.sandbox import Host

pytestmark = pytest.mark.kernel

NET = Netns(name="net-n1", owner="network/n1")
FIP = Netns(name="fip-x1", owner="fip/x1")
ROUTER = Netns(name="qrouter-r1", owner="router/r1")
BRIDGE = Bridge(
    netns="net-n1", name="br-n1", mac="fa:16:3f:00:00:01", mtu=1450, owner="network/n1", altname="br-n1-full"
)
INNER = Veth(
    netns="net-n1",
    name="tapp1",
    mac="fe:16:3e:00:00:01",
    peer_netns="qrouter-r1",
    peer_name="qr-p1",
    peer_mac="fa:16:3e:00:00:01",
    mtu=1450,
    master="br-n1",
    owner="router/r1",
    altname="tap-p1-full",
    peer_altname="qr-p1-full",
)
UPLINK = msgspec.structs.replace(
    INNER,
    netns="fip-x1",
    name="fpr-r1",
    peer_name="rfp-r1",
    master="",
    altname="fpr-r1-full",
    peer_altname="rfp-r1-full",
)
PORT = msgspec.structs.replace(
    INNER,
    netns=HOST,
    name="tapp3",
    peer_name="qg-p3",
    master="",
    altname="tap-p3-full",
    peer_altname="qg-p3-full",
)
PAIRS = (INNER, UPLINK, PORT)
ALL = (NET, FIP, ROUTER, BRIDGE, *PAIRS)


def run(kernel: LinuxKernel, *steps: Create | Delete) -> None:
    outcome = kernel.run(steps)
    assert outcome.error is None, outcome.error
    assert all(outcome.done)


def make(kernel: LinuxKernel, *things: KernelObject) -> None:
    run(kernel, *(Create(thing) for thing in things))


def links(host: Host, netns: str) -> set[str]:
    with host.inside(netns):
        shown = subprocess.run(["ip", "-br", "link"], check=True, capture_output=True, text=True).stdout
    return {line.partition("@")[0].split()[0] for line in shown.splitlines()}


def test_a_routers_links_in_three_namespaces_go_by_one_deletion(linux_kernel: LinuxKernel) -> None:
    make(linux_kernel, *ALL)
    before = linux_kernel.tally()
    run(linux_kernel, *(Delete(pair) for pair in PAIRS), Delete(ROUTER))
    after = linux_kernel.tally()
    # Each pair joins the group, and one message removes all.
    assert after.messages - before.messages == len(PAIRS) + 1
    # Two looks at each pair, those two batches, and the last look into the namespace.
    assert after.sends - before.sends == 2 * len(PAIRS) + 2 + 1
    assert after.dumps - before.dumps == 1


def test_one_link_goes_by_one_message(linux_kernel: LinuxKernel) -> None:
    make(linux_kernel, *ALL)
    before = linux_kernel.tally()
    run(linux_kernel, Delete(UPLINK))
    assert linux_kernel.tally().messages - before.messages == 1


def test_both_ends_are_gone_when_the_run_returns(linux_kernel: LinuxKernel, host: Host) -> None:
    make(linux_kernel, *ALL)
    for _ in range(10):
        run(linux_kernel, *(Delete(pair) for pair in PAIRS))
        assert "tapp3" not in links(host, HOST)
        assert links(host, "fip-x1") == links(host, "qrouter-r1") == {"lo"}
        assert links(host, "net-n1") == {"lo", "br-n1"}
        make(linux_kernel, *PAIRS)


def test_names_indexes_and_namespace_of_what_is_removed_can_be_taken_at_once(
    linux_kernel: LinuxKernel,
) -> None:
    make(linux_kernel, *ALL)
    for _ in range(10):
        run(
            linux_kernel,
            *(Delete(pair) for pair in PAIRS),
            Delete(ROUTER),
            *(Create(thing) for thing in (ROUTER, *PAIRS)),
        )
    seen = set(linux_kernel.observe(Look()).objects.values())
    assert seen >= set(ALL)


def test_a_pair_whose_inner_end_was_renamed_goes_by_its_outer_end(
    linux_kernel: LinuxKernel, host: Host
) -> None:
    make(linux_kernel, *ALL)
    with host.inside("qrouter-r1"):
        subprocess.run(["ip", "link", "set", "rfp-r1", "name", "odd"], check=True)
        subprocess.run(["ip", "link", "property", "del", "dev", "odd", "altname", "rfp-r1-full"], check=True)
    run(linux_kernel, *(Delete(pair) for pair in PAIRS))
    assert links(host, "fip-x1") == links(host, "qrouter-r1") == {"lo"}


def test_another_pair_under_the_name_of_an_inner_end_stays(linux_kernel: LinuxKernel, host: Host) -> None:
    make(linux_kernel, *ALL)
    wrong = msgspec.structs.replace(UPLINK, peer_name="qr-p1")
    run(linux_kernel, Delete(wrong), Delete(PORT))
    assert links(host, "qrouter-r1") == {"lo", "qr-p1"}
    assert "tapp1" in links(host, "net-n1")


def test_what_is_gone_already_is_removed_with_the_rest(linux_kernel: LinuxKernel, host: Host) -> None:
    make(linux_kernel, *ALL)
    with host.inside("fip-x1"):
        subprocess.run(["ip", "link", "del", "fpr-r1"], check=True)
    run(linux_kernel, *(Delete(pair) for pair in PAIRS))
    run(linux_kernel, *(Delete(pair) for pair in PAIRS))
    assert links(host, "qrouter-r1") == {"lo"}


def test_a_foreign_link_stays_and_what_was_asked_before_it_is_done(
    linux_kernel: LinuxKernel, host: Host
) -> None:
    make(linux_kernel, *ALL)
    with host.inside(HOST):
        subprocess.run(["ip", "link", "set", "tapp3", "alias", "mine"], check=True)
    outcome = linux_kernel.run([Delete(INNER), Delete(UPLINK), Delete(PORT), Delete(ROUTER)])
    assert outcome.error is not None
    assert (outcome.error.code, outcome.failed) == ("foreign-link", 2)
    assert outcome.done == (True, True, False, False)
    assert "tapp3" in links(host, HOST)
    assert "fpr-r1" not in links(host, "fip-x1")


def test_a_removal_from_a_table_leaves_no_descriptor_and_no_thread(host: Host) -> None:
    finish()
    nftables = Nftables()
    nftables.run("add table inet t\nadd set inet t s { type ipv4_addr; }\nadd element inet t s { 192.0.2.1 }")
    before, threads = len(list(Path("/proc/self/fd").iterdir())), threading.active_count()
    nftables.run("delete element inet t s { 192.0.2.1 }\n")
    with pytest.raises(KernelError):
        nftables.run("delete element inet t s { 192.0.2.1 }\n")
    finish()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert threading.active_count() == threads
