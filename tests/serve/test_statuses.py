"""A port, a router and a floating IP are what the kernel says, with a reason, and back."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deuteron.apply.engine import verify
from deuteron.feed.wire import Item
from deuteron.resources import RESOURCES
from tests.serve.test_from_store_to_kernel import Served, _world
from tests.service.router_world import ADMIN


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.close()


def shown(served: Served, collection: str, value: Any) -> str:
    return str(served.cloud.get(collection, value).status)


def reasons(served: Served) -> dict[str, str]:
    """As ``deuteron wait`` names them: what is not as wanted, and why."""
    return {one.unit.partition("/")[0]: one.code for one in served.link.settled(0.0).failed}


def look_again(served: Served) -> None:
    """What the agent does at each interval, and when a unit in quarantine is due."""
    report = served.agent.begin(served.agent.revision, served.view())
    served.link.tell(report.revision, report.items)
    served.follow()


def test_a_port_is_down_until_its_instance_is_there(served: Served) -> None:
    _, inside, _ = _world(served.cloud)
    port = served.cloud.instance(inside)
    served.follow()
    assert (shown(served, "ports", port), reasons(served)) == ("DOWN", {})
    served.link.attach(port.id, netns="late")
    served.follow()
    assert (shown(served, "ports", port), reasons(served)) == ("DOWN", {"port": "no-such-namespace"})
    served.kernel.add_instance_netns("late")
    look_again(served)
    assert (shown(served, "ports", port), reasons(served)) == ("ACTIVE", {})
    served.link.detach(port.id)
    served.follow()
    assert (shown(served, "ports", port), reasons(served)) == ("DOWN", {})


def test_an_instance_that_goes_takes_the_status_of_its_port_with_it(served: Served) -> None:
    _, inside, _ = _world(served.cloud)
    port = served.cloud.instance(inside)
    served.link.attach(port.id, netns="vm1")
    served.follow()
    assert shown(served, "ports", port) == "ACTIVE"
    served.kernel.remove_netns("vm1")
    look_again(served)
    assert (shown(served, "ports", port), reasons(served)) == ("DOWN", {"port": "no-such-namespace"})


def test_the_ports_of_a_router_are_what_the_kernel_has_of_it(served: Served) -> None:
    def of_the_router() -> dict[str, str]:
        ports = served.cloud.do(lambda unit: unit.find(RESOURCES["ports"], device_id=[router.id]))
        return {one.device_owner.removeprefix("network:router_"): one.status for one in ports}

    _, _, router = _world(served.cloud)
    assert set(of_the_router().values()) == {"DOWN"}
    served.follow()
    every = {"interface_distributed", "centralized_snat", "gateway"}
    assert of_the_router() == dict.fromkeys(every, "ACTIVE")
    served.cloud.update("routers", router, ADMIN, admin_state_up=False)
    served.follow()
    assert of_the_router() == dict.fromkeys(every, "DOWN"), "nothing of it is there"


def test_without_the_bridge_of_its_physical_network_a_router_is_down(served: Served) -> None:
    served.kernel.remove_link("", "br-ex")
    outside, inside, router = _world(served.cloud)
    port = served.cloud.instance(inside)
    served.link.attach(port.id, netns="vm1")
    floating = served.cloud.create("floatingips", floating_network_id=outside.id, port_id=port.id)
    served.follow()
    assert shown(served, "ports", port) == "ACTIVE", "it needs no bridge of the host's"
    assert shown(served, "routers", router) == "DOWN"
    assert shown(served, "floatingips", floating) == "DOWN"
    assert "no-such-bridge" in reasons(served).values()
    served.kernel.add_host_bridge("br-ex")
    look_again(served)
    assert reasons(served) == {}
    assert shown(served, "routers", router) == "ACTIVE"
    assert shown(served, "floatingips", floating) == "ACTIVE"


def test_what_the_kernel_refuses_is_an_error_until_it_takes_it(served: Served) -> None:
    outside, inside, router = _world(served.cloud)
    port = served.cloud.instance(inside)
    served.link.attach(port.id, netns="vm1")
    first = served.cloud.create("floatingips", floating_network_id=outside.id, port_id=port.id)
    served.follow()
    assert shown(served, "floatingips", first) == "ACTIVE"
    other = served.cloud.instance(inside)
    served.kernel.fail("create route", errno.ENOMEM, times=100)
    second = served.cloud.create("floatingips", floating_network_id=outside.id, port_id=other.id)
    served.follow()
    assert shown(served, "floatingips", second) == "ERROR"
    assert shown(served, "routers", router) == "ERROR"
    assert reasons(served)["router"] == "kernel-refused"
    served.kernel.forgive()
    look_again(served)
    assert reasons(served) == {}
    assert shown(served, "floatingips", second) == "ACTIVE"
    assert shown(served, "routers", router) == "ACTIVE"


def test_what_nothing_is_on_is_active_and_makes_nothing(served: Served) -> None:
    before = len(served.kernel.log)
    inside, router = served.cloud.inside(), served.cloud.router(caller=ADMIN, distributed=True)
    served.cloud.instance(inside)
    served.follow()
    network = served.cloud.get("networks", inside.network_id)
    assert not served.agent.model.names()
    assert served.kernel.log[before:] == []
    assert (network.status, shown(served, "routers", router), reasons(served)) == ("ACTIVE", "ACTIVE", {})
    served.cloud.joined(router, inside, ADMIN)
    served.follow()
    assert served.agent.model.names() == {f"network/{inside.network_id}", f"router/{router.id}"}
    assert shown(served, "routers", router) == "ACTIVE"
    served.cloud.act("remove_router_interface", router, ADMIN, subnet_id=inside.id)
    served.follow()
    assert not served.agent.model.names()
    assert verify(served.kernel, served.agent.model.wanted).none
    assert shown(served, "routers", router) == "ACTIVE"


@pytest.mark.parametrize("away", [False, True], ids=["followed", "looked at anew"])
def test_a_router_that_failed_is_active_once_nothing_is_on_it(served: Served, away: bool) -> None:
    """Be it that the agent hears of it, or that it finds a view without anything on the router."""
    inside, router = served.cloud.inside(), served.cloud.router(caller=ADMIN)
    served.cloud.joined(router, inside, ADMIN)
    served.kernel.fail("create veth", errno.ENOMEM, times=100)
    served.follow()
    assert shown(served, "routers", router) == "ERROR"
    served.kernel.forgive()
    served.cloud.act("remove_router_interface", router, ADMIN, subnet_id=inside.id)
    if away:
        look_again(served)
    else:
        served.follow()
    assert (shown(served, "routers", router), reasons(served)) == ("ACTIVE", {})


def test_a_router_that_cannot_be_held_keeps_the_network_that_it_is_on(served: Served) -> None:
    inside, router = served.cloud.inside(), served.cloud.router(caller=ADMIN)
    served.cloud.joined(router, inside, ADMIN)
    served.follow()
    steps = len(served.kernel.log)
    flat = {"provider__network_type": "flat", "provider__physical_network": "physnet9"}
    odd = served.cloud.create("networks", ADMIN, name="odd", router__external=True, **flat)
    served.cloud.create("subnets", ADMIN, network_id=odd.id, ip_version=4, cidr="198.51.100.0/24")
    served.cloud.update("routers", router, ADMIN, external_gateway_info={"network_id": odd.id})
    served.follow()
    assert (shown(served, "routers", router), reasons(served)) == ("ERROR", {"router": "no-bridge-mapping"})
    assert served.kernel.log[steps:] == [], "what this host has of it stays as it is"
    served.cloud.update("routers", router, ADMIN, external_gateway_info=None)
    served.follow()
    assert (shown(served, "routers", router), reasons(served)) == ("ACTIVE", {})
    assert served.kernel.log[steps:] == []


def test_a_thousand_states_are_read_by_as_many_statements_as_one(served: Served) -> None:
    """The states of a restart are those that are there: nothing is written, and little is asked."""
    _, inside, _ = _world(served.cloud)
    items = [Item(unit=f"port/{served.cloud.instance(inside).id}", state="gone") for _ in range(12)]
    served.follow()
    costs = []
    for some in (items[:1], items):
        before = served.cloud.store.statements, served.cloud.store.written
        served.link.tell(served.agent.revision, tuple(some))
        costs.append((served.cloud.store.statements - before[0], served.cloud.store.written - before[1]))
    assert costs[0] == costs[1]
    assert costs[0][1] == 0
