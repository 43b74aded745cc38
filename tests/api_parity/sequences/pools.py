"""Address scopes and subnet pools."""

from __future__ import annotations

from typing import Any

from tests.api_parity.asking import NOBODY, Ask
from tests.api_parity.record import Recorder


def address_scopes(recorder: Recorder) -> None:
    given: dict[str, Any]
    admin, alpha = Ask(recorder), Ask(recorder, "alpha")
    four = admin.make("address-scopes", name="four", ip_version=4, shared=True)["id"]
    six = admin.make("address-scopes", name="six", ip_version=6)["id"]
    own = alpha.make("address-scopes", name="own", ip_version=4)["id"]
    for path in (
        "",
        "?ip_version=6",
        "?name=four&fields=name",
        "?shared=True",
        "?sort_key=name&limit=1",
        f"/{six}",
    ):
        admin.get(f"address-scopes{path}")
    alpha.get("address-scopes")
    alpha.get(f"address-scopes/{six}")
    admin.put("address-scopes", six, name="renamed")
    admin.put("address-scopes", six, shared=True)
    admin.put("address-scopes", six, shared=False)
    for given in (
        {"ip_version": 5, "name": "x"},
        {"name": "x"},
        {"ip_version": 4},
        {"name": "", "ip_version": 4},
        {"name": "x", "ip_version": 4, "nonsense": 1},
    ):
        made = admin.post("address-scopes", **given)
        if made:
            admin.delete("address-scopes", made["id"])
    alpha.post("address-scopes", name="shared", ip_version=4, shared=True)
    admin.put("address-scopes", six, ip_version=4)
    alpha.put("address-scopes", four, name="x")
    pool = admin.make("subnetpools", name="p", prefixes=["10.0.0.0/8"], address_scope_id=four)["id"]
    admin.delete("address-scopes", four)
    net = admin.make("networks", name="n")["id"]
    subnet = admin.make("subnets", network_id=net, ip_version=4, subnetpool_id=pool, prefixlen=24)["id"]
    admin.get(f"networks/{net}")
    admin.delete("subnets", subnet)
    admin.delete("networks", net)
    admin.delete("subnetpools", pool)
    admin.delete("address-scopes", four, six, own, NOBODY)


def subnetpools(recorder: Recorder) -> None:
    admin, alpha = Ask(recorder), Ask(recorder, "alpha")
    pool = admin.make("subnetpools", name="p", prefixes=["10.0.0.0/16", "10.2.0.0/16"])["id"]
    full = admin.make(
        "subnetpools",
        name="full",
        description="with all",
        prefixes=["10.64.0.0/12"],
        default_prefixlen=26,
        min_prefixlen=20,
        max_prefixlen=28,
        shared=True,
        default_quota=128,
    )["id"]
    six = admin.make("subnetpools", name="six", prefixes=["2001:db8::/48"], is_default=True)["id"]
    own = alpha.make("subnetpools", name="own", prefixes=["172.16.0.0/16"], default_prefixlen="25")["id"]
    for path in (
        "",
        "?ip_version=6",
        "?name=p&fields=prefixes",
        "?shared=True&fields=name",
        "?is_default=True&fields=name",
        "?default_prefixlen=26&fields=name",
        f"/{full}",
    ):
        admin.get(f"subnetpools{path}")
    alpha.get("subnetpools")
    admin.put("subnetpools", pool, name="renamed", description="d", default_prefixlen=24, max_prefixlen=30)
    admin.put("subnetpools", pool, prefixes=["10.0.0.0/16", "10.2.0.0/16", "10.3.0.0/16"])
    admin.to("PUT", f"subnetpools/{pool}/add_prefixes", {"prefixes": ["10.4.0.0/16"]})
    admin.to("PUT", f"subnetpools/{pool}/remove_prefixes", {"prefixes": ["10.4.0.0/16"]})
    admin.to("PUT", f"subnetpools/{pool}/remove_prefixes", {"prefixes": ["192.168.0.0/16"]})
    admin.to("PUT", f"subnetpools/{pool}/add_prefixes", {"prefixes": "x"})
    admin.to("PUT", f"subnetpools/{pool}/add_prefixes", {"nonsense": []})
    _from_pools(admin, alpha, pool, full)
    _smallest(admin)
    _pool_refusals(admin, pool)
    alpha.post("subnetpools", name="x", prefixes=["10.0.0.0/8"], shared=True)
    alpha.post("subnetpools", name="x", prefixes=["10.0.0.0/8"], is_default=True)
    admin.post("subnetpools", name="second default", prefixes=["2001:db8:1::/48"], is_default=True)
    admin.delete("subnetpools", pool, full, six, own, NOBODY)


def _from_pools(admin: Ask, alpha: Ask, pool: str, full: str) -> None:
    net = admin.make("networks", name="n")["id"]
    made = [
        admin.post("subnets", network_id=net, ip_version=4, subnetpool_id=pool),
        admin.post("subnets", network_id=net, ip_version=4, subnetpool_id=pool, prefixlen=26),
        admin.post("subnets", network_id=net, ip_version=4, subnetpool_id=pool, cidr="10.2.5.0/24"),
        admin.post("subnets", network_id=net, ip_version=4, subnetpool_id=pool, cidr="192.168.0.0/24"),
        admin.post("subnets", network_id=net, ip_version=4, subnetpool_id=pool, cidr="10.2.5.0/24"),
        admin.post("subnets", network_id=net, ip_version=6, subnetpool_id=pool),
        admin.post("subnets", network_id=net, ip_version=4, subnetpool_id=pool, prefixlen=4),
        admin.post("subnets", network_id=net, ip_version=4, subnetpool_id=pool, prefixlen=31),
        admin.post("subnets", network_id=net, ip_version=4, subnetpool_id=pool, prefixlen="x"),
        admin.post("subnets", network_id=net, ip_version=4, subnetpool_id=full, prefixlen=25),
        admin.post("subnets", network_id=net, ip_version=6, use_default_subnetpool=True),
        admin.post("subnets", network_id=net, ip_version=4, use_default_subnetpool=True),
    ]
    theirs = alpha.make("networks", name="alpha's")["id"]
    made.append(alpha.post("subnets", network_id=theirs, ip_version=4, subnetpool_id=full, prefixlen=26))
    made.append(alpha.post("subnets", network_id=theirs, ip_version=4, subnetpool_id=pool))
    admin.get("subnets?fields=cidr&fields=gateway_ip&fields=subnetpool_id")
    admin.get(f"subnets?subnetpool_id={pool}&fields=cidr")
    admin.delete("subnetpools", pool)
    admin.put("subnetpools", pool, prefixes=["10.0.0.0/16"])
    admin.delete("subnets", *(one["id"] for one in made if one))
    admin.delete("networks", net, theirs)


def _smallest(ask: Ask) -> None:
    """A pool of a large block and, behind it, a small one."""
    net = ask.make("networks", name="n")["id"]
    pool = ask.make("subnetpools", name="two blocks", prefixes=["172.16.0.0/15", "172.18.0.0/16"])["id"]
    made = ask.make("subnets", network_id=net, ip_version=4, subnetpool_id=pool, prefixlen=24)["id"]
    ask.delete("subnets", made)
    ask.delete("subnetpools", pool)
    ask.delete("networks", net)


def _pool_refusals(ask: Ask, pool: str) -> None:
    given: dict[str, Any]
    for given in (
        {},
        {"name": "x"},
        {"prefixes": ["10.0.0.0/8"]},
        {"name": "x", "prefixes": []},
        {"name": "x", "prefixes": ["nonsense"]},
        {"name": "x", "prefixes": "10.0.0.0/8"},
        {"name": "x", "prefixes": ["10.0.0.0/8", "2001:db8::/32"]},
        {"name": "x", "prefixes": ["10.0.0.0/24"], "min_prefixlen": 30, "max_prefixlen": 28},
        {"name": "x", "prefixes": ["10.0.0.0/24"], "default_prefixlen": 30, "max_prefixlen": 28},
        {"name": "x", "prefixes": ["10.0.0.0/24"], "default_prefixlen": 6},
        {"name": "x", "prefixes": ["10.0.0.0/24"], "min_prefixlen": 33},
        {"name": "x", "prefixes": ["10.0.0.0/24"], "default_quota": -1},
        {"name": "x", "prefixes": ["10.0.0.0/24"], "address_scope_id": NOBODY},
        {"name": "x", "prefixes": ["10.0.0.0/24"], "address_scope_id": "nonsense"},
        {"name": "x", "prefixes": ["10.0.0.0/24"], "nonsense": 1},
    ):
        made = ask.post("subnetpools", **given)
        if made:
            ask.delete("subnetpools", made["id"])
    for given in (
        {"ip_version": 6},
        {"min_prefixlen": 31},
        {"prefixes": ["2001:db8::/32"]},
        {"nonsense": 1},
        {"prefixes": ["10.0.0.0/16"]},
    ):
        ask.put("subnetpools", pool, **given)
