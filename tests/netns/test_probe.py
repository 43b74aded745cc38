"""The probes themselves: what they say must be so, or no test of packets is worth anything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deuteron.lab import probe
from deuteron.lab.probe import Servers
from deuteron.lab.world import End, LinuxWorld
from tests.support.sandbox import Host

pytestmark = pytest.mark.kernel


@pytest.fixture
def world(host: Host) -> Iterator[LinuxWorld]:
    """Two namespaces, ``a`` and ``b``, on one cable."""
    with LinuxWorld() as made:
        for name in ("a", "b"):
            made.namespace(name)
        made.cable(
            End(netns="a", dev="eth0", addresses=("10.0.0.1/24", "2001:db8::1/64")),
            End(netns="b", dev="eth0", addresses=("10.0.0.2/24", "2001:db8::2/64")),
            1500,
        )
        yield made
    assert host.links().keys() == {"lo"}


@pytest.mark.parametrize("address", ["10.0.0.2", "2001:db8::2"])
def test_an_echo_is_answered_by_whom_it_was_sent_to(world: LinuxWorld, address: str) -> None:
    assert probe.ping("a", address).ok


@pytest.mark.parametrize("address", ["10.0.0.3", "2001:db8::3", "192.0.2.1"])
def test_an_echo_to_nobody_is_not(world: LinuxWorld, address: str) -> None:
    assert not probe.ping("a", address, patience=0.1).ok


def test_an_echo_with_a_foreign_source_is_not(world: LinuxWorld) -> None:
    world.address("a", "lo", "172.16.0.1/32")
    assert not probe.ping("a", "10.0.0.2", source="172.16.0.1", patience=0.1).ok


@pytest.mark.parametrize(("to", "source"), [("10.0.0.2", "10.0.0.1"), ("2001:db8::2", "2001:db8::1")])
def test_a_conversation_tells_who_heard_whom(world: LinuxWorld, to: str, source: str) -> None:
    with Servers({"b": "::"}, 80) as servers:
        seen = probe.tcp("a", to, 80, servers)
    assert (seen.ok, seen.reached, seen.source) == (True, "b", source)
    with Servers({"b": to}, 80, udp=True) as servers:
        seen = probe.udp("a", to, 80, servers)
    assert (seen.ok, seen.reached, seen.source) == (True, "b", source)


def test_a_refusal_comes_at_once_and_is_named(world: LinuxWorld) -> None:
    with Servers({"b": ""}, 81) as servers:
        seen = probe.tcp("a", "10.0.0.2", 80, servers)
    assert (seen.ok, seen.error) == (False, "ECONNREFUSED")
    assert seen.ms < 1000


def test_an_answer_from_another_address_is_no_answer(world: LinuxWorld) -> None:
    world.address("b", "lo", "172.16.0.1/32")
    world.route("a", "172.16.0.1/32", "10.0.0.2")
    with Servers({"b": ""}, 80, udp=True) as servers:
        seen = probe.udp("a", "172.16.0.1", 80, servers, patience=0.2)
    assert (seen.ok, seen.reached) == (False, "b")


def test_a_connection_is_alive_until_its_way_is_cut(world: LinuxWorld) -> None:
    with Servers({"b": ""}, 80) as servers:
        _, connection = probe.connect("a", "10.0.0.2", 80, servers)
    assert connection is not None
    with connection:
        assert connection.alive()
        assert connection.alive()
        world.remove_namespace("b")
        assert not connection.alive(0.2)


def test_who_has_an_address_says_so(world: LinuxWorld) -> None:
    for source, target in (("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")):
        assert probe.resolve("a", "eth0", source, target).mac
    assert probe.resolve("a", "eth0", "10.0.0.1", "10.0.0.3", patience=0.1).mac == ""


def test_a_sniffer_sees_what_passes(world: LinuxWorld) -> None:
    with probe.Sniffer("b", "eth0") as sniffer:
        assert probe.ping("a", "10.0.0.2").ok
        seen = [(each.source, each.destination) for each in sniffer.frames() if each.protocol == 1]
    assert ("10.0.0.1", "10.0.0.2") in seen


def test_a_world_leaves_nothing(host: Host) -> None:
    with LinuxWorld() as made:
        made.bridge("br-ex", 1500)
        made.namespace("n")
        made.cable(End(netns="", dev="t0", master="br-ex"), End(netns="n", dev="eth0"), 1500)
        assert made.links() == ("br-ex", "lo", "t0")
    assert made.links() == ("lo",)
    assert made.namespaces() == ()
