"""A client of the API in process: it asks in JSON, and fails where the answer is no success."""

from __future__ import annotations

from typing import Any, Final

import httpx

HOST: Final = "http://127.0.0.1:9696"


class Client:
    """Asks in JSON, and says what was answered."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(method, f"/v2.0/{path}", json=body, headers=named)

    async def got(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.ask(method, path, body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def make(self, kind: str, /, **given: Any) -> dict[str, Any]:
        many = {"address_scope": "address-scopes", "rbac_policy": "rbac-policies"}.get(kind, f"{kind}s")
        made: dict[str, Any] = (await self.got("POST", many, {kind: given}))[kind]
        return made

    async def put(self, kind: str, one: dict[str, Any], /, **given: Any) -> dict[str, Any]:
        changed: dict[str, Any] = (await self.got("PUT", f"{kind}s/{one['id']}", {kind: given}))[kind]
        return changed

    async def listed(self, path: str) -> list[Any]:
        (found,) = [value for name, value in (await self.got("GET", path)).items() if "links" not in name]
        return list(found)

    async def refused(self, status: int, method: str, path: str, body: Any = None) -> str:
        answer = await self.ask(method, path, body)
        assert answer.status_code == status, answer.text
        message: str = answer.json()["NeutronError"]["message"]
        return message

    async def subnet(self, network: dict[str, Any], cidr: str = "10.0.0.0/24", **given: Any) -> Any:
        return await self.make("subnet", network_id=network["id"], ip_version=4, cidr=cidr, **given)

    async def outside(self) -> dict[str, Any]:
        network = await self.make("network", **{"router:external": True})
        await self.subnet(network, "203.0.113.0/24")
        return network

    async def floating(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """A floating IP, and a port that it could stand for."""
        outside, inside = await self.outside(), await self.make("network")
        subnet = await self.subnet(inside)
        router = await self.make("router", external_gateway_info={"network_id": outside["id"]})
        await self.got("PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
        port = await self.make("port", network_id=inside["id"], name="server")
        return await self.make("floatingip", floating_network_id=outside["id"]), port

    async def forwarding(self, **given: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """The path of a floating IP's forwardings, one of them, and the port that it leads to."""
        floating, port = await self.floating()
        body = {
            "internal_port_id": port["id"],
            "internal_ip_address": port["fixed_ips"][0]["ip_address"],
            **({"internal_port": 80, "external_port": 8080, "protocol": "tcp"} | given),
        }
        path = f"floatingips/{floating['id']}/port_forwardings"
        posted = await self.got(
            "POST", path, {"port_forwarding": {name: one for name, one in body.items() if one}}
        )
        return path, posted["port_forwarding"], port
