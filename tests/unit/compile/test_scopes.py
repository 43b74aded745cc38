"""Address scopes: untranslated within one, kept apart between two, hidden by SNAT or a floating IP."""

from __future__ import annotations

import msgspec
import pytest
from tests.unit.compile.walk import INTERNET, explain, send, started, talks
from tests.unit.compile.world import World

from deuteron.compile import compile_host
from deuteron.kernel.fake import FakeKernel

SHARED = pytest.mark.parametrize("shared", [False, True])
SNAT = pytest.mark.parametrize("snat", [False, True])


def _site(shared: bool, snat: bool = True, **scopes: str) -> World:
    """A router with the networks red (10.0.0.0/24) and blue (10.1.0.0/24); ``blue5`` has a floating IP."""
    world = World()
    world.external("public", "203.0.113.0/24", "2001:db8:100::/64")
    for number, name in enumerate(("red", "blue")):
        world.network(name, f"10.{number}.0.0/24", f"2001:db8:a{number}::/64")
    ports = [(name, f"10.{n}.0.1", f"2001:db8:a{n}::1") for n, name in enumerate(("red", "blue"))]
    snats = [(name, f"10.{n}.0.2", f"2001:db8:a{n}::2") for n, name in enumerate(("red", "blue"))]
    world.router(
        "r1",
        ports,
        ("public", "203.0.113.10", "2001:db8:100::10"),
        sg=snats if shared else [],
        distributed=shared,
        snat_here=shared,
        snat=snat,
    )
    if shared:
        world.agent_gateway("public", "203.0.113.20", "2001:db8:100::20")
        world.leg("r1", "public")
    for number, name in enumerate(("red", "blue")):
        for host in (5, 7):
            address = f"2001:db8:a{number}::{host}"
            world.vm(f"{name}{host}", name, f"10.{number}.0.{host}", address)
    world.floating_ip("203.0.113.50", "public", "r1", "blue5", "10.1.0.5")
    for name, subnet in world.subnets.items():
        scope = scopes.get(name.partition("-")[0], "")
        world.subnets[name] = msgspec.structs.replace(subnet, address_scope=scope)
    return world


def _started(world: World) -> FakeKernel:
    kernel = started(world, "203.0.113.1/24", "2001:db8:100::1/64")
    for number in (0, 1):
        kernel.add_foreign_route(INTERNET, f"10.{number}.0.0/24", "eth0", via="203.0.113.10")
        kernel.add_foreign_route(INTERNET, f"2001:db8:a{number}::/64", "eth0", via="2001:db8:100::10")
    return kernel


def _dropped(kernel: FakeKernel, netns: str, dst: str) -> None:
    trace = send(kernel, netns, dst)
    assert not trace.delivered, explain(trace)


def test_one_scope_for_all_changes_nothing_inside() -> None:
    with_scope = compile_host(_site(False, snat=False, public="a", red="a", blue="a").view())
    assert with_scope == compile_host(_site(False, snat=False).view())


@SHARED
@SNAT
def test_subnets_of_one_scope_talk_and_of_two_do_not(shared: bool, snat: bool) -> None:
    kernel = _started(_site(shared, snat, public="a", red="a", blue="a"))
    assert talks(kernel, "red7", "10.1.0.7").packet.src == "10.0.0.7"
    kernel = _started(_site(shared, snat, public="a", red="a", blue="b"))
    for one, other in (("red7", "10.1.0.7"), ("blue7", "10.0.0.7"), ("red7", "2001:db8:a1::7")):
        _dropped(kernel, one, other)


@SHARED
def test_the_gateways_scope_goes_out_and_in_without_snat(shared: bool) -> None:
    kernel = _started(_site(shared, public="a", red="a", blue="b"))
    assert talks(kernel, "red7", "203.0.113.1").packet.src == "10.0.0.7"
    assert talks(kernel, INTERNET, "10.0.0.7").netns == "red7"
    assert talks(kernel, "blue7", "203.0.113.1").packet.src == "203.0.113.10"
    _dropped(kernel, INTERNET, "10.1.0.7")


@SHARED
@SNAT
def test_a_floating_ip_crosses_scopes(shared: bool, snat: bool) -> None:
    kernel = _started(_site(shared, snat, public="a", red="a", blue="b"))
    assert talks(kernel, "blue5", "203.0.113.1").packet.src == "203.0.113.50"
    assert talks(kernel, INTERNET, "203.0.113.50").netns == "blue5"


@SHARED
def test_another_scope_stays_inside_where_snat_is_off(shared: bool) -> None:
    kernel = _started(_site(shared, snat=False, public="a", red="a", blue="b"))
    assert talks(kernel, "red7", "203.0.113.1").packet.src == "10.0.0.7"
    _dropped(kernel, "blue7", "203.0.113.1")
    _dropped(kernel, INTERNET, "10.1.0.7")


@SHARED
@SNAT
def test_ipv6_of_another_scope_stays_inside(shared: bool, snat: bool) -> None:
    kernel = _started(_site(shared, snat, public="a", red="a", blue="b"))
    assert talks(kernel, "red7", "2001:db8:100::1").delivered
    assert talks(kernel, INTERNET, "2001:db8:a0::7").netns == "red7"
    _dropped(kernel, "blue7", "2001:db8:100::1")
    _dropped(kernel, INTERNET, "2001:db8:a1::7")


@SHARED
def test_no_scope_is_one_scope_that_snat_still_hides(shared: bool) -> None:
    kernel = _started(_site(shared, blue="b"))
    assert talks(kernel, "red7", "203.0.113.1").packet.src == "203.0.113.10"
    _dropped(kernel, "red7", "10.1.0.7")
