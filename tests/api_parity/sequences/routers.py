"""Routers: made, changed, their interfaces, gateways and routes, and what is refused."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.api_parity.asking import NOBODY, Ask
from tests.api_parity.record import Recorder


class Ground(NamedTuple):
    """An external network with its subnet, an inner one with its own."""

    outside: str
    out: str
    net: str
    inner: str


def ground(ask: Ask) -> Ground:
    outside = ask.make("networks", **{"name": "outside", "router:external": True})["id"]
    out = ask.subnet(outside, "203.0.113.0/24", enable_dhcp=False)["id"]
    net = ask.make("networks", name="inside")["id"]
    return Ground(outside, out, net, ask.subnet(net, "10.0.0.0/24")["id"])


def cleared(ask: Ask, at: Ground) -> None:
    ask.delete("networks", at.outside, at.net)


def routers(recorder: Recorder) -> None:
    admin, alpha = Ask(recorder), Ask(recorder, "alpha")
    at = ground(admin)
    plain = admin.make("routers", name="plain")["id"]
    full = admin.make(
        "routers",
        name="full",
        description="with all",
        admin_state_up=False,
        external_gateway_info={
            "network_id": at.outside,
            "enable_snat": False,
            "external_fixed_ips": [{"subnet_id": at.out, "ip_address": "203.0.113.9"}],
        },
    )["id"]
    own = alpha.make("routers", name="own", external_gateway_info={"network_id": at.outside})["id"]
    for one in (plain, full, own):
        admin.get(f"routers/{one}")
    alpha.get("routers")
    alpha.get(f"routers/{plain}")
    for query in (
        "",
        "?name=full&fields=name",
        "?admin_state_up=False&fields=name",
        "?sort_key=name&limit=2&fields=name",
        "?ha=False&fields=name",
        "?distributed=False&fields=name",
        "?status=ACTIVE&fields=name",
        "?enable_snat=False",
        "?nonsense=1",
        "?external_gateway_info=x",
    ):
        admin.get(f"routers{query}")
    _gateway(admin, plain, at)
    _interfaces(admin, plain, at)
    _routes(admin, plain)
    alpha.put("routers", own, name="mine")
    alpha.put("routers", own, external_gateway_info={"network_id": at.outside, "enable_snat": False})
    alpha.put(
        "routers",
        own,
        external_gateway_info={
            "network_id": at.outside,
            "external_fixed_ips": [{"ip_address": "203.0.113.77"}],
        },
    )
    alpha.put("routers", plain, name="x")
    alpha.delete("routers", plain)
    alpha.to("PUT", f"routers/{own}/add_router_interface", {"subnet_id": at.inner})
    admin.delete("routers", plain)
    admin.to("PUT", f"routers/{plain}/remove_router_interface", {"subnet_id": at.inner})
    admin.delete("routers", plain, full, own, plain)
    admin.get("ports?fields=device_owner")
    cleared(admin, at)


def _gateway(ask: Ask, router: str, at: Ground) -> None:
    for info in (
        {"network_id": at.outside},
        {"network_id": at.outside, "enable_snat": False},
        {"network_id": at.outside, "external_fixed_ips": [{"ip_address": "203.0.113.20"}]},
        {"network_id": at.outside, "external_fixed_ips": [{"subnet_id": at.out}]},
        {},
        {"network_id": at.outside, "enable_snat": True},
        None,
        {"network_id": at.outside},
    ):
        ask.put("routers", router, external_gateway_info=info)
    ask.get(f"ports?device_id={router}")
    ask.get(f"routers/{router}")
    ask.put("routers", router, name="renamed", description="d", admin_state_up=False)
    ask.put("routers", router, admin_state_up=True)


def _interfaces(ask: Ask, router: str, at: Ground) -> None:
    body: Any
    path = f"routers/{router}"
    ask.to("PUT", f"{path}/add_router_interface", {"subnet_id": at.inner})
    ask.get(f"ports?device_owner=network:router_interface&device_id={router}")
    ask.get(path)
    second = ask.make("networks", name="second")["id"]
    ask.subnet(second, "10.1.0.0/24")
    port = ask.make("ports", network_id=second, fixed_ips=[{"ip_address": "10.1.0.9"}], name="leg")["id"]
    ask.to("PUT", f"{path}/add_router_interface", {"port_id": port})
    ask.get(f"ports/{port}")
    ask.delete("ports", port)
    ask.put("ports", port, fixed_ips=[{"ip_address": "10.1.0.10"}])
    ask.to("PUT", f"{path}/remove_router_interface", {"port_id": port})
    ask.get(f"ports/{port}")
    clash = ask.make("networks", name="clash")["id"]
    overlapping = ask.subnet(clash, "10.0.0.0/25")["id"]
    bare = ask.subnet(clash, "10.8.0.0/24", gateway_ip=None)["id"]
    six = ask.subnet(clash, "2001:db8:1::/64")["id"]
    several = ask.make(
        "ports", network_id=clash, fixed_ips=[{"subnet_id": overlapping}, {"subnet_id": bare}]
    )["id"]
    empty = ask.make("ports", network_id=clash, fixed_ips=[])["id"]
    for body in (
        {"subnet_id": at.inner},
        {"subnet_id": overlapping},
        {"subnet_id": bare},
        {"subnet_id": NOBODY},
        {"subnet_id": "nonsense"},
        {"port_id": NOBODY},
        {"port_id": several},
        {"port_id": empty},
        {"subnet_id": at.inner, "port_id": several},
        {},
        {"nonsense": 1},
        [],
        "text",
        {"subnet_id": at.out},
    ):
        ask.to("PUT", f"{path}/add_router_interface", body)
    ask.to("PUT", f"{path}/remove_router_interface", {"subnet_id": at.out})
    ask.to("PUT", f"{path}/add_router_interface", {"subnet_id": six})
    ask.to("PUT", f"{path}/remove_router_interface", {"subnet_id": six})
    for body in (
        {"subnet_id": overlapping},
        {"port_id": several},
        {"port_id": NOBODY},
        {"subnet_id": NOBODY},
        {},
        {"subnet_id": at.inner, "port_id": several},
    ):
        ask.to("PUT", f"{path}/remove_router_interface", body)
    ask.to("PUT", f"routers/{NOBODY}/add_router_interface", {"subnet_id": at.inner})
    ask.delete("subnets", at.inner)
    ask.delete("networks", at.net)
    ask.delete("ports", several, empty)
    ask.delete("networks", second, clash)


def _routes(ask: Ask, router: str) -> None:
    path = f"routers/{router}"
    one, two = ({"destination": f"10.{n}.0.0/16", "nexthop": "10.0.0.5"} for n in (20, 21))
    for routes in (
        [one],
        [one, two],
        [],
        [one, one],
        [{"destination": "10.20.0.0/16"}],
        [{"destination": "nonsense", "nexthop": "10.0.0.5"}],
        [{"destination": "10.20.0.0/16", "nexthop": "192.0.2.1"}],
        [{"destination": "10.20.0.0/16", "nexthop": "nonsense"}],
        [{"destination": "10.20.0.0/16", "nexthop": "10.0.0.1"}],
        [{"destination": "10.20.0.0/16", "nexthop": "10.0.0.5", "nonsense": 1}],
        [{"destination": f"10.{n}.0.0/16", "nexthop": "10.0.0.5"} for n in range(30, 62)],
        "nonsense",
        [one],
    ):
        ask.put("routers", router, routes=routes)
    for verb, routes in (
        ("add", [two]),
        ("add", [two]),
        ("remove", [one]),
        ("remove", [one]),
        ("add", []),
        ("add", [{"destination": "x", "nexthop": "y"}]),
    ):
        ask.to("PUT", f"{path}/{verb}_extraroutes", {"router": {"routes": routes}})
    ask.to("PUT", f"{path}/add_extraroutes", {"routes": [one]})
    ask.to("PUT", f"{path}/add_extraroutes", {"router": {"name": "x", "routes": [one]}})
    subnet = ask.get("subnets?cidr=10.0.0.0/24")["subnets"][0]["id"]
    ask.to("PUT", f"{path}/remove_router_interface", {"subnet_id": subnet})
    ask.get(path)
    ask.put("routers", router, routes=[])


def router_refusals(recorder: Recorder) -> None:
    given: dict[str, Any]
    ask = Ask(recorder)
    at = ground(ask)
    router = ask.make("routers", name="r")["id"]
    for given in (
        {"name": 5},
        {"nonsense": 1},
        {"admin_state_up": "perhaps"},
        {"status": "x"},
        {"external_gateway_info": {"network_id": NOBODY}},
        {"external_gateway_info": {"network_id": "nonsense"}},
        {"external_gateway_info": {"network_id": at.net}},
        {"external_gateway_info": {"enable_snat": True}},
        {"external_gateway_info": {"network_id": at.outside, "nonsense": 1}},
        {"external_gateway_info": {"network_id": at.outside, "enable_snat": "perhaps"}},
        {
            "external_gateway_info": {
                "network_id": at.outside,
                "external_fixed_ips": [{"ip_address": "10.0.0.9"}],
            }
        },
        {
            "external_gateway_info": {
                "network_id": at.outside,
                "external_fixed_ips": [{"ip_address": "nonsense"}],
            }
        },
        {
            "external_gateway_info": {
                "network_id": at.outside,
                "external_fixed_ips": [{"subnet_id": at.inner}],
            }
        },
        {"external_gateway_info": "nonsense"},
        {"availability_zone_hints": ["nowhere"]},
        {"distributed": "perhaps"},
        {"ha": "perhaps"},
        {"routes": []},
        {"tenant_id": 5},
        {"flavor_id": NOBODY},
    ):
        ask.post("routers", **given)
    for given in (
        {"id": NOBODY},
        {"tenant_id": "x"},
        {"status": "x"},
        {"nonsense": 1},
        {"name": 5},
        {"availability_zone_hints": []},
        {"distributed": True},
        {"ha": True},
    ):
        ask.put("routers", router, **given)
    ask.put("routers", NOBODY, name="x")
    ask.get(f"routers/{NOBODY}")
    ask.delete("routers", NOBODY, router)
    body = {"routers": [{"name": "a"}, {"name": 7}]}
    made = (ask.to("POST", "routers", body) or {}).get("routers", [])
    ask.delete("routers", *(one["id"] for one in made))
    cleared(ask, at)


def distributed(recorder: Recorder) -> None:
    ask = Ask(recorder)
    at = ground(ask)
    router = ask.make("routers", name="spread", distributed=True)["id"]
    ask.put("routers", router, external_gateway_info={"network_id": at.outside})
    ask.to("PUT", f"routers/{router}/add_router_interface", {"subnet_id": at.inner})
    ask.get(f"routers/{router}")
    ask.get(f"ports?device_id={router}&sort_key=device_owner")
    ask.put("routers", router, distributed=False)
    ask.put("routers", router, admin_state_up=False)
    ask.put("routers", router, distributed=False)
    ask.get(f"ports?device_id={router}&sort_key=device_owner")
    ask.put("routers", router, distributed=True, admin_state_up=True)
    ask.put("routers", router, distributed=True)
    ask.put("routers", router, admin_state_up=True)
    ask.put("routers", router, external_gateway_info=None)
    ask.get(f"ports?device_id={router}&sort_key=device_owner")
    ask.to("PUT", f"routers/{router}/remove_router_interface", {"subnet_id": at.inner})
    ask.delete("routers", router)
    Ask(recorder, "alpha").post("routers", name="x", distributed=True)
    made = Ask(recorder, "alpha").post("routers", name="x", distributed=False)
    ask.delete("routers", made.get("id", NOBODY))
    cleared(ask, at)
