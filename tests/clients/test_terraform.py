"""What Terraform's provider asks, in its order: create, wait for the right status, read back, plan again.

The provider is not run here, its requests are.  It ends with an error where a status is none of those that
it waits for, and a second run that finds anything changed is a failure of ours.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
import pytest

from deuteron.lab.probe import ping
from tests.serve.running import Serving
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.kernel

#: What each resource of a configuration asks on creation, ``$NAME`` stands for the id of an earlier one.
CONFIGURATION: Final[tuple[tuple[str, str, dict[str, Any], tuple[str, ...]], ...]] = (
    (
        "net",
        "networks",
        # value_specs are merged into the body as the strings that a configuration has
        {"name": "tf-net", "admin_state_up": True, "shared": False, "mtu": "1400"},
        ("blue", "tf"),
    ),
    (
        "subnet",
        "subnets",
        {
            "name": "tf-subnet",
            "network_id": "$net",
            "cidr": "10.7.0.0/24",
            "ip_version": 4,
            "enable_dhcp": True,
            "dns_nameservers": ["192.0.2.53"],
            "allocation_pools": [{"start": "10.7.0.10", "end": "10.7.0.200"}],
        },
        ("tf",),
    ),
    (
        "router",
        "routers",
        {
            "name": "tf-router",
            "admin_state_up": True,
            "distributed": True,
            "external_gateway_info": {"network_id": "$public"},
        },
        (),
    ),
    (
        "port",
        "ports",
        {
            "name": "tf-port",
            "network_id": "$net",
            "admin_state_up": True,
            "fixed_ips": [{"subnet_id": "$subnet", "ip_address": "10.7.0.20"}],
        },
        ("tf",),
    ),
    # no_fixed_ip
    ("bare", "ports", {"name": "tf-bare", "network_id": "$net", "fixed_ips": []}, ()),
)
#: The provider looks at an interface for the first time after so many seconds; until then it may be DOWN.
FIRST_LOOK: Final = 5.0
#: The statuses that the provider's waiting takes for an end; whatever is in neither is an error to it.
TARGETS: Final = {
    "networks": ({"ACTIVE", "DOWN"}, {"BUILD"}),
    "subnets": ({""}, set()),
    "routers": ({"ACTIVE"}, {"BUILD", "PENDING_CREATE", "PENDING_UPDATE"}),
    "ports": ({"ACTIVE", "DOWN"}, {"BUILD"}),
    "floatingips": ({"ACTIVE", "DOWN"}, set()),
    "interface": ({"ACTIVE"}, {"BUILD", "PENDING_CREATE", "PENDING_UPDATE", "DOWN"}),
}


class Provider:
    """Requests as gophercloud makes them."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self.ids: dict[str, str] = {}

    def call(self, method: str, path: str, body: Any = None, *, ok: tuple[int, ...] = (200,)) -> Any:
        headers = {"Accept": "application/json", "X-Auth-Token": ""}
        answer = self._http.request(method, f"/v2.0/{path}", json=body, headers=headers)
        assert answer.status_code in ok, (method, path, body, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def filled(self, value: Any) -> Any:
        """The body with ids in place of names."""
        if isinstance(value, dict):
            return {key: self.filled(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.filled(one) for one in value]
        return self.ids[value[1:]] if isinstance(value, str) and value.startswith("$") else value

    def create(self, name: str, collection: str, body: dict[str, Any], tags: tuple[str, ...] = ()) -> None:
        singular = collection.removesuffix("s")
        made = self.call("POST", collection, {singular: self.filled(body)}, ok=(201,))[singular]
        self.ids[name] = made["id"]
        self.wait(collection, made["id"])
        if tags:
            self.call("PUT", f"{collection}/{made['id']}/tags", {"tags": list(tags)})

    def wait(self, collection: str, ident: str, kind: str = "") -> None:
        """Until the status is one that ends the waiting."""
        targets, pending = TARGETS[kind or collection]
        deadline = time.monotonic() + (FIRST_LOOK if kind == "interface" else PATIENCE)
        while (status := self.read(collection, ident).get("status", "")) not in targets:
            assert status in pending, f"unexpected state {status!r} of {kind or collection}"
            assert time.monotonic() < deadline, f"{kind or collection} stays {status}"
            time.sleep(0.05)

    def read(self, collection: str, ident: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"{collection}/{ident}")[collection.removesuffix("s")]
        return found

    def delete(self, collection: str, ident: str) -> None:
        """Delete, and wait for the 404; a 409 means to try again."""
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._http.delete(f"/v2.0/{collection}/{ident}")
            if answer.status_code != 409:
                break
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.05)
        assert answer.status_code == 204, answer.text
        gone = self.call("GET", f"{collection}/{ident}", ok=(404,))
        assert gone["NeutronError"]["message"].startswith(
            ("Network", "Subnet", "Port", "Router", "Floating IP")
        )


@contextmanager
def provider(serve: Serving) -> Iterator[Provider]:
    with httpx.Client(base_url=serve.said["listen"], trust_env=False) as http:
        yield Provider(http)


def make_public(tf: Provider) -> None:
    """The external network is the operator's, and a data source of the configuration."""
    body = {
        "name": "public",
        "router:external": True,
        "provider:network_type": "flat",
        "provider:physical_network": "physnet1",
    }
    made = tf.call("POST", "networks", {"network": body}, ok=(201,))["network"]
    subnet = {"network_id": made["id"], "cidr": "203.0.113.0/24", "ip_version": 4, "enable_dhcp": False}
    tf.call("POST", "subnets", {"subnet": subnet}, ok=(201,))
    (found,) = tf.call("GET", "networks?name=public&router%3Aexternal=true")["networks"]
    tf.ids["public"] = found["id"]


def apply(tf: Provider) -> None:
    make_public(tf)
    for name, collection, body, tags in CONFIGURATION:
        tf.create(name, collection, body, tags)
    joined = tf.call(
        "PUT", f"routers/{tf.ids['router']}/add_router_interface", {"subnet_id": tf.ids["subnet"]}
    )
    tf.ids["interface"] = joined["port_id"]
    tf.wait("ports", joined["port_id"], "interface")
    tf.create("fip", "floatingips", {"floating_network_id": "$public", "port_id": "$port"}, ("tf",))


def as_planned(tf: Provider) -> dict[str, Any]:
    """What a plan compares: each resource as it is read."""
    shown = {name: tf.read(collection, tf.ids[name]) for name, collection, *_ in CONFIGURATION}
    shown["fip"] = tf.read("floatingips", tf.ids["fip"])
    shown["interface"] = tf.read("ports", tf.ids["interface"])
    return shown


def test_apply_again_without_changes_and_destroy(serve: Serving) -> None:
    with provider(serve) as tf:
        apply(tf)
        shown = as_planned(tf)
        assert shown["net"]["mtu"] == 1400
        assert sorted(shown["net"]["tags"]) == ["blue", "tf"]
        assert shown["subnet"]["gateway_ip"] == "10.7.0.1"
        assert shown["subnet"]["dns_nameservers"] == ["192.0.2.53"]
        assert shown["bare"]["fixed_ips"] == []
        assert [one["ip_address"] for one in shown["port"]["fixed_ips"]] == ["10.7.0.20"]
        assert shown["interface"]["device_id"] == tf.ids["router"]
        assert len(shown["interface"]["fixed_ips"]) == 1, "more, and the provider cannot name the subnet"
        assert shown["fip"]["fixed_ip_address"] == "10.7.0.20"

        assert serve("port", "attach", "tf-port", "--netns", "vm1").status == 0
        assert serve("wait").status == 0
        assert ping("", shown["fip"]["floating_ip_address"], tries=3).ok

        again = as_planned(tf)
        moving = {"status", "updated_at", "revision_number", "port_details"}
        for name, before in shown.items():
            differing = {key for key in before if before[key] != again[name][key]}
            ours = {"binding:host_id", "binding:profile", "binding:vif_type"} if name == "port" else set()
            assert differing <= moving | ours, name

        change(tf)
        destroy(tf)
        assert serve("wait").status == 0
        assert not ping("", shown["fip"]["floating_ip_address"], patience=0.3).ok
        left = {name: tf.call("GET", name)[name] for name in ("routers", "floatingips", "ports", "subnets")}
        assert {name: len(found) for name, found in left.items()} == {
            "routers": 0,
            "floatingips": 0,
            "ports": 0,
            "subnets": 1,
        }


def change(tf: Provider) -> None:
    """Updates of single arguments, as a plan makes them of a changed configuration."""
    tf.call("PUT", f"networks/{tf.ids['net']}", {"network": {"description": "blue"}})
    tf.call("PUT", f"networks/{tf.ids['net']}/tags", {"tags": ["tf"]})
    assert tf.read("networks", tf.ids["net"])["tags"] == ["tf"]
    route = {"destination": "192.168.7.0/24", "nexthop": "10.7.0.20"}
    tf.call("PUT", f"routers/{tf.ids['router']}", {"router": {"routes": [route]}})
    assert tf.read("routers", tf.ids["router"])["routes"] == [route]
    tf.call("PUT", f"routers/{tf.ids['router']}", {"router": {"routes": []}})
    tf.call("PUT", f"floatingips/{tf.ids['fip']}", {"floatingip": {"port_id": None}})
    assert tf.read("floatingips", tf.ids["fip"])["fixed_ip_address"] is None


def destroy(tf: Provider) -> None:
    """In the other direction, each gone before the next."""
    tf.delete("floatingips", tf.ids["fip"])
    body = {"subnet_id": tf.ids["subnet"], "port_id": tf.ids["interface"]}
    tf.call("PUT", f"routers/{tf.ids['router']}/remove_router_interface", body)
    tf.call("GET", f"ports/{tf.ids['interface']}", ok=(404,))
    for name, collection, *_ in reversed(CONFIGURATION):
        tf.delete(collection, tf.ids[name])


def test_the_data_sources_find_by_what_they_name(serve: Serving) -> None:
    with provider(serve) as tf:
        apply(tf)
        asked = {
            "networks?name=tf-net&status=ACTIVE&tags=blue%2Ctf": "net",
            "subnets?name=tf-subnet&cidr=10.7.0.0%2F24&ip_version=4&dhcp_enabled=true": None,
            f"subnets?network_id={tf.ids['net']}&enable_dhcp=true&tags=tf": "subnet",
            f"ports?fixed_ips=ip_address%3D10.7.0.20&network_id={tf.ids['net']}": "port",
            f"ports?device_id={tf.ids['router']}&fixed_ips=subnet_id%3D{tf.ids['subnet']}"
            "&device_owner=network%3Arouter_interface_distributed": "interface",
            "routers?name=tf-router&admin_state_up=true": "router",
            "routers?name=tf-router&distributed=true": None,
            f"floatingips?port_id={tf.ids['port']}": "fip",
        }
        for path, name in asked.items():
            if name is None:
                tf.call("GET", path, ok=(400,))  # no filter, of Neutron neither: refused, never ignored
                continue
            collection = path.partition("?")[0]
            found = tf.call("GET", path)[collection]
            assert [one["id"] for one in found] == [tf.ids[name]], path
