"""Subnets: made, changed, listed, refused."""

from __future__ import annotations

from typing import Any

from tests.api_parity.asking import NOBODY, Ask
from tests.api_parity.record import Recorder


def subnets(recorder: Recorder) -> None:
    admin, alpha = Ask(recorder), Ask(recorder, "alpha")
    net = admin.make("networks", name="n")["id"]
    plain = admin.subnet(net, "10.0.0.0/24")["id"]
    full = admin.subnet(
        net,
        "10.0.1.0/24",
        name="full",
        description="with all",
        gateway_ip="10.0.1.9",
        enable_dhcp=False,
        allocation_pools=[
            {"start": "10.0.1.20", "end": "10.0.1.30"},
            {"start": "10.0.1.40", "end": "10.0.1.50"},
        ],
        dns_nameservers=["8.8.8.8", "1.1.1.1"],
        host_routes=[{"destination": "10.9.0.0/16", "nexthop": "10.0.1.2"}],
        service_types=["compute:nova"],
    )["id"]
    none = admin.subnet(net, "10.0.2.0/24", gateway_ip=None)["id"]
    small = admin.subnet(net, "10.0.3.0/30")["id"]
    host = admin.subnet(net, "10.0.4.7/24", name="host bits")["id"]
    six = admin.subnet(net, "2001:db8:1::/64")["id"]
    slaac = admin.subnet(net, "2001:db8:2::/64", ipv6_ra_mode="slaac", ipv6_address_mode="slaac")["id"]
    stateful = admin.subnet(net, "2001:db8:3::/64", ipv6_address_mode="dhcpv6-stateful")["id"]
    last = admin.subnet(net, "10.0.5.0/24", gateway_ip="10.0.5.254")["id"]
    every = (plain, full, none, small, host, six, slaac, stateful, last)
    for one in every:
        admin.get(f"subnets/{one}")
    admin.get(f"networks/{net}")
    for query in (
        "",
        "?sort_key=cidr&fields=cidr",
        "?ip_version=6&fields=cidr",
        "?enable_dhcp=False&fields=cidr",
        "?cidr=10.0.0.0/24&fields=cidr",
        "?gateway_ip=10.0.1.9&fields=cidr",
        f"?network_id={net}&fields=cidr",
        f"?network_id={NOBODY}",
        "?ipv6_ra_mode=slaac&fields=cidr",
        "?ip_version=abc",
        "?sort_key=name&limit=3&fields=cidr&name=full",
        "?allocation_pools=x",
        "?dns_nameservers=8.8.8.8",
        "?shared=False&fields=cidr",
        "?router:external=False&fields=cidr",
    ):
        admin.get(f"subnets{query}")
    admin.put("subnets", plain, name="renamed", description="d", enable_dhcp=False)
    admin.put("subnets", plain, gateway_ip="10.0.0.254")
    admin.put("subnets", plain, gateway_ip=None)
    admin.put("subnets", plain, dns_nameservers=["9.9.9.9"])
    admin.put("subnets", plain, host_routes=[{"destination": "0.0.0.0/0", "nexthop": "10.0.0.5"}])
    admin.put("subnets", plain, host_routes=[], dns_nameservers=[])
    admin.put("subnets", plain, allocation_pools=[{"start": "10.0.0.10", "end": "10.0.0.20"}])
    admin.put("subnets", plain, service_types=["network:floatingip"])
    admin.get(f"subnets/{plain}")
    bulk = {"subnets": [{"network_id": net, "ip_version": 4, "cidr": f"10.1.{n}.0/24"} for n in range(2)]}
    made = admin.to("POST", "subnets", bulk)["subnets"]
    owned = alpha.make("networks", name="alpha's")["id"]
    theirs = alpha.subnet(owned, "10.0.0.0/24")["id"]
    alpha.get("subnets")
    alpha.get(f"subnets/{plain}")
    alpha.put("subnets", plain, name="x")
    alpha.delete("subnets", plain)
    alpha.post("subnets", network_id=net, ip_version=4, cidr="10.7.0.0/24")
    admin.delete("subnets", *every, *(one["id"] for one in made), theirs, plain)
    admin.delete("networks", net, owned)


def subnet_refusals(recorder: Recorder) -> None:
    given: dict[str, Any]
    ask = Ask(recorder)
    net = ask.make("networks", name="n")["id"]
    one = ask.subnet(net, "10.0.0.0/24")["id"]
    base = {"network_id": net, "ip_version": 4, "cidr": "10.1.0.0/24"}
    for given in (
        {"cidr": "10.0.0.0/25"},
        {"cidr": "10.0.0.0/24"},
        {"cidr": "nonsense"},
        {"cidr": "10.1.0.0"},
        {"cidr": "10.1.0.0/33"},
        {"cidr": "10.1.0.0/32"},
        {"cidr": "10.1.0.0/31"},
        {"cidr": "0.0.0.0/0"},
        {"cidr": "224.0.0.0/24"},
        {"cidr": "127.0.0.0/24"},
        {"cidr": "169.254.0.0/16"},
        {"cidr": "2001:db8::/64"},
        {"cidr": None},
        {"ip_version": 6},
        {"ip_version": 5},
        {"ip_version": "four"},
        {"network_id": NOBODY},
        {"network_id": "nonsense"},
        {"gateway_ip": "10.2.0.1"},
        {"gateway_ip": "10.1.0.255"},
        {"gateway_ip": "10.1.0.0"},
        {"gateway_ip": "nonsense"},
        {"gateway_ip": "2001:db8::1"},
        {"allocation_pools": [{"start": "10.1.0.50", "end": "10.1.0.40"}]},
        {"allocation_pools": [{"start": "10.2.0.1", "end": "10.2.0.40"}]},
        {"allocation_pools": [{"start": "10.1.0.5"}]},
        {
            "allocation_pools": [
                {"start": "10.1.0.2", "end": "10.1.0.9"},
                {"start": "10.1.0.5", "end": "10.1.0.40"},
            ]
        },
        {"allocation_pools": [{"start": "10.1.0.1", "end": "10.1.0.9"}], "gateway_ip": "10.1.0.1"},
        {"allocation_pools": [{"start": "10.1.0.0", "end": "10.1.0.255"}]},
        {"allocation_pools": "nonsense"},
        {"dns_nameservers": ["nonsense"]},
        {"dns_nameservers": ["8.8.8.8", "8.8.8.8"]},
        {"dns_nameservers": "8.8.8.8"},
        {"dns_nameservers": [f"8.8.8.{n}" for n in range(1, 8)]},
        {"host_routes": [{"destination": "10.9.0.0/16"}]},
        {"host_routes": [{"destination": "nonsense", "nexthop": "10.1.0.1"}]},
        {"host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.1.0.1"}] * 2},
        {"host_routes": [{"destination": "10.9.0.0/16", "nexthop": "2001:db8::1"}]},
        {"host_routes": [{"destination": f"10.{n}.0.0/16", "nexthop": "10.1.0.1"} for n in range(30, 52)]},
        {"enable_dhcp": "perhaps"},
        {"ipv6_ra_mode": "slaac"},
        {"ipv6_address_mode": "nonsense"},
        {"service_types": ["nonsense"]},
        {"service_types": "x"},
        {"subnetpool_id": NOBODY},
        {"subnetpool_id": "nonsense"},
        {"prefixlen": 24},
        {"use_default_subnetpool": True},
        {"segment_id": NOBODY},
        {"nonsense": 1},
        {"id": NOBODY},
        {"tenant_id": "beta"},
    ):
        made = ask.post("subnets", **(base | given))
        if made:
            ask.delete("subnets", made["id"])
    for given in (
        {
            "ip_version": 6,
            "cidr": "2001:db8:1::/64",
            "ipv6_ra_mode": "slaac",
            "ipv6_address_mode": "dhcpv6-stateful",
        },
        {"ip_version": 6, "cidr": "2001:db8:1::/80", "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"},
        {"ip_version": 6, "cidr": "2001:db8:1::/64", "ipv6_ra_mode": "slaac", "enable_dhcp": False},
        {"ip_version": 6, "cidr": "2001:db8:1::/128"},
        {"ip_version": 6, "cidr": "fe80::/64"},
        {"ip_version": 6, "cidr": "ff00::/64"},
        {"ip_version": 6, "cidr": "2001:db8:1::/64", "gateway_ip": "fe80::1", "name": "fine"},
    ):
        made = ask.post("subnets", network_id=net, **given)
        if made:
            ask.delete("subnets", made["id"])
    for missing in (
        {"network_id": net, "ip_version": 4},
        {"ip_version": 4, "cidr": "10.1.0.0/24"},
        {"network_id": net, "cidr": "10.1.0.0/24"},
    ):
        ask.post("subnets", **missing)
    for given in (
        {"cidr": "10.5.0.0/24"},
        {"ip_version": 6},
        {"network_id": NOBODY},
        {"gateway_ip": "10.5.0.1"},
        {"gateway_ip": "nonsense"},
        {"allocation_pools": [{"start": "10.5.0.1", "end": "10.5.0.9"}]},
        {"ipv6_ra_mode": "slaac"},
        {"subnetpool_id": NOBODY},
        {"enable_dhcp": "x"},
        {"nonsense": 1},
        {"dns_nameservers": ["x"]},
    ):
        ask.put("subnets", one, **given)
    port = ask.make("ports", network_id=net, fixed_ips=[{"ip_address": "10.0.0.9"}])
    ask.put("subnets", one, gateway_ip="10.0.0.9")
    ask.delete("subnets", one)
    ask.delete("ports", port["id"])
    ask.put("subnets", NOBODY, name="x")
    ask.delete("subnets", NOBODY, one)
    ask.delete("networks", net)
