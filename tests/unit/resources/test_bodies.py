"""What a body may look like, and what is shown of a resource."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deuteron.resources import RESOURCES
from deuteron.resources.network import NETWORK, Network
from deuteron.resources.port import PORT
from deuteron.resources.quota import QUOTA
from deuteron.resources.refusal import BadRequest, InvalidInput, Refusal
from deuteron.resources.resource import decode_bulk, decode_post, decode_put, is_bulk, render
from deuteron.resources.router import ROUTER
from deuteron.resources.subnet import SUBNET
from deuteron.resources.tag import decode_tags
from deuteron.resources.values import FixedIp, GatewayInfo

ID = "7a2f0f7e-1cfd-4f0a-9a0e-3a5b3c1e9f11"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


def refused(body: object, resource: Any = NETWORK, decode: Any = decode_post) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        decode(resource, body)
    return caught.value.type, caught.value.message


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (None, "Resource body required"),
        ({}, "Resource body required"),
        ([1], "Body contains invalid data"),
        ({"subnet": {}}, "Unable to find 'network' in request body"),
        ({"network": "x"}, "Object 'network' contains invalid data"),
        ({"network": {"colour": 1, "age": 2}}, "Unrecognized attribute(s) 'age, colour'"),
        ({"network": {"id": ID}}, "Attribute 'id' not allowed in POST"),
        ({"network": {"project_id": "a", "tenant_id": "b"}}, "'project_id' and 'tenant_id' do not match"),
    ],
)
def test_a_body_of_another_form_is_refused_as_neutron_does(body: object, sentence: str) -> None:
    assert refused(body) == ("HTTPBadRequest", sentence)


def test_a_required_attribute_is_asked_for() -> None:
    sentence = "Failed to parse request. Required attribute 'ip_version' not specified"
    assert refused({"subnet": {"network_id": ID}}, SUBNET) == ("HTTPBadRequest", sentence)


def test_a_read_only_attribute_is_not_updated() -> None:
    body = {"port": {"network_id": ID}}
    assert refused(body, PORT, decode_put)[1] == "Cannot update read-only attribute network_id"
    assert refused({"port": {"tenant_id": "p"}}, PORT, decode_put)[1].endswith("attribute tenant_id")


@pytest.mark.parametrize(
    ("resource", "name", "value"),
    [
        (PORT, "security_groups", []),
        (PORT, "port_security_enabled", True),
        (PORT, "allowed_address_pairs", []),
        (PORT, "extra_dhcp_opts", []),
        (NETWORK, "port_security_enabled", True),
        (NETWORK, "qos_policy_id", None),
        (NETWORK, "dns_domain", ""),
        (ROUTER, "flavor_id", None),
    ],
)
def test_what_does_not_work_yet_is_refused_and_not_ignored(resource: Any, name: str, value: object) -> None:
    given = {"network_id": ID, name: value} if resource is PORT else {name: value}
    assert refused({resource.name: given}, resource)[1] == f"Unrecognized attribute(s) '{name}'"


def test_a_highly_available_router_is_refused_and_one_that_is_not_is_taken() -> None:
    assert decode_post(ROUTER, {"router": {"ha": False}}) == {"ha": False}
    assert decode_post(ROUTER, {"router": {"ha": None}}) == {"ha": None}
    assert refused({"router": {"ha": True}}, ROUTER)[0] == "InvalidInput"


def test_what_is_given_is_converted_and_nothing_is_added() -> None:
    body = {"network": {"name": "n", "router:external": "yes", "mtu": "1400", "tenant_id": "p"}}
    given = decode_post(NETWORK, body)
    assert given == {"project_id": "p", "name": "n", "router:external": True, "mtu": 1400}
    assert NETWORK.values(given)["router_external"] is True
    assert body == {"network": {"name": "n", "router:external": "yes", "mtu": "1400", "tenant_id": "p"}}


def test_what_no_resource_keeps_is_decoded_and_is_no_value_of_it() -> None:
    given = decode_post(SUBNET, {"subnet": {"network_id": ID, "ip_version": 4, "prefixlen": 26}})
    assert given["prefixlen"] == 26
    assert SUBNET.values(given) == {"network_id": ID, "ip_version": 4}


def test_several_are_decoded_at_once_wrapped_or_not() -> None:
    body = {"networks": [{"name": "a"}, {"network": {"name": "b"}}]}
    assert is_bulk(NETWORK, body)
    assert decode_bulk(NETWORK, body) == [{"name": "a"}, {"name": "b"}]
    assert refused({"networks": []}, NETWORK, decode_bulk)[1] == "Resources required"
    assert refused({"networks": "ab"}, NETWORK, decode_bulk)[1] == "Object 'network' contains invalid data"
    assert refused({"networks": [None]}, NETWORK, decode_bulk)[1] == "Body contains invalid data"
    assert refused({"quotas": [{}]}, QUOTA, decode_bulk)[1] == "Bulk operation not supported"


def test_a_resource_is_shown_with_both_names_of_its_project() -> None:
    network = Network(id=ID, project_id="p", name="n", router_external=True, tags=("a", "b"))
    shown = render(NETWORK, network)
    assert shown["tenant_id"] == shown["project_id"] == "p"
    assert shown["router:external"] is True
    assert msgspec.json.decode(msgspec.json.encode(shown))["tags"] == ["a", "b"]


def test_only_the_asked_fields_are_shown() -> None:
    network = Network(id=ID, project_id="p", name="n")
    assert render(NETWORK, network, frozenset({"name"})) == {"name": "n"}
    assert render(NETWORK, network, frozenset({"tenant_id", "name"})) == {"name": "n", "tenant_id": "p"}
    assert render(NETWORK, network, frozenset({"nothing"})) == {}


def test_what_is_invisible_is_never_shown() -> None:
    subnet = SUBNET.model(id=ID, network_id=ID, ip_version=4, cidr="10.0.0.0/24")
    assert "shared" not in render(SUBNET, subnet)
    assert render(SUBNET, subnet, frozenset({"shared", "prefixlen"})) == {}


def test_a_gateway_keeps_what_it_does_not_say_apart_from_what_it_says() -> None:
    given = decode_put(ROUTER, {"router": {"external_gateway_info": {"network_id": ID}}})
    assert given["external_gateway_info"] == GatewayInfo(ID)
    assert msgspec.to_builtins(given["external_gateway_info"]) == {"network_id": ID}


def test_addresses_are_kept_in_their_short_form() -> None:
    body = {
        "port": {
            "network_id": ID,
            "mac_address": "FA-16-3E-0-0-1",
            "fixed_ips": [{"ip_address": "2001:DB8:0::1"}],
        }
    }
    given = decode_post(PORT, body)
    assert given["mac_address"] == "fa:16:3e:00:00:01"
    assert given["fixed_ips"] == (FixedIp("", "2001:db8::1"),)


def test_the_same_address_spelt_twice_is_a_duplicate() -> None:
    twice = [{"ip_address": "2001:db8::1"}, {"ip_address": "2001:DB8:0::1"}]
    assert refused({"port": {"network_id": ID, "fixed_ips": twice}}, PORT)[1].startswith(
        "Invalid input for fixed_ips"
    )


def test_the_bits_of_a_host_are_taken_off_a_subnet() -> None:
    body = {"subnet": {"network_id": ID, "ip_version": 4, "cidr": "10.1.2.3/24"}}
    assert decode_post(SUBNET, body)["cidr"] == "10.1.2.0/24"


def test_tags_are_sorted_different_and_not_too_many() -> None:
    assert decode_tags({"tags": ["b", "a"]}) == ("a", "b")
    with pytest.raises(InvalidInput, match="Duplicate items"):
        decode_tags({"tags": ["a", "a"]})
    with pytest.raises(BadRequest, match="per-resource limit of 50"):
        decode_tags({"tags": [str(one) for one in range(51)]})
    with pytest.raises(InvalidInput, match="Invalid tags body"):
        decode_tags(["a"])


@pytest.mark.parametrize("collection", sorted(RESOURCES))
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_whatever_a_body_holds_is_decoded_or_refused_with_400(collection: str, data: st.DataObject) -> None:
    resource = RESOURCES[collection]
    given = data.draw(st.dictionaries(st.sampled_from(sorted(resource.attributes)), JSON, max_size=5))
    for decode in (decode_post, decode_put):
        with contextlib.suppress(BadRequest):
            msgspec.json.encode(list(decode(resource, {resource.name: given}).values()))


def test_deep_and_endless_values_are_refused_briefly() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    for value in (deep, "9" * 100_000, {"a": deep}):
        for name in ("name", "mtu", "admin_state_up", "availability_zone_hints"):
            assert len(refused({"network": {name: value}})[1]) < 2500


def test_half_a_character_is_no_text() -> None:
    assert refused({"network": {"description": "a\ud800"}})[1].endswith("is not a valid string.")
