"""What a link says for itself, changed by hand under the watch: back within one look, however written."""

from __future__ import annotations

import struct
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from socket import AF_INET
from typing import Final

import pytest

from deuteron.agent.changed import changed
from deuteron.agent.window import Index
from deuteron.apply.engine import apply_plan, prepare, verify
from deuteron.apply.look import look_for
from deuteron.compile import compile_host
from deuteron.compile.policy import KINDS, kind_of, packaged
from deuteron.inputs import load
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.linux.netlink import devconf, link, wire
from deuteron.kernel.linux.netlink.socket import NetlinkSocket
from deuteron.objects import HOST, Bridge, Create, OwnValue, Sysctl, Tap, Update, Veth, Wanted
from deuteron.objects.ownership import may_be_ours
from deuteron.reconcile.delta import ends
from tests.netns.watching import PATIENCE, Watching
from tests.support.sandbox import Host

ROOT: Final = Path(__file__).parents[2]
SYS: Final = Path("/proc/sys")
#: Every kind of link that is in a namespace of ours.
KINDS_OF_LINKS: Final = {"qr-", "rfp-", "fpr-", "fg-", "qg-", "sg-", "tap", "br-"}
#: What the kernel tells of by netlink, whoever changes it.
TOLD: Final = {"forwarding", "rp_filter", "proxy_arp", "proxy_ndp", "disable_ipv6"}
#: The one after the change, and the one that was in progress.
LOOKS: Final = 2

pytestmark = pytest.mark.kernel


@pytest.fixture
def watching(host: Host, tmp_path: Path) -> Iterator[Watching]:
    """A watch over an example with every kind of namespace, v4 and v6."""
    host.make_bridge("br-ex")
    view = load(ROOT / "examples" / "dual-stack.yaml").view
    for name in {need.name for u in compile_host(view).units for need in u.needs if need.kind == "netns"}:
        host.make_netns(name)
    with Watching(view, tmp_path / "state") as watching:
        yield watching


def links_of(wanted: Wanted) -> dict[str, tuple[str, str]]:
    """One of each kind, by the beginning of its name: namespace and name."""
    found: dict[str, tuple[str, str]] = {}
    for unit in wanted.units:
        for thing in unit.objects:
            if isinstance(thing, Veth | Bridge | Tap):
                for netns, name in ends(thing):
                    if may_be_ours(netns):
                        prefix = next(one for one in KINDS_OF_LINKS if name.startswith(one))
                        found.setdefault(prefix, (netns, name))
    return found


def worse(own: OwnValue) -> str:
    """A value that is not admitted: of what is bounded from above, the one that is as good as none."""
    return "3" if own.less else "1" if own.value == "0" else "0"


def value_of(netns: str, path: str, host: Host) -> str:
    with host.inside(netns):
        return (SYS / path).read_text().strip()


def put(netns: str, path: str, value: str, host: Host) -> None:
    with host.inside(netns):
        (SYS / path).write_text(value)


def wait_for(condition: Callable[[], bool], what: object, watching: Watching) -> None:
    begun = time.monotonic()
    while not condition():
        failed = [repair.result.error for repair in watching.repairs if repair.result.error]
        assert time.monotonic() < begun + PATIENCE, (what, failed, watching.troubles, watching.failure)
        time.sleep(0.005)


def mended(netns: str, dev: str, own: OwnValue, host: Host) -> bool:
    return own.admits(value_of(netns, own.path(dev), host))


def explicit(wanted: Wanted) -> set[tuple[str, str]]:
    """What a link has by a line of the policy of its own."""
    things = (thing for unit in wanted.units for thing in unit.objects)
    return {(thing.netns, thing.path) for thing in things if isinstance(thing, Sysctl) and thing.dev}


def test_each_parameter_of_a_link_of_each_kind_is_back_within_one_look(
    watching: Watching, host: Host
) -> None:
    judged, given = look_for(watching.wanted).own, explicit(watching.wanted)
    by_link = {at: list(judged[at[0]]) for at in links_of(watching.wanted).values()}
    flipped: defaultdict[str, set[str]] = defaultdict(set)
    for number in range(max(map(len, by_link.values()))):
        looks = len(watching.looks)
        round_ = [
            (netns, dev, values[number])
            for (netns, dev), values in by_link.items()
            if number < len(values) and (netns, values[number].path(dev)) not in given
        ]
        for netns, dev, own in round_:
            put(netns, own.path(dev), worse(own), host)
            flipped[kind_of(netns) or ""].add(f"{own.family} {own.name}")
        for netns, dev, own in round_:
            wait_for(partial(mended, netns, dev, own, host), (netns, dev, own), watching)
        assert len(watching.looks) - looks <= LOOKS * len(round_), round_
        watching.rest(0.2)
    assert watching.troubles == []
    assert verify(watching.kernel, watching.wanted).none
    assert {kind for kind in KINDS if flipped[kind]} == set(KINDS)
    assert flipped["router"] == of_policy("router")
    assert flipped["network"] == of_policy("network")


def test_a_write_that_only_its_file_tells_of_is_heard_on_each_link_alone(
    watching: Watching, host: Host
) -> None:
    judged, done = look_for(watching.wanted).own, 0
    for netns, dev in links_of(watching.wanted).values():
        silent = {own.family: own for own in judged[netns] if own.name not in TOLD}
        for own in silent.values():
            put(netns, own.path(dev), worse(own), host)
            wait_for(partial(mended, netns, dev, own, host), (netns, dev, own), watching)
            watching.rest(0.1)
            done += 1
    assert done == 2 * len(KINDS_OF_LINKS) - 2  # of a network's IPv6 there is nothing but that there is none
    assert watching.troubles == []


def of_policy(kind: str) -> set[str]:
    """What the policy writes to `default` or hands down to links, counted here by the paths alone."""
    names: set[str] = set()
    for netns_kind, pairs in packaged().of_netns.items():
        for path, _ in pairs if netns_kind == kind else ():
            parts = path.split("/")
            if parts[2:4] == ["conf", "default"] or path.endswith(("all/arp_ignore", "all/arp_announce")):
                names.add(f"{parts[1]} {parts[-1]}")
    return names | {"ipv4 forwarding"}


def test_the_example_has_every_kind_of_link_and_no_kind_is_left_out() -> None:
    wanted = compile_host(load(ROOT / "examples" / "dual-stack.yaml").view)
    assert set(links_of(wanted)) == KINDS_OF_LINKS
    assert {kind_of(netns) for netns, _ in links_of(wanted).values()} == set(KINDS)
    assert all(may_be_ours(netns) for netns in look_for(wanted).own)


def test_what_a_link_needs_for_itself_stays_and_is_put_back(watching: Watching, host: Host) -> None:
    netns, dev = links_of(watching.wanted)["fg-"]
    path = f"net/ipv4/conf/{dev}/proxy_arp"
    assert value_of(netns, path, host) == "1"
    put(netns, path, "0", host)
    wait_for(lambda: value_of(netns, path, host) == "1", path, watching)


def test_a_stricter_value_of_a_link_is_left_alone(watching: Watching, host: Host) -> None:
    netns, dev = links_of(watching.wanted)["qr-"]
    put(netns, f"net/ipv4/conf/{dev}/arp_announce", "1", host)
    watching.rest()
    assert verify(watching.kernel, watching.wanted).none
    assert value_of(netns, f"net/ipv4/conf/{dev}/arp_announce", host) == "1"
    assert watching.repairs == []


def test_what_is_wrong_is_told_by_link_parameter_and_value_and_mended_by_the_next_apply(
    host: Host, linux_kernel: LinuxKernel
) -> None:
    wanted = applied_example(host, linux_kernel)
    netns, dev = links_of(wanted)["qr-"]
    put(netns, f"net/ipv4/conf/{dev}/proxy_arp", "1", host)
    ((step,),) = [unit.steps for unit in verify(linux_kernel, wanted).plan.units]
    assert isinstance(step, Update)
    told = changed(step.old, step.new)
    assert told == f"kernel parameter net/ipv4/conf/{dev}/proxy_arp in {netns} is 1, not 0"
    assert apply_plan(linux_kernel, prepare(linux_kernel, wanted)).ok
    assert value_of(netns, f"net/ipv4/conf/{dev}/proxy_arp", host) == "0"


def test_a_link_that_is_made_where_default_has_been_loosened_is_right_by_the_same_apply(
    host: Host, linux_kernel: LinuxKernel
) -> None:
    wanted = applied_example(host, linux_kernel)
    netns, dev = links_of(wanted)["qr-"]
    paths = (f"net/ipv4/conf/{dev}/proxy_arp", f"net/ipv6/conf/{dev}/accept_redirects")
    for path in paths:
        put(netns, path.replace(dev, "default"), "1", host)
    with host.inside(netns):
        subprocess.run(["ip", "link", "delete", dev], check=True, timeout=30)
    prepared = prepare(linux_kernel, wanted)
    steps = [step for unit in prepared.plan.units for step in unit.steps]
    made = {
        step.object.path for step in steps if isinstance(step, Create) and isinstance(step.object, Sysctl)
    }
    assert made.issuperset(paths)
    assert apply_plan(linux_kernel, prepared).ok
    assert [value_of(netns, path, host) for path in paths] == ["0", "0"]
    assert verify(linux_kernel, wanted).none


def applied_example(host: Host, kernel: LinuxKernel) -> Wanted:
    """An example with every kind of namespace, v4 and v6, on the host."""
    host.make_bridge("br-ex")
    wanted = compile_host(load(ROOT / "examples" / "dual-stack.yaml").view)
    for name in {need.name for unit in wanted.units for need in unit.needs if need.kind == "netns"}:
        host.make_netns(name)
    assert apply_plan(kernel, prepare(kernel, wanted)).ok
    return wanted


def test_a_write_through_another_mount_of_proc_is_heard(watching: Watching, host: Host) -> None:
    netns, dev = links_of(watching.wanted)["qr-"]
    path = f"net/ipv4/conf/{dev}/proxy_arp"
    script = f"mount -t proc none /proc && echo 1 > /proc/sys/{path} && cat /proc/sys/{path}"
    done = subprocess.run(
        ["ip", "netns", "exec", netns, "sh", "-c", script], capture_output=True, check=True, timeout=30
    )
    assert done.stdout.strip() in (b"0", b"1")
    wait_for(lambda: bool(watching.repairs), path, watching)
    wait_for(lambda: value_of(netns, path, host) == "0", path, watching)


def test_a_write_by_netlink_is_heard(watching: Watching, host: Host) -> None:
    """No file is touched: IFLA_INET_CONF of RTM_SETLINK sets a link's own values too."""
    netns, dev = links_of(watching.wanted)["qr-"]
    with host.inside(netns):
        rt = NetlinkSocket()
    try:
        index = link.parse_link(rt.request(link.get_link(dev))).index
        flag = wire.u32(devconf.IPV4["accept_redirects"] + 1, 1)
        conf = wire.nested(26, wire.nested(AF_INET, wire.nested(1, flag)))
        acks = rt.batch([wire.message(link.RTM_NEWLINK, 0, struct.pack("=BxHiII", 0, 0, index, 0, 0), conf)])
        assert [ack.errno for ack in acks] == [0]
    finally:
        rt.close()
    wait_for(lambda: bool(watching.repairs), dev, watching)
    wait_for(lambda: value_of(netns, f"net/ipv4/conf/{dev}/accept_redirects", host) == "0", dev, watching)


def test_every_directory_of_a_link_of_ours_is_watched_and_none_of_the_host(watching: Watching) -> None:
    interest = Index(watching.wanted).interest
    for netns, dev in links_of(watching.wanted).values():
        directories = {f"net/ipv4/conf/{dev}", f"net/ipv6/conf/{dev}"}
        assert directories <= interest.parameters[netns]
    assert HOST not in interest.parameters or not interest.parameters[HOST]
    assert watching.events.events.unwatched == 0
