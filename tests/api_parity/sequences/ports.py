"""Ports: made, changed, listed, refused."""

from __future__ import annotations

from typing import Any

from tests.api_parity.asking import NOBODY, Ask
from tests.api_parity.record import Recorder


def ports(recorder: Recorder) -> None:
    given: dict[str, Any]
    admin, alpha = Ask(recorder), Ask(recorder, "alpha")
    net = admin.make("networks", name="n")["id"]
    four = admin.subnet(net, "10.0.0.0/24", name="four")["id"]
    bare = admin.make("networks", name="bare")["id"]
    plain = admin.make("ports", network_id=net)["id"]
    full = admin.make(
        "ports",
        network_id=net,
        name="full",
        description="with all",
        admin_state_up=False,
        mac_address="fa:16:3e:00:00:01",
        fixed_ips=[{"subnet_id": four, "ip_address": "10.0.0.50"}],
        device_id="server-1",
        device_owner="compute:nova",
        tags=["red", "blue"],
    )["id"]
    none = admin.make("ports", network_id=net, fixed_ips=[], name="none")["id"]
    loose = admin.make("ports", network_id=bare, name="loose")["id"]
    two = admin.make(
        "ports", network_id=net, fixed_ips=[{"subnet_id": four}, {"subnet_id": four}], name="two"
    )["id"]
    by_address = admin.make("ports", network_id=net, fixed_ips=[{"ip_address": "10.0.0.60"}], name="by")["id"]
    upper = admin.make("ports", network_id=net, mac_address="FA:16:3E:AA:BB:CC", fixed_ips=[], name="upper")[
        "id"
    ]
    foreign = admin.make(
        "ports", network_id=net, mac_address="00:11:22:33:44:55", fixed_ips=[], name="foreign"
    )["id"]
    six = admin.make("networks", name="six")["id"]
    slaac = admin.subnet(six, "2001:db8:2::/64", ipv6_ra_mode="slaac", ipv6_address_mode="slaac")["id"]
    auto = admin.make("ports", network_id=six, mac_address="fa:16:3e:00:00:09", name="auto")["id"]
    every = (plain, full, none, loose, two, by_address, upper, foreign, auto)
    for one in every:
        admin.get(f"ports/{one}")
    _bound(admin, net)
    for query in (
        "fields=name",
        f"network_id={net}&fields=name",
        "device_id=server-1&fields=name",
        "device_owner=compute:nova&fields=name",
        "device_owner=&fields=name",
        "mac_address=fa:16:3e:00:00:01&fields=name",
        "mac_address=FA:16:3E:00:00:01&fields=name",
        "fixed_ips=ip_address%3D10.0.0.50&fields=name",
        f"fixed_ips=subnet_id%3D{four}&fields=name",
        f"fixed_ips=subnet_id%3D{four}&fixed_ips=ip_address%3D10.0.0.60&fields=name",
        "fixed_ips=ip_address%3D10.0.0.50&fixed_ips=ip_address%3D10.0.0.60&fields=name",
        "fixed_ips=ip_address%3Dnonsense",
        "fixed_ips=nonsense",
        "fixed_ips=ip_address_substr%3D0.0.5&fields=name",
        "admin_state_up=False&fields=name",
        "status=DOWN&fields=name",
        "status=ACTIVE",
        "sort_key=name&limit=2&fields=name",
        "sort_key=mac_address&fields=name&name=full&name=foreign&name=upper",
        "tags=red&fields=name",
        "tags=red,blue&fields=name",
        "tags-any=red,green&fields=name",
        "not-tags=red&fields=name&network_id=" + net,
        "not-tags-any=red,green&fields=name",
        "binding:host_id=&fields=name",
        "binding:vnic_type=normal&fields=name",
        "sort_key=fixed_ips",
        "security_groups=x",
    ):
        admin.get(f"ports?{query}")
    admin.put("ports", plain, name="renamed", description="d", admin_state_up=False)
    admin.put("ports", plain, device_id="server-2", device_owner="compute:az")
    admin.put("ports", plain, fixed_ips=[{"ip_address": "10.0.0.70"}])
    admin.put("ports", plain, fixed_ips=[{"ip_address": "10.0.0.70"}, {"ip_address": "10.0.0.71"}])
    admin.put("ports", plain, fixed_ips=[])
    admin.put("ports", plain, fixed_ips=[{"subnet_id": four}])
    admin.put("ports", plain, mac_address="fa:16:3e:00:00:77")
    admin.put("ports", plain, device_id="", device_owner="")
    admin.get(f"ports/{plain}")
    body = {"ports": [{"network_id": net, "name": f"b{n}", "tags": ["t"]} for n in range(3)]}
    made = [one["id"] for one in admin.to("POST", "ports", body)["ports"]]
    own = alpha.make("networks", name="alpha's")["id"]
    alpha.subnet(own, "10.3.0.0/24")
    theirs = alpha.make("ports", network_id=own, name="theirs")["id"]
    alpha.get("ports")
    alpha.get(f"ports/{theirs}")
    alpha.get(f"ports/{plain}")
    for given in (
        {"mac_address": "fa:16:3e:00:00:05"},
        {"binding:host_id": "h"},
        {"device_owner": "network:x"},
        {"fixed_ips": [{"ip_address": "10.3.0.9"}]},
    ):
        one_more = alpha.post("ports", network_id=own, **given)
        made += [one_more.get("id", NOBODY)]
    alpha.post("ports", network_id=net)
    alpha.put("ports", theirs, name="x")
    alpha.put("ports", theirs, mac_address="fa:16:3e:00:00:06")
    alpha.put("ports", plain, name="x")
    alpha.delete("ports", plain)
    admin.get(f"network-ip-availabilities/{net}")
    admin.delete("ports", *every, *made, theirs, plain)
    admin.delete("subnets", four, slaac)
    admin.delete("networks", net, bare, six, own)


def _bound(ask: Ask, net: str) -> None:
    """Ports that are bound to a host, or are to be."""
    bound = ask.make("ports", **{"network_id": net, "binding:host_id": "peer-host", "name": "bound"})["id"]
    ask.get(f"ports/{bound}")
    ask.put("ports", bound, **{"binding:profile": {"a": 1}})
    ask.put("ports", bound, **{"binding:host_id": ""})
    ask.delete("ports", bound)
    lost = ask.post("ports", **{"network_id": net, "binding:host_id": "no-such-host", "name": "lost"})
    ask.delete("ports", lost.get("id", NOBODY))
    direct = ask.post("ports", **{"network_id": net, "binding:vnic_type": "direct"})
    ask.delete("ports", direct.get("id", NOBODY))


def port_refusals(recorder: Recorder) -> None:
    given: dict[str, Any]
    ask = Ask(recorder)
    net = ask.make("networks", name="n")["id"]
    four = ask.subnet(net, "10.0.0.0/24")["id"]
    taken = ask.make(
        "ports", network_id=net, mac_address="fa:16:3e:00:00:01", fixed_ips=[{"ip_address": "10.0.0.50"}]
    )["id"]
    for given in (
        {"network_id": NOBODY},
        {"network_id": "nonsense"},
        {"network_id": None},
        {"mac_address": "fa:16:3e:00:00:01"},
        {"mac_address": "nonsense"},
        {"mac_address": "00:00:00:00:00:00"},
        {"mac_address": "01:00:5e:00:00:01", "fixed_ips": [{"ip_address": "10.9.0.50"}]},
        {"fixed_ips": [{"ip_address": "10.0.0.50"}]},
        {"fixed_ips": [{"ip_address": "10.9.0.50"}]},
        {"fixed_ips": [{"ip_address": "10.0.0.0"}]},
        {"fixed_ips": [{"ip_address": "10.0.0.255"}]},
        {"fixed_ips": [{"ip_address": "nonsense"}]},
        {"fixed_ips": [{"ip_address": "010.0.0.9"}]},
        {"fixed_ips": [{"subnet_id": NOBODY}]},
        {"fixed_ips": [{"subnet_id": "nonsense"}]},
        {"fixed_ips": [{"subnet_id": four, "ip_address": "10.9.0.50"}]},
        {"fixed_ips": [{"subnet_id": four, "ip_address": "10.0.0.9"}] * 2},
        {"fixed_ips": [{"nonsense": 1}]},
        {"fixed_ips": [{}]},
        {"fixed_ips": "10.0.0.9"},
        {"fixed_ips": [{"subnet_id": four}] * 6},
        {"device_id": 5},
        {"device_owner": "x" * 256},
        {"admin_state_up": "perhaps"},
        {"name": 5},
        {"nonsense": 1},
        {"status": "ACTIVE"},
        {"tags": "red"},
        {"tags": ["x" * 256]},
        {"binding:vnic_type": "nonsense"},
        {"binding:profile": "x"},
        {"binding:vif_type": "x"},
        {"propagate_uplink_status": True},
        {"qos_policy_id": None},
        {"dns_name": "a"},
    ):
        ask.post("ports", **({"network_id": net} | given))
    ask.post("ports")
    for given in (
        {"network_id": net},
        {"tenant_id": "alpha"},
        {"status": "DOWN"},
        {"id": NOBODY},
        {"fixed_ips": [{"ip_address": "10.9.0.1"}]},
        {"fixed_ips": [{"subnet_id": NOBODY}]},
        {"mac_address": "nonsense"},
        {"mac_address": None},
        {"tags": ["a"]},
        {"nonsense": 1},
        {"device_owner": 5},
    ):
        ask.put("ports", taken, **given)
    other = ask.make("ports", network_id=net, name="other")["id"]
    ask.put("ports", other, fixed_ips=[{"ip_address": "10.0.0.50"}])
    ask.put("ports", other, mac_address="fa:16:3e:00:00:01")
    wrong = {
        "ports": [
            {"network_id": net, "name": "first"},
            {"network_id": net, "fixed_ips": [{"ip_address": "10.0.0.50"}]},
        ]
    }
    ask.to("POST", "ports", wrong)
    ask.get("ports?fields=name")
    ask.put("ports", NOBODY, name="x")
    ask.delete("ports", NOBODY)
    ask.get(f"ports/{NOBODY}")
    ask.delete("ports", other)
    ask.delete("networks", net)
    tiny = ask.make("networks", name="tiny")["id"]
    ask.subnet(tiny, "10.7.0.0/30")
    last = ask.make("ports", network_id=tiny)["id"]
    ask.post("ports", network_id=tiny)
    ask.delete("networks", tiny)
    ask.delete("ports", last, taken)
    ask.delete("networks", net, tiny)
