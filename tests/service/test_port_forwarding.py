"""Port forwardings, over a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deuteron.resources import refusal
from tests.service.router_world import ADMIN, ALICE, BOB, Cloud, cloud


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Cloud]:
    yield from cloud(tmp_path)


class Place:
    """A floating IP, a router and a port behind it, all of Alice's."""

    def __init__(self, world: Cloud, **router: Any) -> None:
        self.world = world
        self.outside = world.outside()
        self.router = world.router(self.outside, ADMIN, project_id="alice", **router)
        self.subnet = world.inside()
        world.joined(self.router, self.subnet)
        self.port = world.instance(self.subnet)
        self.floating = self.another()

    def another(self, **given: Any) -> Any:
        return self.world.create("floatingips", floating_network_id=self.outside.id, **given)

    def forward(self, floating: Any = None, caller: Any = ALICE, **given: Any) -> Any:
        wanted = {
            "protocol": "tcp",
            "external_port": 2222,
            "internal_port": 22,
            "internal_port_id": self.port.id,
            "internal_ip_address": self.port.fixed_ips[0].ip_address,
        } | given
        parent = (floating or self.floating).id
        told = {name: value for name, value in wanted.items() if value is not None}
        return self.world.create("port_forwardings", caller, parent=parent, **told)


@pytest.fixture
def place(world: Cloud) -> Place:
    return Place(world)


def test_a_rule_brings_the_floating_ip_to_its_router(world: Cloud, place: Place) -> None:
    rule = place.forward(description="ssh")

    assert (rule.protocol, rule.external_port, rule.internal_port) == ("tcp", 2222, 22)
    assert (rule.external_port_range, rule.internal_port_range) == ("2222:2222", "22:22")
    assert (rule.internal_port_id, rule.description) == (place.port.id, "ssh")
    floating = world.get("floatingips", place.floating)
    assert (floating.router_id, floating.port_id) == (place.router.id, None)
    assert [one["id"] for one in floating.port_forwardings] == [rule.id]


def test_with_the_last_rule_the_floating_ip_leaves_its_router(world: Cloud, place: Place) -> None:
    one, other = place.forward(), place.forward(external_port=80, internal_port=80)

    world.delete("port_forwardings", one)
    assert world.get("floatingips", place.floating).router_id == place.router.id
    world.delete("port_forwardings", other)
    assert world.get("floatingips", place.floating).router_id is None


def test_an_outer_port_leads_to_one_place(world: Cloud, place: Place) -> None:
    place.forward()

    with pytest.raises(refusal.BadRequest) as refused:
        place.forward(internal_port=23)

    assert refused.value.message == (
        "Bad port_forwarding request: There is a port collision with the external_port_range. "
        "The following ranges collide: 2222:2222 and 2222:2222."
    )
    assert place.forward(protocol="udp", internal_port=23).protocol == "udp"


def test_an_inner_port_is_led_to_once(world: Cloud, place: Place) -> None:
    place.forward()

    with pytest.raises(refusal.BadRequest, match="port collision with the internal_port_range"):
        place.forward(external_port=2223)
    with pytest.raises(refusal.BadRequest, match="port collision with the internal_port_range"):
        place.forward(place.another())


def test_a_range_leads_to_a_range_and_collides_anywhere_in_it(world: Cloud, place: Place) -> None:
    single = {"external_port": None, "internal_port": None}
    rule = place.forward(**single, external_port_range="80:89", internal_port_range="180:189")

    assert (rule.external_port, rule.internal_port) == (None, None)
    assert (rule.external_port_range, rule.internal_port_range) == ("80:89", "180:189")
    with pytest.raises(refusal.BadRequest, match="ranges collide: 80:89 and 85:85"):
        place.forward(external_port=85, internal_port=22)
    with pytest.raises(refusal.BadRequest, match="ranges collide: 180:189 and 189:189"):
        place.forward(external_port=90, internal_port=189)

    rule = world.update("port_forwardings", rule, external_port=443, internal_port=444)
    assert (rule.external_port, rule.external_port_range) == (443, "443:443")


def test_a_rule_is_led_to_another_port(world: Cloud, place: Place) -> None:
    rule, other = place.forward(), world.instance(place.subnet)

    rule = world.update("port_forwardings", rule, internal_port_id=other.id)

    assert (rule.internal_port_id, rule.internal_ip_address) == (other.id, other.fixed_ips[0].ip_address)


def test_a_changed_rule_does_not_collide_with_itself_but_with_others(world: Cloud, place: Place) -> None:
    rule, other = place.forward(), place.forward(external_port=80, internal_port=80)

    rule = world.update("port_forwardings", rule, external_port=2222, description="same")
    assert rule.description == "same"
    rule = world.update("port_forwardings", rule, external_port=443)
    assert (rule.external_port, rule.external_port_range, rule.internal_port) == (443, "443:443", 22)

    with pytest.raises(refusal.BadRequest, match="port collision with the external_port_range"):
        world.update("port_forwardings", rule, external_port=80)
    with pytest.raises(refusal.BadRequest, match="port collision with the internal_port_range"):
        world.update("port_forwardings", rule, internal_port=80)
    assert world.get("port_forwardings", other).external_port == 80


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"protocol": "sctp"}, "protocol sctp is not forwarded here"),
        ({"protocol": "icmp"}, "protocol icmp is not forwarded here"),
        ({"external_port": None, "external_port_range": "1:2000"}, "a range has at most 1024 ports"),
        ({"internal_port": None, "internal_port_range": "80:90"}, "must be N-N or 1-N"),
        ({"external_port": None}, "external_port is missing"),
        ({"internal_ip_address": "10.0.0.200"}, "is not suitable for internal neutron port"),
    ],
)
def test_what_the_data_path_does_not_forward_is_refused(
    world: Cloud, place: Place, given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(refusal.BadRequest, match=sentence):
        place.forward(**given)

    assert world.get("floatingips", place.floating).router_id is None


def test_a_floating_ip_with_a_port_of_its_own_does_not_forward(world: Cloud, place: Place) -> None:
    other = world.instance(place.subnet)
    floating = place.another(port_id=other.id)

    with pytest.raises(refusal.FloatingIPPortAlreadyAssociated):
        place.forward(floating)


def test_a_floating_ip_that_forwards_has_no_port_of_its_own(world: Cloud, place: Place) -> None:
    place.forward()

    with pytest.raises(refusal.FipInUseByPortForwarding) as refused:
        world.update("floatingips", place.floating, port_id=world.instance(place.subnet).id)
    assert refused.value.message == f"Floating IP {place.floating.id} in use by Port Forwarding resources."
    with pytest.raises(refusal.FipInUseByPortForwarding):
        world.delete("floatingips", place.floating)


def test_describing_a_floating_ip_that_forwards_leaves_its_router(world: Cloud, place: Place) -> None:
    place.forward()

    assert world.update("floatingips", place.floating, description="x").router_id == place.router.id
    assert world.update("floatingips", place.floating, port_id=None).router_id == place.router.id


def test_a_port_with_a_floating_ip_is_not_forwarded_to(world: Cloud, place: Place) -> None:
    own = place.another(port_id=place.port.id)

    with pytest.raises(refusal.PortHasBindingFloatingIP) as refused:
        place.forward()

    assert refused.value.message == (
        f"Cannot create port forwarding to floating IP {own.floating_ip_address} ({own.id}) with port "
        f"{place.port.id} using fixed IP {own.fixed_ip_address}, "
        "as that port already has a binding floating IP."
    )


def test_on_a_distributed_router_a_forwarded_port_gets_no_floating_ip(world: Cloud) -> None:
    place = Place(world, distributed=True)
    place.forward()

    with pytest.raises(refusal.PortHasPortForwarding):
        place.another(port_id=place.port.id)


def test_a_router_with_a_port_that_has_both_does_not_become_distributed(world: Cloud, place: Place) -> None:
    place.forward()
    place.another(port_id=place.port.id)  # A centralised router can do that.
    world.update("routers", place.router, admin_state_up=False)

    with pytest.raises(refusal.BadRequest, match="which a distributed router cannot do at once"):
        world.update("routers", place.router, ADMIN, distributed=True)


def test_all_rules_of_a_floating_ip_are_on_one_router(world: Cloud, place: Place) -> None:
    place.forward()
    subnet = world.inside("10.7.0.0/24")
    world.joined(world.router(place.outside), subnet)
    far = world.instance(subnet)

    with pytest.raises(refusal.BadRequest, match=f"had been set on router {place.router.id}"):
        place.forward(
            external_port=80, internal_port_id=far.id, internal_ip_address=far.fixed_ips[0].ip_address
        )


def test_a_port_out_of_reach_is_not_forwarded_to(world: Cloud, place: Place) -> None:
    far = world.instance(world.inside("10.7.0.0/24"))

    with pytest.raises(refusal.BadRequest, match="is not reachable from subnet"):
        place.forward(internal_port_id=far.id, internal_ip_address=far.fixed_ips[0].ip_address)


def test_another_projects_port_is_not_forwarded_to(world: Cloud, place: Place) -> None:
    world.update("networks", world.get("networks", place.subnet.network_id), ADMIN, shared=True)
    guest = world.instance(place.subnet, BOB)
    given = {"internal_port_id": guest.id, "internal_ip_address": guest.fixed_ips[0].ip_address}

    with pytest.raises(refusal.BadRequest, match="owned by a different project"):
        place.forward(**given)
    with pytest.raises(refusal.PortNotFound):
        place.forward(internal_port_id=str(uuid4()))


def test_a_deleted_port_takes_its_rules_along(world: Cloud, place: Place) -> None:
    place.forward()

    world.delete("ports", place.port)

    assert world.find("port_forwardings") == []
    assert world.get("floatingips", place.floating).router_id is None


def test_a_readdressed_port_loses_the_rules_to_its_old_address(world: Cloud, place: Place) -> None:
    place.forward()

    world.update("ports", place.port, fixed_ips=[{"ip_address": "10.0.0.77"}])

    assert world.find("port_forwardings") == []


def test_an_interface_that_a_rule_needs_stays(world: Cloud, place: Place) -> None:
    place.forward()

    with pytest.raises(refusal.RouterInterfaceInUseByFloatingIP):
        world.act("remove_router_interface", place.router, subnet_id=place.subnet.id)
