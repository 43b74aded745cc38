"""``python -m tests.fuzz.capture``: lay down anew what the kernel and nftables say, as seeds for mutation.

A host is made in private namespaces as ``examples/`` want it, and each kind of message is dumped in
each of its namespaces.  Of messages of one shape the first is kept.  What other software makes (a vlan, a
multipath route, ...) is made beside it, so that there is something that is not ours.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from socket import AF_INET, AF_INET6
from typing import Final

import msgspec

from deuteron.kernel.linux import events, nft_netlink
from deuteron.kernel.linux.netlink import address, conntrack, fdb, link, neighbour, nsid, route, rule, wire
from deuteron.kernel.linux.netlink.socket import NETLINK_NETFILTER, NetlinkSocket
from deuteron.kernel.linux.nft import Nftables
from deuteron.kernel.linux.worker import open_own_netns
from tests.cli.command import ROOT, Deuteron
from tests.fuzz.corpus import FOLDER
from tests.support.sandbox import Host, enter_once, private_host

#: Of each kind, by the size of its fixed structure.
_DUMPS: Final[dict[str, tuple[int, tuple[bytes, ...]]]] = {
    "link": (16, (link.dump_links(),)),
    "address": (8, (address.dump_addresses(),)),
    "route": (12, (route.dump_routes(AF_INET), route.dump_routes(AF_INET6))),
    "rule": (12, (rule.dump_rules(AF_INET), rule.dump_rules(AF_INET6))),
    "neighbour": (12, (neighbour.dump_neighbours(), neighbour.dump_neighbours(proxy=True))),
    "fdb": (12, (fdb.dump_fdb(),)),
}
_MOST: Final = 14
_FOREIGN: Final = (
    "ip link add v0 type veth peer name v1",
    "ip link add link v0 name v0.5 type vlan id 5",
    "ip link add d0 type bridge stp_state 1",
    "ip link property add dev d0 altname a-name-that-is-long-for-a-dummy",
    "ip link set v0 alias what-a-person-wrote",
    "ip link set v0 up",
    "ip link set v1 up",
    "ip addr add 192.0.2.1 peer 192.0.2.2/32 dev v0",
    "ip addr add 2001:db8:9::1/64 dev v0 nodad valid_lft 3600 preferred_lft 1800",
    "ip route add 198.18.0.0/16 nexthop via 192.0.2.2 weight 3 nexthop dev v0 via inet6 fe80::1",
    "ip -6 route add 2001:db8:a::/48 nexthop via fe80::1 dev v0 nexthop via fe80::2 dev v0",
    "ip route add unreachable 198.19.0.0/16 metric 77 table 70000",
    "ip -6 route add 2001:db8:b::/48 via fe80::5 dev v0 onlink metric 5",
    "ip rule add to 10.0.0.0/8 fwmark 0x10/0xf0 iif v9 goto 32767 pref 9",
    "ip -6 rule add from 2001:db8::/32 l3mdev pref 10",
    "ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev v0",
    "ip neigh add proxy 192.0.2.10 dev v0",
)
_TRACKING: Final = """\
add table inet foreign
add chain inet foreign out { type nat hook output priority -100; }
add rule inet foreign out ip daddr 127.0.0.7 dnat ip to 127.0.0.8
add chain inet foreign marking { type filter hook output priority 0; }
add rule inet foreign marking ct state new ct mark set 0x5
"""
_ODD_NFT: Final = (
    "add chain inet deuteron odd { type filter hook output priority 7; }",
    'add rule inet deuteron odd tcp dport { 80, 443 } ct count over 5 log prefix "x" counter drop',
    "add set inet deuteron odd_set { type ipv4_addr; flags interval, timeout; }",
    'add element inet deuteron odd_set { 10.0.0.0/8 timeout 1h comment "x" }',
    "add map inet deuteron odd_map { type ipv4_addr . inet_service : verdict; }",
    "add element inet deuteron odd_map { 10.0.0.1 . 80 : drop }",
    "add counter inet deuteron odd_counter",
)


def main() -> int:
    """Write the corpus."""
    enter_once()
    kept: dict[str, dict[object, bytes]] = {}
    listings: dict[object, bytes] = {}
    with private_host() as host, tempfile.TemporaryDirectory() as folder:
        host.make_bridge("br-ex")
        for name in ("vm1", "vm2", "vm3"):
            host.make_netns(name)
        heard = events.listen()
        run = Deuteron(Path(folder))
        for topology in ("one-host", "dual-stack"):
            done = run("apply", ROOT / "examples" / f"{topology}.yaml")
            print(topology, done.err or "applied")
            for line in _FOREIGN if topology == "dual-stack" else ():
                subprocess.run(line.split(), check=False)
            _look(host, kept, listings)
        for data in _events(heard):
            for kind, flags, _, payload in wire.messages(data):
                kept.setdefault("event", {}).setdefault(
                    (kind, len(payload) // 32), struct.pack("=HH", kind, flags) + payload
                )
        heard.close()
    for name, found in kept.items():
        _write(name, found.values())
    (FOLDER / "nft.jsonl").write_bytes(b"".join(one.strip() + b"\n" for one in listings.values()))
    return 0


def _look(host: Host, kept: dict[str, dict[object, bytes]], listings: dict[object, bytes]) -> None:
    own = open_own_netns()
    for netns in ["", *sorted(one.name for one in host.netns_dir.iterdir())]:
        with host.inside(netns):
            _dump(kept)
            _ask_nft(kept)
            if netns == "":
                _talk()
            with NetlinkSocket() as rt:
                kept.setdefault("nsid", {})[netns] = rt.request(nsid.get_nsid(own))
            with NetlinkSocket(NETLINK_NETFILTER) as nf:
                for payload in nf.dump(conntrack.dump_flows()):
                    kept.setdefault("conntrack", {}).setdefault(_shape(payload, 4), payload)
            if any(one.name == "deuteron" for one in nft_netlink.tables()):
                nft = Nftables()
                _keep(listings, nft._list())
                if netns.startswith("snat"):
                    for one in _ODD_NFT:
                        nft.run(one)
                    _keep(listings, nft._list())


def _dump(kept: dict[str, dict[object, bytes]]) -> None:
    with NetlinkSocket() as rt:
        for name, (head, requests) in _DUMPS.items():
            for request in requests:
                for payload in rt.dump(request):
                    kept.setdefault(name, {}).setdefault(_shape(payload, head), payload)


def _talk() -> None:
    """Connections of the host with itself: IPv4 and IPv6, UDP and TCP, one that is translated."""
    Nftables().run(_TRACKING)
    for family, to in ((AF_INET, "127.0.0.1"), (AF_INET6, "::1")):
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(family, kind) as there, socket.socket(family, kind) as here:
                there.bind((to, 0))
                if kind == socket.SOCK_STREAM:
                    there.listen()
                here.connect(there.getsockname())
                here.send(b"x")
    with socket.socket(AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", ("127.0.0.7", 53))


def _ask_nft(kept: dict[str, dict[object, bytes]]) -> None:
    """The datagrams of the two questions, as they come."""
    for kind, flags in ((0xA01, 0x300), (0xA10, 0)):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as one:
            one.send(struct.pack("=IHHII", 20, kind, 1 | flags, 1, 0) + bytes(4))
            datagram = one.recv(1 << 16)
            kept.setdefault("nft", {}).setdefault((kind, len(datagram)), datagram)


def _keep(listings: dict[object, bytes], listing: bytes) -> None:
    """Of tables with the same chains and sets the first."""
    entries = [next(iter(entry.items())) for entry in msgspec.json.decode(listing)["nftables"]]
    names = tuple(sorted(f"{kind} {one['name']}" for kind, one in entries if kind in {"chain", "set", "map"}))
    listings.setdefault(names, listing)


def _events(heard: events.Heard) -> Iterable[bytes]:
    for one in heard:
        with suppress(BlockingIOError):
            while True:
                yield one.recv(1 << 16)


def _shape(payload: bytes, head: int) -> object:
    kinds = tuple(sorted((kind, len(value) > 0) for kind, value in wire.walk(payload, head)))
    return payload[0], kinds


def _write(name: str, messages: Iterable[bytes]) -> None:
    lines = sorted({one.hex() for one in messages}, key=lambda one: (len(one), one))
    step = max(1, len(lines) // _MOST)
    (FOLDER / f"{name}.hex").write_text("".join(f"{line}\n" for line in lines[::step]))
    print(name, len(lines[::step]), "of", len(lines))


if __name__ == "__main__":
    sys.exit(main())
