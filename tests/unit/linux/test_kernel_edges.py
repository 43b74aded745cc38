"""What only the real kernel can show: races, foreign things in the way, both ends of pairs, residue."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
from pathlib import Path

import msgspec
import pytest

from deuteron import edge
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.linux.netlink import link, neighbour
from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.kernel.linux.probe import probe
from deuteron.kernel.linux.space import Spaces
from deuteron.kernel.linux.worker import Worker
from deuteron.objects import (
    HOST,
    Address,
    Bridge,
    Create,
    Delete,
    KernelObject,
    LinkUp,
    Look,
    Neighbour,
    NeighbourProxy,
    Netns,
    Nexthop,
    NftElement,
    Observed,
    Route,
    Sysctl,
    Update,
    Veth,
)
from tests.support import nft_tables
from tests.support.sandbox import Host

pytestmark = pytest.mark.kernel

NET = Netns(name="net-n1", owner="network/n1")
ROUTER = Netns(name="qrouter-r1", owner="router/r1")
SNAT = Netns(name="snat-r1", owner="router/r1")
BRIDGE = Bridge(
    netns="net-n1", name="br-n1", mac="fa:16:3f:00:00:01", mtu=1450, owner="network/n1", altname="br-n1-full"
)
PORT = Veth(
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


def make(kernel: LinuxKernel, *things: KernelObject) -> None:
    outcome = kernel.run([Create(thing) for thing in things])
    assert outcome.error is None, outcome.error
    assert all(outcome.done)


def ip(host: Host, netns: str, command: str) -> str:
    with host.inside(netns):
        return subprocess.run(["ip", *command.split()], check=True, capture_output=True, text=True).stdout


def descriptors() -> set[str]:
    with os.scandir("/proc/self/fd") as entries:
        own = [(entry.name, str(Path(entry.path).readlink())) for entry in entries]
    return {name for name, target in own if not target.endswith("/fd")}


def pairs(seen: Observed) -> set[Veth]:
    return {thing for thing in seen.objects.values() if isinstance(thing, Veth)}


def test_iproute2_enters_a_namespace_of_ours(linux_kernel: LinuxKernel, host: Host) -> None:
    make(linux_kernel, ROUTER)
    argv = ["ip", "netns", "exec", "qrouter-r1", "ip", "-o", "link", "show", "up"]
    shown = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    assert "lo:" in shown
    assert "alias deuteron router/r1" in shown


def test_a_dead_file_of_ours_gives_way(linux_kernel: LinuxKernel, host: Host) -> None:
    host.netns_dir.mkdir()
    (host.netns_dir / "qrouter-r1").touch()
    assert linux_kernel.observe(Look()).netns == {"qrouter-r1": False}
    make(linux_kernel, ROUTER)
    assert linux_kernel.observe(Look()).netns == {"qrouter-r1": True}


def test_a_foreign_namespace_under_our_name_stays(linux_kernel: LinuxKernel, host: Host) -> None:
    host.make_netns("qrouter-r1")
    outcome = linux_kernel.run([Create(ROUTER)])
    assert outcome.error is not None
    assert (outcome.error.code, outcome.error.errno) == ("foreign-name", errno.EEXIST)
    removal = linux_kernel.run([Delete(ROUTER)])
    assert removal.error is not None
    assert removal.error.code == "foreign-namespace"
    assert NetnsDirectory(host.netns_dir).inode("qrouter-r1")


def test_a_namespace_that_another_made_anew_is_not_taken_for_the_old(
    linux_kernel: LinuxKernel, host: Host
) -> None:
    make(linux_kernel, ROUTER)
    ip(host, HOST, "netns del qrouter-r1")
    host.make_netns("qrouter-r1")
    seen = linux_kernel.observe(Look())
    assert seen.objects == {}
    assert [one.kind for one in seen.foreign] == ["netns"]


def test_a_namespace_with_a_foreign_link_is_not_removed(linux_kernel: LinuxKernel, host: Host) -> None:
    make(linux_kernel, ROUTER)
    host.make_bridge("others", "qrouter-r1")
    outcome = linux_kernel.run([Delete(ROUTER)])
    assert outcome.error is not None
    assert outcome.error.code == "foreign-in-namespace"
    assert set(host.links("qrouter-r1")) == {"lo", "others"}


def test_removing_a_namespace_takes_the_outer_ends_before_it_returns(
    linux_kernel: LinuxKernel, host: Host
) -> None:
    second = msgspec.structs.replace(
        PORT, name="tapp2", peer_name="qr-p2", altname="tap-p2-full", peer_altname="qr-p2-full"
    )
    make(linux_kernel, NET, ROUTER, BRIDGE, PORT, second)
    assert linux_kernel.run([Delete(ROUTER)]).error is None
    assert set(host.links("net-n1")) == {"lo", "br-n1"}


def test_pairs_of_one_router_with_the_same_indexes_are_told_apart(
    linux_kernel: LinuxKernel, host: Host
) -> None:
    """As a script of ``ip`` commands makes them: the kernel numbers the links of each namespace alike."""
    make(linux_kernel, NET, Netns(name="net-n2", owner="network/n2"), ROUTER, SNAT)
    for netns, inner, dev, port in (
        ("net-n1", "snat-r1", "sg-p1", "p1"),
        ("net-n2", "qrouter-r1", "qr-p2", "p2"),
    ):
        ip(host, netns, f"link add tap{port} index 7 type veth peer name {dev} index 8 netns {inner}")
        for place, name, prefix in ((netns, f"tap{port}", "tap"), (inner, dev, dev[:2])):
            with host.netlink(place) as rt:
                altname = link.add_altname(name, f"{prefix}-{port}-full")
                acks = rt.batch([link.set_link(name, alias="deuteron router/r1"), altname])
            assert not any(ack.errno for ack in acks)
    seen = {(one.name, one.peer_netns, one.peer_name) for one in pairs(linux_kernel.observe(Look()))}
    assert seen == {("tapp1", "snat-r1", "sg-p1"), ("tapp2", "qrouter-r1", "qr-p2")}


def test_a_pair_whose_inner_end_is_out_of_sight_differs(linux_kernel: LinuxKernel, host: Host) -> None:
    make(linux_kernel, NET, ROUTER, BRIDGE, PORT)
    assert pairs(linux_kernel.observe(Look())) == {PORT}
    host.make_netns("elsewhere")
    ip(host, "qrouter-r1", "link set qr-p1 netns elsewhere")
    (seen,) = pairs(linux_kernel.observe(Look()))
    assert seen.key == PORT.key
    assert (seen.peer_netns, seen.peer_name) == ("?", "?")


def test_ends_with_different_mtus_differ_from_any_wanted_pair(linux_kernel: LinuxKernel, host: Host) -> None:
    make(linux_kernel, NET, ROUTER, BRIDGE, PORT)
    ip(host, "qrouter-r1", "link set qr-p1 mtu 1300")
    (seen,) = pairs(linux_kernel.observe(Look()))
    assert seen.mtu == 0
    assert linux_kernel.run([Update(old=seen, new=PORT)]).error is None
    assert pairs(linux_kernel.observe(Look())) == {PORT}


def test_a_failed_pair_leaves_neither_end(linux_kernel: LinuxKernel, host: Host) -> None:
    make(linux_kernel, NET, ROUTER, BRIDGE)
    with host.netlink("qrouter-r1") as rt:
        acks = rt.batch([link.new_bridge("others", mac=BRIDGE.mac, mtu=1500, index=99)])
        acks += rt.batch([link.add_altname(99, "qr-p1-full")])
    assert not any(ack.errno for ack in acks)
    outcome = linux_kernel.run([Create(PORT), Create(LinkUp(netns="net-n1", dev="br-n1"))])
    assert outcome.failed == 0
    assert outcome.error is not None
    assert outcome.error.code == "foreign-name"
    assert "tapp1" not in host.links("net-n1")
    assert set(host.links("qrouter-r1")) == {"lo", "others"}


def test_a_refused_change_of_a_pair_goes_back(linux_kernel: LinuxKernel, host: Host) -> None:
    make(linux_kernel, NET, ROUTER, BRIDGE, PORT)
    with host.netlink("qrouter-r1") as rt:
        rt.batch([link.new_bridge("others", mac=BRIDGE.mac, mtu=1500, index=99)])
        rt.batch([link.add_altname(99, "qr-taken")])
    changed = msgspec.structs.replace(PORT, mtu=1400, peer_altname="qr-taken")
    assert linux_kernel.run([Update(old=PORT, new=changed)]).failed == 0
    assert pairs(linux_kernel.observe(Look())) == {PORT}


def test_a_learnt_neighbour_gives_way_to_ours(linux_kernel: LinuxKernel, host: Host) -> None:
    make(linux_kernel, NET, ROUTER, BRIDGE, PORT)
    wanted = Neighbour(netns="qrouter-r1", dev="qr-p1", address="10.0.0.9", mac="fa:16:3e:00:00:09")
    ip(host, "qrouter-r1", "neigh add 10.0.0.9 dev qr-p1 lladdr 02:00:00:00:00:99 nud stale")
    make(linux_kernel, wanted)
    assert linux_kernel.observe(Look()).objects[wanted.key] == wanted


def test_steps_after_a_failed_batch_are_not_run(linux_kernel: LinuxKernel, host: Host) -> None:
    make(linux_kernel, NET, ROUTER, BRIDGE, PORT)
    address = Address(netns="qrouter-r1", dev="qr-p1", address="10.0.0.1/24")
    no_way = Route(
        netns="qrouter-r1", destination="0.0.0.0/0", nexthops=(Nexthop(dev="qr-p1", via="192.0.2.1"),)
    )
    later = Sysctl(netns="qrouter-r1", path="net/ipv4/ip_forward", value="1")
    outcome = linux_kernel.run([Create(address), Create(no_way), Create(later)])
    assert (outcome.done, outcome.failed) == ((True, False, False), 1)
    assert outcome.error is not None
    assert "qrouter-r1" in outcome.error.message


def test_a_parameter_that_does_not_take_the_value_is_an_error(linux_kernel: LinuxKernel, host: Host) -> None:
    make(linux_kernel, ROUTER)
    for value in ("7000000000", "banana", "01"):  # the last one is written, and reads 1
        outcome = linux_kernel.run(
            [Create(Sysctl(netns="qrouter-r1", path="net/ipv4/ip_forward", value=value))]
        )
        assert outcome.error is not None
        assert outcome.error.code == "sysctl-refused"


def test_parameters_are_those_of_the_namespace(linux_kernel: LinuxKernel, host: Host) -> None:
    forwarding = Path("/proc/sys/net/ipv4/ip_forward")
    before = forwarding.read_text()
    other = "0" if before.strip() == "1" else "1"
    make(linux_kernel, ROUTER, Sysctl(netns="qrouter-r1", path="net/ipv4/ip_forward", value=other))
    assert forwarding.read_text() == before
    with host.inside("qrouter-r1"):
        assert forwarding.read_text().strip() == other


def test_namespaces_beyond_the_bound_are_closed_and_opened_again(host: Host) -> None:
    directory = NetnsDirectory(host.netns_dir)
    for name in ("one", "two", "three"):
        host.make_netns(name)
    worker = Worker()
    before = len(descriptors())
    spaces = worker.call(lambda: Spaces(worker, directory, limit=2))

    def walk() -> list[int]:
        return [spaces.get(name).inode for name in ("one", "two", "three") * 3]

    inodes = worker.call(walk)
    assert inodes[:3] == [directory.inode(name) for name in ("one", "two", "three")]
    assert len(descriptors()) == before + 1 + 2 * 2
    worker.call(spaces.close)
    worker.close()


def test_what_stays_open_leaves_the_low_descriptors_to_libnftables(
    linux_kernel: LinuxKernel, host: Host
) -> None:
    """It waits with select(2), which aborts the process on a descriptor of 1024 or more."""
    before = descriptors()
    make(linux_kernel, NET, ROUTER, BRIDGE, PORT)
    linux_kernel.observe(Look())
    opened = {int(one) for one in descriptors() - before}
    assert len({one for one in opened if one >= 1024}) == 4
    assert len({one for one in opened if one < 1024}) <= 1, (
        "one for kernel parameters, whatever the namespaces"
    )


def test_nothing_stays_open_or_behind(host: Host) -> None:
    before, threads = descriptors(), threading.active_count()
    kernel = LinuxKernel(host.netns_dir)
    things = (NET, ROUTER, BRIDGE, PORT)
    make(kernel, *things)
    kernel.observe(Look())
    assert host.leaks() != []
    assert kernel.run([Delete(thing) for thing in reversed(things)]).error is None
    kernel.close()
    assert host.leaks() == []
    assert descriptors() == before
    assert threading.active_count() == threads


def test_the_probe_finds_what_the_engine_needs_and_leaves_nothing(host: Host) -> None:
    before = descriptors()
    assert probe().kernel == os.uname().release
    assert set(host.links()) == {"lo"}
    assert descriptors() == before


def test_a_second_proxy_entry_is_refused_and_a_foreign_one_stays_foreign(
    linux_kernel: LinuxKernel, host: Host
) -> None:
    make(linux_kernel, NET, ROUTER, BRIDGE, PORT)
    ip(host, "qrouter-r1", "neigh add proxy 2001:db8::9 dev qr-p1")
    outcome = linux_kernel.run(
        [Create(NeighbourProxy(netns="qrouter-r1", dev="qr-p1", address="2001:db8::9"))]
    )
    assert outcome.error is not None
    assert outcome.error.errno == errno.EEXIST
    with host.netlink("qrouter-r1") as rt:
        (entry,) = map(neighbour.parse_neighbour, rt.dump(neighbour.dump_neighbours(proxy=True)))
    assert entry.protocol == 0


def test_ten_thousand_elements_go_in_also_where_buffers_are_small(linux_kernel: LinuxKernel) -> None:
    make(linux_kernel, ROUTER)
    table = msgspec.structs.replace(nft_tables.CENTRALISED, netns="qrouter-r1")
    many = nft_tables.floating_elements(10_000)
    elements = [msgspec.structs.replace(one, netns="qrouter-r1") for one in many]
    make(linux_kernel, table, *elements)
    observed = linux_kernel.observe(Look()).objects
    assert {thing for thing in observed.values() if isinstance(thing, NftElement)} == set(elements)


class SmallBuffer:
    """The kernel has no room for the first transaction."""

    def __init__(self) -> None:
        self.transactions = 0

    def before(self, verb: str) -> None:
        if verb == "nft.commit":
            self.transactions += 1
            if self.transactions == 1:
                raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))

    def after(self, verb: str) -> None:
        pass

    def spoiled(self, verb: str, count: int) -> tuple[int, int] | None:
        return None


def test_what_does_not_fit_in_a_buffer_goes_in_smaller_transactions(linux_kernel: LinuxKernel) -> None:
    make(linux_kernel, ROUTER)
    table = msgspec.structs.replace(nft_tables.CENTRALISED, netns="qrouter-r1")
    elements = [msgspec.structs.replace(one, netns="qrouter-r1") for one in nft_tables.floating_elements(20)]
    with edge.guarded(buffer := SmallBuffer()):
        make(linux_kernel, table, *elements)
    assert buffer.transactions == 3
    observed = linux_kernel.observe(Look()).objects
    assert {thing for thing in observed.values() if isinstance(thing, NftElement)} == set(elements)


def test_a_bridge_keeps_its_mtu_when_its_last_member_leaves(linux_kernel: LinuxKernel, host: Host) -> None:
    make(linux_kernel, NET, ROUTER, BRIDGE, PORT)
    assert linux_kernel.run([Delete(PORT)]).error is None
    assert host.links("net-n1")["br-n1"].mtu == BRIDGE.mtu
