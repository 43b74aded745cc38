"""The security advisories of OpenStack Networking that apply to what is served, each by its number.

Those that other files prove: OSSA-2014-031, OSSA-2026-016, OSSN-0102, CVE-2026-50266 and OSSA-2024-005 with
the whole policy matrix (``test_policy_matrix.py``, ``test_policy_attributes.py``); OSSA-2014-014 and
OSSA-2014-019 on a host (``tests/serve/test_any_tenant.py``); OSSA-2021-006 (``test_hostile.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import httpx

from tests.api.matrix import CALLERS, OURS, THEIRS, Who
from tests.api.questions import Questions

MEMBER, ADMIN = CALLERS[2], CALLERS[0]
Asked = tuple[str, str, Any]


async def _refused(
    who: Who, asked: Asked, statuses: tuple[int, ...], client: httpx.AsyncClient, told: str = ""
) -> str:
    method, path, body = asked
    answer = await client.request(method, f"/v2.0/{path}", json=body, headers=who.header)
    good = answer.status_code in statuses and told in answer.text
    return "" if good else f"{who.name}: {asked}: {answer.status_code} {answer.text[:200]}"


def refused(
    questions: Questions, *several: Asked, who: Who = MEMBER, statuses: tuple[int, ...] = (400, 403, 404)
) -> None:
    questions.each([partial(_refused, who, one, statuses) for one in several])


def one(questions: Questions, name: str) -> str:
    return str(questions.expected.world[name].shown["id"])


def test_ossa_2014_008_no_port_is_plugged_into_anothers_router(questions: Questions) -> None:
    """Not by its ``device_id``, whatever owner it says; nor taken off by changing it."""
    network, router = one(questions, "net_own"), one(questions, "router_foreign")
    asked: list[Asked] = []
    for owner in (
        "network:router_interface",
        "network:router_gateway",
        "network:router_interface_distributed",
    ):
        posed = {"device_owner": owner, "device_id": router}
        asked.append(("POST", "ports", {"port": {"network_id": network, **posed}}))
        asked.append(("PUT", f"ports/{one(questions, 'port_own')}", {"port": posed}))
    refused(questions, *asked, statuses=(400, 403, 404, 409))


def test_ossa_2014_021_and_2017_001_no_token_and_no_body_comes_back(questions: Questions) -> None:
    canary = "canary-7f3a"

    async def silent(body: Any, path: str, client: httpx.AsyncClient) -> str:
        headers = {**MEMBER.header, "x-auth-token": canary, "x-service-token": canary, "cookie": canary}
        answer = await client.post(f"/v2.0/{path}", json=body, headers=headers)
        return "" if answer.status_code >= 400 and canary not in answer.text else answer.text

    bodies: tuple[dict[str, Any], ...] = (
        {"network": {"mtu": "x"}},
        {"network": {"nothing": 1}},
        {},
        {"networks": []},
    )
    questions.each([partial(silent, body, path) for body in bodies for path in ("networks", "nothing")])


def test_ossa_2014_038_a_filter_of_ten_thousand_values_is_refused(questions: Questions) -> None:
    long = "ports?" + "&".join(["id=1"] * 10_000)
    refused(questions, ("GET", long, None), statuses=(414,))
    fewer = "ports?" + "&".join(f"id={number}" for number in range(900))
    refused(questions, ("GET", fewer, None), statuses=(400,))


def test_ossa_2014_039_name_servers_are_addresses_and_are_read_in_time(questions: Questions) -> None:
    """No pattern that takes longer the longer it is, and nothing but an address."""
    network = one(questions, "net_own")
    base = {"network_id": network, "ip_version": 4, "cidr": "10.200.0.0/24"}
    bad = (
        "a" * 60_000,
        "1." * 30_000,
        "x.y",
        "8.8.8.8\n",
        "8.8.8.8;",
        "-1",
        "%s",
        "8.8.8.8/32",
        "010.1.1.1",
        "",
    )
    asked: list[Asked] = [("POST", "subnets", {"subnet": {**base, "dns_nameservers": [it]}}) for it in bad]
    refused(questions, *asked, statuses=(400,))


def test_ossa_2015_012_a_length_of_nothing_is_no_route_to_anywhere_else(questions: Questions) -> None:
    """/0 as a subnet and mapped addresses: what the data path does not take is refused."""
    network = one(questions, "net_own")
    wrong = ("0.0.0.0/0", "::/0", "::/96", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "/24", "10.0.0.1/24/24")
    asked: list[Asked] = [
        (
            "POST",
            "subnets",
            {"subnet": {"network_id": network, "ip_version": 6 if ":" in it else 4, "cidr": it}},
        )
        for it in wrong
    ]
    refused(questions, *asked, statuses=(400, 409))


def test_ossa_2015_018_and_cve_2026_50266_an_instances_port_does_not_become_the_networks(
    questions: Questions,
) -> None:
    """On a network that is shared with its project: not the owner, nor the MAC or addresses."""
    port = f"ports/{one(questions, 'port_guest')}"
    given: list[dict[str, Any]] = [
        {"device_owner": "network:dhcp"},
        {"device_owner": "network:router_interface"},
        {"mac_address": "02:00:00:00:00:09"},
        {"fixed_ips": [{"ip_address": "10.3.0.99"}]},
        {"binding:host_id": "host-1"},
        {"binding:profile": {"a": 1}},
    ]
    refused(questions, *(("PUT", port, {"port": it}) for it in given), statuses=(403,))
    network = one(questions, "net_shared")
    refused(
        questions,
        *(("POST", "ports", {"port": {"network_id": network, **it}}) for it in given),
        statuses=(403,),
    )


def test_ossa_2021_005_no_control_character_in_any_text(questions: Questions) -> None:
    """A new line in a name is where the configuration of something else begins."""
    network = one(questions, "net_own")
    of = {"network_id": network}
    made: list[Callable[[str], Asked]] = [
        lambda bad: ("POST", "networks", {"network": {"name": bad}}),
        lambda bad: ("POST", "routers", {"router": {"name": bad}}),
        lambda bad: ("POST", "ports", {"port": {"network_id": network, "name": bad}}),
        lambda bad: (
            "POST",
            "ports",
            {"port": {**of, "mac_address": f"02:00:00:00:00:01{bad}"}},
        ),
        lambda bad: (
            "POST",
            "ports",
            {"port": {**of, "fixed_ips": [{"ip_address": f"10.1.0.9{bad}"}]}},
        ),
        lambda bad: (
            "POST",
            "subnets",
            {"subnet": {"network_id": network, "ip_version": 4, "cidr": f"10.222.0.0/24{bad}"}},
        ),
    ]
    bad = ("\n", "\r", "\x00", "a\nb", "\u2028", "\x1b[2J", "a\x7f")
    refused(questions, *(make(it) for make in made for it in bad), statuses=(400,))


def test_ossa_2024_005_tags_are_asked_about_their_resource_not_about_the_caller(
    questions: Questions,
) -> None:
    for name, path in (("net_shared", "networks"), ("net_ext", "networks"), ("sub_shared", "subnets")):
        tags = f"{path}/{one(questions, name)}/tags"
        refused(questions, ("PUT", tags, {"tags": ["x"]}), ("POST", tags, {"tags": ["x"]}), statuses=(403,))
        refused(questions, ("PUT", f"{tags}/x", None), ("DELETE", tags, None), statuses=(403,))


def test_cve_2018_14635_its_owner_chooses_addresses_of_a_shared_network_alone(
    questions: Questions,
) -> None:
    """A port with an address that was chosen, the gateway's say, takes a network over."""
    network = one(questions, "net_shared")
    body = {"port": {"network_id": network, "fixed_ips": [{"ip_address": "10.3.0.1"}]}}
    refused(questions, ("POST", "ports", body), statuses=(403,))


def test_cve_2022_3277_and_2023_3637_a_get_writes_nothing(questions: Questions) -> None:
    """Neither for a project that nobody has heard of."""

    async def nothing(client: httpx.AsyncClient) -> str:
        strange = Who("strange", "f" * 32, frozenset({"member", "reader"}))
        before = questions.store.written
        for path in ("networks", "ports", "subnets", "routers", "floatingips", f"quotas/{strange.project}"):
            await client.get(f"/v2.0/{path}", headers=strange.header)
            await client.get(f"/v2.0/{path}?project_id=anything", headers=ADMIN.header)
        return "" if questions.store.written == before else "a GET has written"

    questions.each([nothing])


def test_cve_2012_2101_there_are_quotas_and_a_bulk_does_not_go_round_them(questions: Questions) -> None:
    """Of every kind from the start, counted over the whole of a bulk; no negative number frees anybody."""
    for kind, many in (("network", "networks"), ("router", "routers")):
        refused(questions, ("POST", many, {many: [{} for _ in range(200)]}), statuses=(400, 409))
        limits = {"quota": {kind: -2}}
        refused(questions, ("PUT", f"quotas/{THEIRS}", limits), who=ADMIN, statuses=(400,))
        refused(questions, ("PUT", f"quotas/{OURS}", {"quota": {kind: -1}}), statuses=(403,))
        several: tuple[Any, ...] = (2**31, 10**400, "1e3", None, [], {}, 1.5e300)
        for bad in several:
            asked: Asked = ("PUT", f"quotas/{THEIRS}", {"quota": {kind: bad}})
            refused(questions, asked, who=ADMIN, statuses=(400,))
