"""Networks: made, changed, listed, refused."""

from __future__ import annotations

from typing import Any

from tests.api_parity.asking import NOBODY, Ask
from tests.api_parity.record import Recorder


def networks(recorder: Recorder) -> None:
    admin, alpha = Ask(recorder), Ask(recorder, "alpha")
    plain = admin.make("networks")["id"]
    full = admin.make(
        "networks",
        name="full",
        description="with all",
        admin_state_up=False,
        shared=True,
        mtu=1400,
        tenant_id="alpha",
    )["id"]
    outside = admin.make("networks", **{"name": "outside", "router:external": True})["id"]
    flat = admin.make(
        "networks", **{"provider:network_type": "flat", "provider:physical_network": "physnet1"}
    )["id"]
    own = alpha.make("networks", name="own")["id"]
    for one in (plain, full, outside, flat, own):
        admin.get(f"networks/{one}")
        alpha.get(f"networks/{one}")
    admin.get("networks")
    alpha.get("networks")
    admin.put("networks", plain, name="renamed", description="new", admin_state_up="false", mtu=1450)
    admin.put("networks", plain, shared=True)
    admin.put("networks", plain, shared=False)
    admin.put("networks", plain, **{"router:external": True})
    admin.put("networks", plain, **{"router:external": False})
    alpha.put("networks", own, name="mine", admin_state_up=0)
    admin.put("networks", plain)
    subnet = admin.subnet(plain, "10.1.0.0/24")["id"]
    admin.subnet(plain, "10.1.1.0/24")
    admin.get(f"networks/{plain}")
    admin.get(f"networks/{plain}?fields=id&fields=subnets")
    admin.get(f"networks?id={plain}&fields=name&fields=mtu")
    admin.get(f"network-ip-availabilities/{plain}")
    admin.get("network-ip-availabilities")
    admin.get(f"network-ip-availabilities?network_name=renamed&fields=total_ips&fields={subnet}")
    admin.delete("networks", plain, full, outside, flat, own, plain)
    admin.get("networks")


def network_lists(recorder: Recorder) -> None:
    ask = Ask(recorder)
    body = {
        "networks": [
            {"name": f"n{n}", "description": "odd" if n % 2 else "", "mtu": 1400 + n} for n in range(6)
        ]
    }
    made = ask.to("POST", "networks", body)["networks"]
    ids = {one["name"]: one["id"] for one in made}
    for query in (
        "sort_key=name",
        "sort_key=name&sort_dir=desc",
        "sort_key=mtu&sort_dir=desc",
        "sort_key=description&sort_dir=asc&sort_key=name&sort_dir=desc",
        "sort_key=name&limit=2",
        f"sort_key=name&sort_dir=asc&limit=2&marker={ids['n1']}",
        f"sort_key=name&sort_dir=asc&limit=4&marker={ids['n4']}",
        f"sort_key=name&sort_dir=asc&limit=2&marker={ids['n4']}&page_reverse=True",
        f"sort_key=name&sort_dir=asc&limit=9&marker={ids['n4']}&page_reverse=True",
        "sort_key=name&limit=6",
        "sort_key=name&limit=7",
        "sort_key=name&limit=0",
        "sort_key=name&limit=3&name=n1&name=n2&name=n3&name=n4",
        "sort_key=name&limit=2&fields=name",
        "name=n1",
        "name=n1&name=n3",
        "name=",
        "description=",
        "description=odd&mtu=1401",
        "name=nobody",
        "mtu=1403",
        "mtu=abc",
        "admin_state_up=True",
        "admin_state_up=false",
        "admin_state_up=maybe",
        "shared=False",
        "router:external=False",
        "router:external=true",
        "status=ACTIVE",
        "status=DOWN",
        "revision_number=1",
        "project_id=fake_project_id&fields=name",
        "tenant_id=fake_project_id&fields=name",
        "project_id=alpha",
        f"id={ids['n0']}&id={ids['n5']}&fields=name",
        "fields=name",
        "fields=name&fields=tenant_id&name=n2",
        "fields=nonsense&name=n2",
        "changed_since=2020-01-01T00:00:00Z&fields=name",
        "changed_since=2999-01-01T00:00:00Z",
        "changed_since=yesterday",
        "is_default=True",
        "provider:network_type=local&fields=name",
        "tags=red",
        "nonsense=1",
        "nonsense=1&other=2",
        "subnets=x",
        "sort_key=nonsense",
        "sort_key=name&sort_dir=up",
        "sort_key=name&sort_key=mtu&sort_dir=asc",
        "sort_dir=asc",
        "sort_key=subnets",
        "limit=abc&sort_key=name",
        "limit=-1&sort_key=name",
        f"sort_key=name&limit=2&marker={NOBODY}",
        "sort_key=name&limit=2&marker=nonsense",
        "sort_key=name&page_reverse=nonsense&limit=2",
        "created_at=x",
    ):
        ask.get(f"networks?{query}")
    ask.delete("networks", *ids.values())


def network_refusals(recorder: Recorder) -> None:
    given: dict[str, Any]
    admin, alpha = Ask(recorder), Ask(recorder, "alpha")
    one = admin.make("networks", name="a")["id"]
    for given in (
        {"name": 7},
        {"name": "x" * 256},
        {"name": None},
        {"description": "y" * 256},
        {"admin_state_up": "perhaps"},
        {"admin_state_up": None},
        {"mtu": -1},
        {"mtu": "abc"},
        {"mtu": 67},
        {"mtu": 9000},
        {"shared": 3},
        {"nonsense": 1},
        {"id": NOBODY},
        {"status": "DOWN"},
        {"subnets": []},
        {"revision_number": 3},
        {"project_id": "a", "tenant_id": "b"},
        {"project_id": 5},
        {"tenant_id": ""},
        {"availability_zone_hints": ["nowhere"]},
        {"availability_zone_hints": "nowhere"},
        {"provider:network_type": "banana"},
        {"provider:network_type": "flat"},
        {"provider:network_type": "local", "provider:physical_network": "physnet1"},
        {"provider:network_type": "local", "provider:segmentation_id": 5},
        {"provider:physical_network": "physnet1"},
        {"provider:segmentation_id": "abc"},
        {"router:external": "x"},
    ):
        admin.post("networks", **given)
    for given in (
        {"id": NOBODY},
        {"status": "DOWN"},
        {"tenant_id": "alpha"},
        {"project_id": "alpha"},
        {"subnets": []},
        {"name": 7},
        {"nonsense": 1},
        {"provider:network_type": "flat"},
        {"availability_zone_hints": []},
        {"created_at": "now"},
    ):
        admin.put("networks", one, **given)
    for given in (
        {"shared": True},
        {"router:external": True},
        {"project_id": "beta"},
        {"provider:network_type": "local"},
    ):
        alpha.post("networks", **given)
    alpha.put("networks", one, name="b")
    alpha.delete("networks", one)
    bodies(admin)
    _wrong_ways(admin, one)
    _if_match(admin, one)
    admin.delete("networks", one)


def bodies(ask: Ask) -> None:
    """What is no body of a network."""
    body: Any
    for body in (
        {},
        [],
        {"network": None},
        {"network": []},
        {"network": "a"},
        {"net": {}},
        "network",
        7,
        {"networks": []},
    ):
        ask.to("POST", "networks", body)
    for body in (
        {"networks": {}},
        {"networks": "a"},
        {"networks": ["a"]},
        {"networks": [{"name": "a"}, {"name": 7}]},
        {"networks": [{"name": "a"}, {"nonsense": 7}]},
        {"networks": [None]},
    ):
        ask.to("POST", "networks", body)
    for raw in ("{", "not json", "", '{"network": {}', "null"):
        ask.to("POST", "networks", raw=raw, Content_Type="application/json")
    ask.to("POST", "networks", raw="<network/>", Content_Type="application/xml")
    ask.to("POST", "networks", raw='{"network": {"name": 7}}', Content_Type="text/plain")
    ask.get("networks")


def _wrong_ways(ask: Ask, one: str) -> None:
    for path in (
        f"networks/{NOBODY}",
        "networks/nonsense",
        f"networks/{one}/nonsense",
        f"networks/{one}/tags/nonsense/more",
        "nonsense",
        f"nonsense/{NOBODY}",
        "networks.json",
        f"networks/{one}.json",
        "networks/",
        f"networks/{one}/",
    ):
        ask.get(path)
    for method, path in (
        ("PUT", "networks"),
        ("DELETE", "networks"),
        ("PATCH", "networks"),
        ("POST", f"networks/{one}"),
        ("PATCH", f"networks/{one}"),
        ("PUT", f"networks/{NOBODY}"),
        ("DELETE", f"networks/{NOBODY}"),
        ("HEAD", "networks"),
        ("OPTIONS", "networks"),
    ):
        ask.to(method, path, {"network": {"name": "a"}} if method in {"PUT", "PATCH", "POST"} else None)


def _if_match(ask: Ask, one: str) -> None:
    body = {"network": {"description": "matched"}}
    revision = ask.get(f"networks/{one}")["network"]["revision_number"]
    for said in (
        f"revision_number={revision + 7}",
        "revision_number=abc",
        "nonsense",
        "",
        f"revision_number={revision}",
    ):
        ask.to("PUT", f"networks/{one}", body, If_Match=said)
    ask.to("DELETE", f"networks/{one}", If_Match="revision_number=99")
    ask.to("GET", f"networks/{one}", If_Match="revision_number=99")
    ask.to("POST", "networks", {"network": {}}, If_Match="revision_number=1")
