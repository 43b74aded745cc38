"""The API over the real service, store and policy: what a client does first, and the document of it all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from deuteron.api.app import app
from deuteron.api.asgi import Api
from deuteron.identity.noauth import Noauth
from deuteron.identity.policy import Policy
from deuteron.resources import RESOURCES
from deuteron.store.store import Store

Ask = Callable[..., Awaitable[httpx.Response]]
DRAFT = "https://json-schema.org/draft/2020-12/schema"


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[tuple[Api, list[BaseException]]]:
    store = Store(f"sqlite:///{tmp_path / 'api.db'}")
    defects: list[BaseException] = []
    try:
        yield app(store, Noauth(["127.0.0.1:9696"]), Policy(), defect=defects.append), defects
    finally:
        store.close()


def session(whole: tuple[Api, list[BaseException]], what: Callable[[Ask], Awaitable[None]]) -> None:
    """Ask in one loop; whatever the API had not foreseen fails the test."""

    async def run() -> None:
        transport = httpx.ASGITransport(app=whole[0])
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9696") as client:
            await what(client.request)

    asyncio.run(run())
    for one in whole[1]:
        raise one


def test_a_network_is_made_read_changed_listed_and_deleted(whole: Any) -> None:
    async def what(ask: Ask) -> None:
        made = await ask("POST", "/v2.0/networks", json={"network": {"name": "a"}})
        assert made.status_code == 201, made.text
        network = made.json()["network"]
        assert network["project_id"] == network["tenant_id"]
        path = f"/v2.0/networks/{network['id']}"
        assert (await ask("GET", path)).json() == {"network": network}
        changed = await ask("PUT", path, json={"network": {"name": "b"}})
        assert (changed.status_code, changed.json()["network"]["name"]) == (200, "b")
        revision = changed.json()["network"]["revision_number"]
        stale = {"If-Match": f"revision_number={revision - 1}"}
        refused = await ask("PUT", path, json={"network": {"name": "c"}}, headers=stale)
        assert refused.status_code == 412
        assert refused.json()["NeutronError"] == {
            "type": "RevisionNumberConstraintFailed",
            "message": f"Constrained to {revision - 1}, but current revision is {revision}",
            "detail": "",
        }
        listed = await ask("GET", "/v2.0/networks?name=b&fields=id&fields=tenant_id")
        assert listed.json() == {"networks": [{"id": network["id"], "tenant_id": network["tenant_id"]}]}
        gone = await ask("DELETE", path, headers={"If-Match": f"revision_number={revision}"})
        assert (gone.status_code, gone.content) == (204, b"")
        missing = await ask("GET", path)
        assert missing.status_code == 404
        assert missing.json()["NeutronError"] == {
            "type": "NetworkNotFound",
            "message": f"Network {network['id']} could not be found.",
            "detail": "",
        }

    session(whole, what)


def test_a_bulk_create_is_all_or_nothing(whole: Any) -> None:
    async def what(ask: Ask) -> None:
        both = {"networks": [{"name": "a"}, {"network": {"name": "b"}}]}
        made = await ask("POST", "/v2.0/networks", json=both)
        assert made.status_code == 201, made.text
        assert [one["name"] for one in made.json()["networks"]] == ["a", "b"]
        wrong = {"networks": [{"name": "c"}, {"name": 7}]}
        assert (await ask("POST", "/v2.0/networks", json=wrong)).status_code == 400
        listed = await ask("GET", "/v2.0/networks?sort_key=name&sort_dir=desc")
        assert [one["name"] for one in listed.json()["networks"]] == ["b", "a"]

    session(whole, what)


def test_pages_walk_the_whole_list_both_ways(whole: Any) -> None:
    async def what(ask: Ask) -> None:
        body = {"networks": [{"name": f"n{number}"} for number in range(5)]}
        await ask("POST", "/v2.0/networks", json=body)
        seen = await walked(ask, "/v2.0/networks?limit=2&fields=name&sort_key=name&sort_dir=asc", "next")
        assert seen == [f"n{number}" for number in range(5)]
        last = (await ask("GET", "/v2.0/networks?name=n4")).json()["networks"][0]["id"]
        path = (
            f"/v2.0/networks?limit=2&fields=name&sort_key=name&sort_dir=asc&page_reverse=True&marker={last}"
        )
        assert sorted(await walked(ask, path, "previous")) == [f"n{number}" for number in range(4)]

    session(whole, what)


async def walked(ask: Ask, path: str, rel: str) -> list[str]:
    seen: list[str] = []
    for _ in range(9):
        answer = (await ask("GET", path)).json()
        seen += [one["name"] for one in answer["networks"]]
        links = {one["rel"]: one["href"] for one in answer.get("networks_links", [])}
        if rel not in links:
            return seen
        path = links[rel]
    raise AssertionError("no end")


def test_tags_of_a_network(whole: Any) -> None:
    async def what(ask: Ask) -> None:
        network = (await ask("POST", "/v2.0/networks", json={"network": {}})).json()["network"]
        tags = f"/v2.0/networks/{network['id']}/tags"
        put = await ask("PUT", tags, json={"tags": ["red", "a/b"]})
        assert (put.status_code, sorted(put.json()["tags"])) == (200, ["a/b", "red"])
        assert (await ask("PUT", f"{tags}/blue")).status_code == 201
        assert (await ask("GET", f"{tags}/a%2Fb")).status_code == 204
        assert (await ask("GET", f"{tags}/green")).status_code == 404
        assert (await ask("DELETE", f"{tags}/red")).status_code == 204
        assert sorted((await ask("GET", tags)).json()["tags"]) == ["a/b", "blue"]
        found = (await ask("GET", "/v2.0/networks?tags=blue")).json()["networks"]
        assert [one["id"] for one in found] == [network["id"]]
        assert (await ask("DELETE", tags)).status_code == 204

    session(whole, what)


def test_a_port_forwarding_is_found_below_its_own_floating_ip_alone(whole: Any) -> None:
    """OSSN-0102: a child is loaded together with the parent in its path."""

    async def what(ask: Ask) -> None:
        outside = await made(ask, "network", name="ext", **{"router:external": True})
        await made(ask, "subnet", network_id=outside["id"], ip_version=4, cidr="203.0.113.0/24")
        inside = await made(ask, "network", name="in")
        subnet = await made(ask, "subnet", network_id=inside["id"], ip_version=4, cidr="10.0.0.0/24")
        router = await made(ask, "router", external_gateway_info={"network_id": outside["id"]})
        path = f"/v2.0/routers/{router['id']}/add_router_interface"
        assert (await ask("PUT", path, json={"subnet_id": subnet["id"]})).status_code == 200
        port = await made(ask, "port", network_id=inside["id"])
        ours = await made(ask, "floatingip", floating_network_id=outside["id"])
        other = await made(ask, "floatingip", floating_network_id=outside["id"])
        body = {
            "internal_port_id": port["id"],
            "internal_ip_address": port["fixed_ips"][0]["ip_address"],
            "internal_port": 80,
            "external_port": 8080,
            "protocol": "tcp",
        }
        below = f"/v2.0/floatingips/{ours['id']}/port_forwardings"
        posted = await ask("POST", below, json={"port_forwarding": body})
        assert posted.status_code == 201, posted.text
        one = posted.json()["port_forwarding"]["id"]
        assert (await ask("GET", f"{below}/{one}")).status_code == 200
        foreign = f"/v2.0/floatingips/{other['id']}/port_forwardings/{one}"
        assert (await ask("GET", foreign)).status_code == 404
        assert (await ask("DELETE", foreign)).status_code == 404
        assert (await ask("PUT", foreign, json={"port_forwarding": {}})).status_code == 404
        assert (await ask("GET", f"{below}/{one}")).status_code == 200

    session(whole, what)


async def made(ask: Ask, kind: str, /, **attributes: Any) -> dict[str, Any]:
    answer = await ask("POST", f"/v2.0/{kind}s", json={kind: attributes})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()[kind]
    return found


def test_every_list_of_the_document_answers_as_the_document_says(whole: Any) -> None:
    async def what(ask: Ask) -> None:
        await made(ask, "network", name="a")
        described = (await ask("GET", "/openapi.json")).json()
        for path, operations in described["paths"].items():
            if "{" in path or "get" not in operations:
                continue
            answer = await ask("GET", path)
            assert answer.status_code == 200, (path, answer.text)
            content = operations["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            jsonschema.Draft202012Validator({**content, "components": described["components"]}).validate(
                answer.json()
            )

    session(whole, what)


def test_the_document_is_whole(whole: Any) -> None:
    async def what(ask: Ask) -> None:
        described = (await ask("GET", "/openapi.json")).json()
        assert described["openapi"].startswith("3.1.")
        text = json.dumps(described)
        for name, schema in described["components"]["schemas"].items():
            jsonschema.Draft202012Validator.check_schema(schema)
            assert name in text
        for ref in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
            assert ref.removeprefix("#/components/schemas/") in described["components"]["schemas"]
        operations = [
            (path, one, operation)
            for path, item in described["paths"].items()
            for one, operation in item.items()
            if one != "parameters"
        ]
        names = [operation["operationId"] for _, _, operation in operations]
        assert len(names) == len(set(names))
        for path, item in described["paths"].items():
            pieces = {piece[1:-1] for piece in path.split("/") if piece.startswith("{")}
            assert {one["name"] for one in item.get("parameters", [])} == pieces
        collections = {operation["tags"][0] for _, _, operation in operations}
        assert collections == set(RESOURCES) - {"tags"}  # they are below what has them

    session(whole, what)
