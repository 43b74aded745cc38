"""The faults that were injected into Neutron's L3 agent (29.0.0), injected here, one test for each.

Each asserts what an operator sees: which floating IPs answer, what is left behind, what is told, and what
the next apply makes of it.  docs/design/neutron-failures.md has both outcomes side by side.
"""

from __future__ import annotations

import errno
import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import pytest

from deuteron.inputs import load
from deuteron.lab.scene import INTERNET
from tests.crash.messages import Strike
from tests.crash.process import Program as Processes
from tests.hands import refusing as rf
from tests.hands.ground import Ground
from tests.hands.picture import same
from tests.hands.prober import Prober, answers
from tests.hands.program import Ended
from tests.hands.refusing import refusing
from tests.hands.topologies import (
    Topology,
    a_router_of_the_second,
    addresses,
    all_addresses,
    routers,
    second_external,
    without,
)
from tests.netns.site import merge
from tests.support.sandbox import Host

pytestmark = pytest.mark.kernel

BOTH = pytest.mark.parametrize("distributed", [False, True], ids=["centralised", "distributed"])

Grounded = Callable[[Topology], AbstractContextManager[Ground]]

_KERNEL_WRITES: Final = ("netlink.batch", "nft.commit", "netns.mount", "sysctl.write")
_STATE_WRITES: Final = ("sqlite.execute", "sqlite.commit", "file.write", "file.sync", "file.rename")


@pytest.fixture
def grounded(host: Host, tmp_path: Path) -> Grounded:
    """A host made for a topology, on which nothing is applied yet; at the end nothing is left of ours."""

    @contextmanager
    def ground(topology: Topology) -> Iterator[Ground]:
        made = Ground(host, tmp_path, topology)
        try:
            yield made
        except BaseException:
            made.world.close()
            raise
        made.close()

    return ground


@pytest.fixture
def processes() -> Iterator[Processes]:
    with Processes() as program:
        yield program


def traces(ground: Ground, *words: str) -> list[str]:
    """The lines of the whole host that tell of any of these words."""
    whole = re.compile("|".join(rf"(?<![0-9.]){re.escape(word)}(?![0-9])" for word in words))
    return [
        f"{name}: {line}"
        for name, lines in ground.picture().items()
        for line in lines
        if not name.startswith(("vm", INTERNET)) and whole.search(line)
    ]


def device_of(file: Path, name: str) -> str:
    """The first characters of a router's id, which its namespaces and its leg bear."""
    return next(router.id[:8] for router in load(file).view.routers if router.name == name)


def outcomes(ended: Ended, kind: str) -> list[str]:
    """What became of the units of a kind that were not done, or of all of them."""
    return [one["outcome"] for one in ended.document()["units"] if one["unit"].startswith(f"{kind}/")]


def codes(ended: Ended, kind: str) -> list[str]:
    return [one["code"] for one in ended.document()["units"] if one["unit"].startswith(f"{kind}/")]


def told(ended: Ended, kind: str) -> str:
    """The sentences of the units of a kind."""
    return "\n".join(one["error"] for one in ended.document()["units"] if one["unit"].startswith(f"{kind}/"))


def namespaces(ground: Ground, *prefixes: str) -> list[str]:
    directory = ground.host.netns_dir
    return sorted(path.name for path in directory.iterdir() if path.name.startswith(prefixes))


def test_listing_routes_fails_once_while_nothing_is_to_change(grounded: Grounded) -> None:
    targets = all_addresses(5, 2)
    with grounded(routers(5, 2)) as ground:
        ground.apply()
        before = ground.picture()
        with refusing(rf.message(rf.RTM_GETROUTE), at=0) as counting:
            ground.apply()
        assert counting.seen > 10, "a listing for each namespace of ours was expected"
        with Prober(INTERNET, targets, rate=50) as prober:
            prober.steady()
            begun = prober.mark()
            for number in range(1, counting.seen + 1):
                with refusing(rf.message(rf.RTM_GETROUTE), errno.ENOBUFS, at=number) as guard:
                    ended = ground.run("apply", ground.file)
                assert guard.refused
                assert (ended.status, ended.code) == (1, "enobufs"), (number, ended)
            assert prober.lost(begun) == {}
        same(before, ground.picture())
        assert "No changes" in ground.run.well("apply", ground.file).out


def test_an_address_of_the_shared_port_is_refused_while_another_router_waits(grounded: Grounded) -> None:
    # The first address of the external subnet that is given to a link is that of fg-.
    of_fg = rf.message(rf.RTM_NEWADDR, rf.address("203.0.113.0")[:3])
    with grounded(routers(2, 1)) as ground:
        with refusing(of_fg) as guard:
            ended = ground.run("apply", "-p", "2", "-o", "json", ground.file)
        assert guard.refused
        assert outcomes(ended, "fip") == ["undone"]
        assert outcomes(ended, "router") == ["skipped", "skipped"]
        assert " on fg-" in ended.out, ended
        assert namespaces(ground, "fip-", "qrouter-", "snat-") == []

        ground.apply()
        assert answers(INTERNET, all_addresses(2, 1)) == set(all_addresses(2, 1))


def test_the_last_step_of_a_leg_fails_and_then_the_router_is_deleted(grounded: Grounded) -> None:
    one, two = routers(1, 2), routers(2, 2)
    with grounded(two) as ground:
        ground.file = ground.write(one, "one.yaml")
        ground.apply()
        before = ground.picture()
        second = ground.write(two, "two.yaml")
        rules_of_legs = rf.message(rf.RTM_NEWRULE, b"fpr-")
        with refusing(rules_of_legs) as guard:
            ended = ground.run("apply", "-o", "json", second)
        assert guard.refused
        assert outcomes(ended, "router") == ["undone"]
        assert len(namespaces(ground, "qrouter-")) == 1
        assert traces(ground, device_of(second, "r2")) == []
        assert set(addresses(1, 2)) == answers(INTERNET, addresses(1, 2))

        ground.apply()
        after = ground.picture()
        assert traces(ground, device_of(second, "r2"), *addresses(2, 2)) == []
        same(before, after)


@pytest.mark.parametrize(
    ("distributed", "kind"),
    [(True, rf.RTM_NEWROUTE), (False, rf.RTM_NEWADDR)],
    ids=["distributed-its-route", "centralised-its-address"],
)
def test_the_third_of_ten_floating_ips_fails_on_a_new_router(
    grounded: Grounded, distributed: bool, kind: int
) -> None:
    mine, third = addresses(1, 10), addresses(1, 10)[2]
    with grounded(routers(1, 10, distributed=distributed)) as ground:
        with refusing(rf.message(kind, rf.address(third))) as guard:
            ended = ground.run("apply", "-o", "json", ground.file)
        assert guard.refused
        assert ended.status == 1
        assert outcomes(ended, "router") == ["undone"]
        assert third in told(ended, "router")
        assert namespaces(ground, "qrouter-", "snat-") == []
        assert traces(ground, *mine) == []

        ground.apply()
        assert answers(INTERNET, mine) == set(mine)
        ground.run.well("apply", ground.write(without(routers(1, 10, distributed=distributed), third)))
        assert traces(ground, third) == []
        assert answers(INTERNET, mine[:2]) == set(mine[:2])


@pytest.mark.parametrize(
    ("distributed", "kind"),
    [(True, rf.RTM_NEWROUTE), (False, rf.RTM_NEWADDR)],
    ids=["distributed-its-route", "centralised-its-address"],
)
def test_the_third_of_ten_floating_ips_fails_on_a_running_router(
    grounded: Grounded, distributed: bool, kind: int
) -> None:
    whole = routers(1, 10, distributed=distributed)
    mine, third = addresses(1, 10), addresses(1, 10)[2]
    with grounded(whole) as ground:
        ground.run.well("apply", ground.write(without(whole, *mine[2:]), "two.yaml"))
        before = ground.picture()
        with Prober(INTERNET, mine[:2], rate=250) as prober:
            prober.steady()
            begun = prober.mark()
            with refusing(rf.message(kind, rf.address(third))) as guard:
                ended = ground.run("apply", "-o", "json", ground.file)
            assert guard.refused
            assert outcomes(ended, "router") == ["undone"]
            same(before, ground.picture())
            ground.apply()
            assert prober.lost(begun) == {}
        assert answers(INTERNET, mine) == set(mine)


@BOTH
def test_the_filter_is_refused_once(grounded: Grounded, distributed: bool) -> None:
    whole = routers(1, 5, distributed=distributed)
    mine = addresses(1, 5)
    with grounded(whole) as ground:
        ground.run.well("apply", ground.write(without(whole, *mine[1:]), "one.yaml"))
        before = ground.picture()
        # The first transaction of a process only asks what the kernel can do.
        with refusing(rf.verb("nft.commit"), errno.ENOBUFS, at=2) as guard:
            ended = ground.run("apply", "-o", "json", ground.file)
        assert guard.refused
        assert outcomes(ended, "router") == ["undone"]
        same(before, ground.picture())
        assert answers(INTERNET, mine[:1]) == set(mine[:1])

        ground.apply()
        assert answers(INTERNET, mine) == set(mine)


@pytest.mark.parametrize(
    ("path", "at", "unit"),
    # In the order of units: the network's namespace, then the floating IPs', then the router's.
    [("net/ipv4/ip_forward", 3, "router"), ("net/ipv4/ip_forward", 2, "fip"), ("/proxy_arp", 1, "fip")],
    ids=["ip_forward-of-the-router", "ip_forward-of-the-fip-namespace", "proxy_arp"],
)
def test_a_kernel_parameter_is_refused(grounded: Grounded, path: str, at: int, unit: str) -> None:
    with grounded(routers(1, 1)) as ground:
        with refusing(rf.parameter(path), at=at) as guard:
            ended = ground.run("apply", "-o", "json", ground.file)
        assert guard.refused
        assert ended.status == 1
        assert outcomes(ended, unit) == ["undone"]
        assert codes(ended, unit) == ["sysctl-refused"]
        assert path in told(ended, unit)
        assert namespaces(ground, "qrouter-", "snat-") == []

        ground.apply()
        assert answers(INTERNET, addresses(1, 1)) == set(addresses(1, 1))


def test_a_kernel_parameter_that_somebody_cleared_is_set_by_the_next_apply(grounded: Grounded) -> None:
    with grounded(routers(1, 1)) as ground:
        ground.apply()
        for name in namespaces(ground, "qrouter-", "fip-"):
            ground.hand(name, "sysctl -qw net/ipv4/ip_forward=0")
        assert answers(INTERNET, addresses(1, 1), patience=0.3) == set()
        ground.apply()
        assert answers(INTERNET, addresses(1, 1)) == set(addresses(1, 1))


@pytest.mark.parametrize("refusal", ["netns.umount", "netns.unlink"])
def test_the_namespace_cannot_be_deleted(grounded: Grounded, refusal: str) -> None:
    with grounded(routers(2, 1)) as ground:
        ground.apply()
        before = ground.picture()
        with refusing(rf.verb(refusal), errno.EBUSY) as guard:
            ended = ground.run("apply", "-o", "json", ground.write(routers(1, 1), "one.yaml"))
        assert guard.refused
        assert ended.status == 1, ended
        assert outcomes(ended, "router") == ["undone"], ended
        # It is there as before, not half of it; its instance's port, another unit, went before it.
        its = namespaces(ground, "qrouter-", "snat-", "fip-")
        after = ground.picture()
        assert [name for name in its if before[name] != after[name]] == []
        assert sum(name.startswith("qrouter-") for name in its) == 2
        assert answers(INTERNET, addresses(1, 1)) == set(addresses(1, 1))

        ground.run.well("apply", ground.write(routers(1, 1), "one.yaml"))
        assert traces(ground, device_of(ground.file, "r2"), *addresses(2, 1)) == []
        assert len(namespaces(ground, "qrouter-")) == 1


@BOTH
def test_the_address_of_an_internal_port_is_refused_on_a_new_router(
    grounded: Grounded, distributed: bool
) -> None:
    with grounded(routers(1, 1, distributed=distributed)) as ground:
        with refusing(rf.message(rf.RTM_NEWADDR, rf.address("10.1.0.1"))) as guard:
            ended = ground.run("apply", "-o", "json", ground.file)
        assert guard.refused
        assert outcomes(ended, "router") == ["undone"]
        assert namespaces(ground, "qrouter-", "snat-") == []

        ground.apply()
        assert answers(INTERNET, addresses(1, 1)) == set(addresses(1, 1))


def test_two_external_networks_share_nothing(grounded: Grounded, processes: Processes) -> None:
    whole = merge(routers(2, 2), second_external(), a_router_of_the_second(3))
    with grounded(whole) as ground:
        ground.apply()
        before = ground.picture()
        assert len(namespaces(ground, "fip-")) == 2
        legs = re.findall(
            r"fpr-\S+ inet (169\.254\.\S+)", "\n".join(itertools.chain.from_iterable(before.values()))
        )
        assert len(set(legs)) == len(legs) == 3

        again = processes.run("apply", ground.file, "--state-dir", ground.run.state)
        assert again.status == 0, again
        assert (again.report.messages, again.report.transactions) == (0, 0)
        ground.run.well("apply", ground.write(routers(2, 2), "first.yaml"))
        ground.run.well("apply", ground.file)
        same(before, ground.picture())
        assert answers(INTERNET, all_addresses(2, 2)) == set(all_addresses(2, 2))


def test_killed_in_mid_creation_and_fewer_routers_remain(grounded: Grounded, processes: Processes) -> None:
    nine, four = routers(9, 4), routers(4, 4)
    with grounded(nine) as ground:
        where = ("--state-dir", ground.run.state)
        counted = processes.run("apply", ground.file, *where, strike=Strike(verbs=_KERNEL_WRITES))
        assert counted.status == 0, counted
        fewer = ground.write(four, "four.yaml")
        ground.run.well("destroy")
        ground.run.well("apply", fewer)
        as_new = ground.picture()
        for share in (0.1, 0.4, 0.6, 0.9):
            ground.run.well("destroy")
            at = int(share * len(counted.report.verbs))
            killed = processes.run("apply", ground.file, *where, strike=Strike(at=at, verbs=_KERNEL_WRITES))
            assert killed.killed, killed
            ended = processes.run("apply", fewer, *where)
            assert ended.status == 0, (at, ended)
            same(as_new, ground.picture())
            assert len(namespaces(ground, "qrouter-")) == 4
        assert answers(INTERNET, all_addresses(4, 4)) == set(all_addresses(4, 4))


def test_killed_in_a_write_of_the_state(grounded: Grounded, processes: Processes) -> None:
    six, four = routers(6, 4), routers(4, 4)
    with grounded(six) as ground:
        where = ("--state-dir", ground.run.state)
        fewer = ground.write(four, "four.yaml")
        ground.apply()
        six_up = ground.picture()
        ground.run.well("apply", fewer)
        counted = processes.run("apply", ground.file, *where, strike=Strike(verbs=_STATE_WRITES))
        writes = len(counted.report.verbs)
        assert writes, "the state is written somewhere"
        for at in sorted({1, writes // 3, 2 * writes // 3, writes} - {0}):
            ground.run.well("apply", fewer)
            killed = processes.run("apply", ground.file, *where, strike=Strike(at=at, verbs=_STATE_WRITES))
            assert killed.killed, (at, killed)
            ended = processes.run("apply", ground.file, *where)
            assert ended.status == 0, (at, ended)
            same(six_up, ground.picture())
        assert answers(INTERNET, all_addresses(6, 4)) == set(all_addresses(6, 4))


def test_floating_ips_that_were_removed_while_nothing_ran_leave_no_trace(
    grounded: Grounded, processes: Processes
) -> None:
    whole = routers(2, 4)
    gone = addresses(1, 4)[:2] + addresses(2, 4)[2:]
    left = sorted(set(all_addresses(2, 4)) - set(gone))
    with grounded(whole) as ground:
        ground.apply()
        ended = processes.run("apply", ground.write(without(whole, *gone)), "--state-dir", ground.run.state)
        assert ended.status == 0, ended
        assert traces(ground, *gone) == []
        assert answers(INTERNET, left) == set(left)
        assert answers(INTERNET, gone, patience=0.3) == set()


@BOTH
def test_a_new_process_with_nothing_changed_writes_nothing(
    grounded: Grounded, processes: Processes, distributed: bool
) -> None:
    mine = all_addresses(3, 4)
    with grounded(routers(3, 4, distributed=distributed)) as ground:
        ground.apply()
        before = ground.picture()
        with Prober(INTERNET, mine, rate=100) as prober:
            prober.steady()
            begun = prober.mark()
            for _ in range(3):
                ended = processes.run("apply", ground.file, "--state-dir", ground.run.state)
                assert ended.status == 0, ended
                assert (ended.report.messages, ended.report.transactions) == (0, 0), ended.report
            assert prober.lost(begun) == {}
        same(before, ground.picture())


def test_what_is_printed_discloses_no_more_than_it_must(grounded: Grounded) -> None:
    whole = routers(1, 4)
    third = addresses(1, 4)[2]
    secret = re.compile(r"\b(10|203)\.\d+\.\d+\.\d+\b|([0-9a-f]{2}:){5}")
    with grounded(whole) as ground:
        done = ground.run.well("apply", ground.file)
        assert secret.findall(done.said) == [], done
        assert len(done.said.splitlines()) == 1, done
        ground.run.well("destroy")

        with refusing(rf.message(rf.RTM_NEWROUTE, rf.address(third))):
            failed = ground.run("apply", ground.file)
        # A failure names the one thing that was refused, and nothing else of the tenant's.
        assert {found[0] for found in re.finditer(r"\b(10|203)\.\d+\.\d+\.\d+\b", failed.said)} == {third}
        assert len(failed.said.splitlines()) <= 2, failed
