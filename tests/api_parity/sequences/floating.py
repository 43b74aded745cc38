"""Floating IPs and their port forwardings."""

from __future__ import annotations

from typing import Any

from tests.api_parity.asking import NOBODY, Ask
from tests.api_parity.record import Recorder
from tests.api_parity.sequences.routers import Ground, cleared, ground


def _routed(ask: Ask, at: Ground) -> str:
    router = ask.make("routers", name="r", external_gateway_info={"network_id": at.outside})["id"]
    ask.to("PUT", f"routers/{router}/add_router_interface", {"subnet_id": at.inner})
    return str(router)


def _unrouted(ask: Ask, at: Ground, router: str) -> None:
    ask.to("PUT", f"routers/{router}/remove_router_interface", {"subnet_id": at.inner})
    ask.delete("routers", router)
    cleared(ask, at)


def floatingips(recorder: Recorder) -> None:
    given: dict[str, Any]
    ask, alpha = Ask(recorder), Ask(recorder, "alpha")
    at = ground(ask)
    router = _routed(ask, at)
    port = ask.make("ports", network_id=at.net, name="server", device_id="vm", device_owner="compute:nova")[
        "id"
    ]
    two = ask.make(
        "ports", network_id=at.net, fixed_ips=[{"ip_address": "10.0.0.30"}, {"ip_address": "10.0.0.31"}]
    )["id"]
    free = ask.make("floatingips", floating_network_id=at.outside, description="free")["id"]
    chosen = ask.make("floatingips", floating_network_id=at.outside, floating_ip_address="203.0.113.50")["id"]
    there = ask.make("floatingips", floating_network_id=at.outside, port_id=port)["id"]
    by_subnet = ask.make("floatingips", floating_network_id=at.outside, subnet_id=at.out)["id"]
    for one in (free, chosen, there, by_subnet):
        ask.get(f"floatingips/{one}")
    for query in (
        "",
        f"?port_id={port}&fields=status",
        f"?router_id={router}&fields=id",
        "?floating_ip_address=203.0.113.50&fields=floating_ip_address",
        f"?floating_network_id={at.outside}&fields=id",
        "?status=DOWN&fields=id",
        "?sort_key=floating_ip_address&limit=1&floating_ip_address=203.0.113.50",
        "?fixed_ip_address=10.9.9.9",
        "?description=free&fields=description",
        "?nonsense=1",
    ):
        ask.get(f"floatingips{query}")
    ask.put("floatingips", free, port_id=two, fixed_ip_address="10.0.0.31")
    ask.put("floatingips", free, port_id=two)
    ask.put("floatingips", free, description="described")
    ask.put("floatingips", free, port_id=None)
    ask.put("floatingips", free, port_id=port)
    ask.put("floatingips", there)
    ask.put("floatingips", there, port_id=None)
    ask.put("floatingips", chosen, port_id=two, fixed_ip_address="10.0.0.30")
    ask.get("ports?device_owner=network:floatingip")
    ask.put("routers", router, external_gateway_info=None)
    ask.to("PUT", f"routers/{router}/remove_router_interface", {"subnet_id": at.inner})
    _refused(ask, at, two)
    for given in (
        {"floating_ip_address": "203.0.113.60"},
        {"floating_network_id": NOBODY},
        {"port_id": NOBODY},
        {"port_id": "nonsense"},
        {"port_id": two, "fixed_ip_address": "10.0.0.99"},
        {"fixed_ip_address": "10.0.0.31"},
        {"status": "x"},
        {"nonsense": 1},
    ):
        ask.put("floatingips", by_subnet, **given)
    own = alpha.make("floatingips", floating_network_id=at.outside)["id"]
    alpha.get("floatingips")
    alpha.get(f"floatingips/{free}")
    alpha.put("floatingips", own, port_id=port)
    alpha.post("floatingips", floating_network_id=at.outside, floating_ip_address="203.0.113.61")
    alpha.post("floatingips", floating_network_id=at.net)
    ask.delete("ports", two)
    ask.get(f"floatingips/{chosen}")
    ask.delete("floatingips", free, chosen, there, by_subnet, own, free)
    ask.delete("ports", port)
    _unrouted(ask, at, router)


def _refused(ask: Ask, at: Ground, two: str) -> None:
    given: dict[str, Any]
    unrouted = ask.make("networks", name="unrouted")["id"]
    ask.subnet(unrouted, "10.5.0.0/24")
    lost = ask.make("ports", network_id=unrouted)["id"]
    bare = ask.make("ports", network_id=unrouted, fixed_ips=[])["id"]
    base: dict[str, Any] = {"floating_network_id": at.outside}
    for given in (
        {"floating_network_id": NOBODY},
        {"floating_network_id": "nonsense"},
        {"floating_network_id": at.net},
        {"floating_ip_address": "203.0.113.50"},
        {"floating_ip_address": "192.0.2.1"},
        {"floating_ip_address": "nonsense"},
        {"floating_ip_address": "2001:db8::1"},
        {"subnet_id": at.inner},
        {"subnet_id": NOBODY},
        {"port_id": NOBODY},
        {"port_id": lost},
        {"port_id": bare},
        {"port_id": two, "fixed_ip_address": "10.0.0.30"},
        {"port_id": two, "fixed_ip_address": "10.0.0.77"},
        {"port_id": two, "fixed_ip_address": "nonsense"},
        {"fixed_ip_address": "10.0.0.30"},
        {"floating_network_id": NOBODY, "router_id": NOBODY},
        {"status": "ACTIVE"},
        {"nonsense": 1},
        {"dns_name": "x"},
        {"qos_policy_id": NOBODY},
        {"floating_network_id": NOBODY, "tags": ["x"]},
    ):
        made = ask.post("floatingips", **(base | given))
        if made:
            ask.delete("floatingips", made["id"])
    ask.post("floatingips")
    ask.to("POST", "floatingips", {"floatingips": [base | {"floating_network_id": NOBODY}]})
    ask.delete("ports", lost, bare)
    ask.delete("networks", unrouted)


def port_forwardings(recorder: Recorder) -> None:
    given: dict[str, Any]
    ask, alpha = Ask(recorder), Ask(recorder, "alpha")
    at = ground(ask)
    router = _routed(ask, at)
    port = ask.make("ports", network_id=at.net, fixed_ips=[{"ip_address": "10.0.0.40"}])["id"]
    other = ask.make("ports", network_id=at.net, fixed_ips=[{"ip_address": "10.0.0.41"}])["id"]
    floating = ask.make("floatingips", floating_network_id=at.outside)["id"]
    path = f"floatingips/{floating}/port_forwardings"
    base = {"internal_port_id": port, "internal_ip_address": "10.0.0.40", "protocol": "tcp"}
    first = ask.make(path, **base, internal_port=80, external_port=8080)["id"]
    udp = ask.make(
        path, **(base | {"protocol": "udp"}), internal_port=80, external_port=8080, description="udp"
    )["id"]
    ranged = ask.make(path, **base, internal_port_range="100:110", external_port_range="200:210")["id"]
    for one in (first, udp, ranged):
        ask.get(f"{path}/{one}")
    for query in (
        "",
        "?protocol=udp",
        "?external_port=8080&fields=protocol",
        "?sort_key=protocol&fields=protocol&limit=1",
        "?internal_port_id=" + port + "&fields=id",
        "?nonsense=1",
    ):
        ask.get(f"{path}{query}")
    ask.get(f"floatingips/{floating}")
    ask.put(path, first, external_port=9090)
    ask.put(path, first, internal_port=81, description="d")
    ask.put(path, first, protocol="udp")
    ask.put(path, first, internal_port_id=other, internal_ip_address="10.0.0.41")
    ask.put(path, first)
    for given in (
        {"internal_port": 80, "external_port": 9090},
        {
            "internal_port": 81,
            "external_port": 9091,
            "protocol": "udp",
            "internal_port_id": other,
            "internal_ip_address": "10.0.0.41",
        },
        {"internal_port": 80},
        {"external_port": 80},
        {"internal_port": 0, "external_port": 80},
        {"internal_port": 70000, "external_port": 80},
        {"internal_port": "x", "external_port": 80},
        {"internal_port": 90, "external_port": 90, "protocol": "banana"},
        {"internal_port": 90, "external_port": 90, "internal_port_id": NOBODY},
        {"internal_port": 90, "external_port": 90, "internal_ip_address": "10.0.0.99"},
        {"internal_port": 90, "external_port": 90, "internal_ip_address": "nonsense"},
        {"internal_port_range": "1:5", "external_port_range": "1:3"},
        {"internal_port_range": "5:1", "external_port_range": "5:1"},
        {"internal_port_range": "x", "external_port_range": "1:3"},
        {"internal_port_range": "105:106", "external_port_range": "205:206"},
        {"internal_port": 90, "external_port": 205},
        {"internal_port": 90, "external_port": 90, "nonsense": 1},
    ):
        ask.post(path, **(base | given))
    ask.post(f"floatingips/{NOBODY}/port_forwardings", **base, internal_port=1, external_port=1)
    ask.get(f"floatingips/{NOBODY}/port_forwardings")
    ask.get(f"{path}/{NOBODY}")
    ask.put(path, NOBODY, external_port=7)
    ask.delete(path, NOBODY)
    alpha.get(path)
    alpha.get(f"{path}/{first}")
    alpha.post(path, **base, internal_port=1, external_port=1)
    ask.put("floatingips", floating, port_id=port)
    ask.put(path, first, external_port=8080)
    body = {
        "port_forwardings": [
            base | {"internal_port": 300, "external_port": 300},
            base | {"internal_port": 301, "external_port": 301},
        ]
    }
    made = (ask.to("POST", path, body) or {}).get("port_forwardings", [])
    ask.delete("ports", other)
    ask.get(path)
    ask.delete(path, first, udp, ranged, *(one["id"] for one in made))
    ask.delete("floatingips", floating)
    ask.delete("ports", port)
    _unrouted(ask, at, router)
