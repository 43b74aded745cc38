"""Two tenants and an administrator of the API, who put a canary wherever a value of theirs can stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

import httpx
import msgspec

from deuteron.api.dispatch import Routes
from deuteron.resources import RESOURCES
from deuteron.service.verbs import VERBS
from tests.canary.canaries import Canaries, kind_of

#: What the planted defect of the test build reacts to, at the beginning of a name.
DEFECT: Final = "defect-"
_METHODS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
#: What the API takes for these is no text, so that a canary there is refused.
_BIG: Final = 70_000


class Client:
    """Somebody with a token.

    Args:
        url: of the API.
        canaries: whose values are his.

    Attributes:
        answers: the statuses that he got.
        heard: what others' values an answer had in it, that he had not sent himself.
    """

    def __init__(self, url: str, canaries: Canaries, token: str) -> None:
        self.canaries = canaries
        self.answers: list[int] = []
        self.heard: list[str] = []
        self.others: Canaries | None = None
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30.0)
        self._token = token

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The answer's document; ``None`` where there is none."""
        content = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        request = self._http.build_request(
            method,
            path,
            content=content,
            params=query,
            headers={"X-Auth-Token": self._token, **(headers or {})},
        )
        if body is not None:
            request.headers["Content-Type"] = "application/json"
        answer = self._http.send(request)
        self.answers.append(answer.status_code)
        got = answer.content + repr(answer.headers.raw).encode()
        if self.others is not None:
            sent = {hit.canary for hit in self.others.find(content + str(request.url).encode())}
            self.heard += self._told(method, path, answer.status_code, got, {one.value for one in sent})
        return _document(answer)

    def _told(self, method: str, path: str, status: int, got: bytes, sent: set[str]) -> Iterator[str]:
        for hit in self._others().find(got):
            if hit.canary.value not in sent:
                yield f"{method} {path}: {status}: {hit}"

    def _others(self) -> Canaries:
        assert self.others is not None
        return self.others

    def learn(self, document: Any) -> Any:
        """Addresses, MACs and ids that the API has chosen are this tenant's from now on."""
        for text in _texts(document):
            if (kind := kind_of(text)) is not None:
                self.canaries.note(kind, text)
        return document

    def make(self, collection: str, **given: Any) -> Any:
        """A resource with a canary in every attribute that takes any text."""
        resource = RESOURCES[collection.replace("-", "_")]
        texts = {
            name: self.canaries.name(name)
            for name in ("name", "description")
            if name in resource.attributes and resource.attributes[name].post
        }
        document = self("POST", f"/v2.0/{collection}", {resource.name: {**texts, **given}})
        assert self.answers[-1] == 201, (collection, given, document)
        return self.learn(document)[resource.name]

    def close(self) -> None:
        self._http.close()


def _document(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            yield from (text for one in value.values() for text in _texts(one))
        case list():
            yield from (text for one in value for text in _texts(one))


class World:
    """What a tenant has: one of everything that a tenant can make.

    Attributes:
        ids: by collection, of one resource each.
    """

    def __init__(self, client: Client, public: str, net4: str) -> None:
        make, new = client.make, client.canaries
        self.client = client
        network = make("networks")
        subnet = make(
            "subnets",
            network_id=network["id"],
            ip_version=4,
            cidr=f"{net4}0/24",
            dns_nameservers=[f"{net4}200"],
            host_routes=[{"destination": f"{new.net4()}0/24", "nexthop": f"{net4}201"}],
        )
        mac, device = new.mac(), new.uuid()
        port = make("ports", network_id=network["id"], mac_address=mac, device_id=device)
        second = make("ports", network_id=network["id"])
        router = make("routers", external_gateway_info={"network_id": public})
        client("PUT", f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
        route = {"destination": f"{new.net4()}0/24", "nexthop": f"{net4}77"}
        client("PUT", f"/v2.0/routers/{router['id']}", {"router": {"routes": [route]}})
        floating = make("floatingips", floating_network_id=public, port_id=port["id"])
        forwarding = self._forwarding(public, second)
        scope = make("address-scopes", ip_version=4)
        pool = make("subnetpools", prefixes=[f"{new.net4()}0/24"], address_scope_id=scope["id"])
        for kind, one in (("networks", network), ("ports", port), ("routers", router)):
            client("PUT", f"/v2.0/{kind}/{one['id']}/tags", {"tags": [new.name("tag"), new.name("tag")]})
            client("PUT", f"/v2.0/{kind}/{one['id']}/tags/{new.name('tag')}")
        shared = {"object_type": "network", "object_id": network["id"], "action": "access_as_shared"}
        rbac = make("rbac-policies", target_tenant=new.token(), **shared)
        self.ids = {
            "networks": network["id"],
            "subnets": subnet["id"],
            "ports": port["id"],
            "routers": router["id"],
            "floatingips": floating["id"],
            "port_forwardings": forwarding,
            "address-scopes": scope["id"],
            "subnetpools": pool["id"],
            "rbac-policies": rbac["id"],
        }
        self.values = {"mac": mac, "address": f"{net4}9", "prefix": f"{net4}0/24", "device": device}

    def _forwarding(self, public: str, port: Any) -> str:
        self.forwarded = self.client.make("floatingips", floating_network_id=public)["id"]
        body = {
            "protocol": "tcp",
            "external_port": 8080,
            "internal_port": 80,
            "internal_port_id": port["id"],
            "internal_ip_address": port["fixed_ips"][0]["ip_address"],
        }
        path = f"/v2.0/floatingips/{self.forwarded}/port_forwardings"
        made = self.client("POST", path, {"port_forwarding": body})
        return str(self.client.learn(made)["port_forwarding"]["id"])


def every_verb(client: Client, of: World) -> int:
    """Each method of each place, on somebody's resources, with canaries in all that is sent.

    Returns:
        How many requests that were.
    """
    new, count = client.canaries, len(client.answers)
    unknown, tag, header = new.uuid(), quote(new.name("tag")), {"X-Something": new.name("header")}
    query, bodies = _query(new, of), _bodies(new, of)
    for place in Routes(RESOURCES, VERBS).places():
        collection = place.path.split("/")[2]
        ident = of.ids.get(place.resource.collection if "parent" in place.path else collection, unknown)
        path = place.path.replace("{id}", ident).replace("{parent_id}", of.forwarded).replace("{tag}", tag)
        client("GET", path)  # all that he may see
        for method in sorted(_METHODS, key=lambda one: one == "DELETE"):
            for body in bodies if method in ("POST", "PUT") else [None]:
                of_place = None if body is None else _of(body, place.resource.name)
                client(method, path, of_place, query, header)
    return len(client.answers) - count


def _query(new: Canaries, of: World) -> dict[str, str]:
    return {
        "name": new.name("filter"),
        "id": of.ids["ports"],
        "project_id": new.token(),
        "fixed_ips": f"ip_address={of.values['address']}",
        "mac_address": of.values["mac"],
        "fields": new.name("field"),
        "tags": new.name("tag"),
    }


#: Stands for the resource's name in a body.
_RESOURCE: Final = "RESOURCE"


def _of(body: bytes, name: str) -> bytes:
    return body.replace(_RESOURCE.encode(), name.encode())


def _bodies(new: Canaries, of: World) -> list[bytes]:
    """What is wrong in one way or another, and in each value of it somebody's."""
    wrong = {
        "name": new.name("name"),
        "tenant_id": new.token(),
        "network_id": of.ids["networks"],
        "subnet_id": of.ids["subnets"],
        "port_id": of.ids["ports"],
        "mac_address": of.values["mac"],
        "cidr": of.values["prefix"],
    }
    several: list[Any] = [
        {_RESOURCE: wrong},
        {_RESOURCE: {"name": new.name(), "description": new.name("description")}},
        {_RESOURCE: {new.name("key"): new.name("value")}},
        {_RESOURCE: {"name": {new.name("key"): new.uuid()}, "admin_state_up": new.name("boolean")}},
        {_RESOURCE: {"fixed_ips": [{"ip_address": of.values["address"], "subnet_id": of.ids["subnets"]}]}},
        {f"{_RESOURCE}s": [wrong, wrong]},
        {"subnet_id": of.ids["subnets"], "port_id": of.ids["ports"], "tags": [new.name("tag")]},
    ]
    return [
        *map(msgspec.json.encode, several),
        f'{{"{_RESOURCE}": {{"name": "{new.name("cut")}'.encode(),
        f'"{new.name("text")}"'.encode(),
        b'{"' + new.name("octets").encode() + b'": "\xff"}',
    ]


def games(client: Client) -> None:
    """What no client of OpenStack sends."""
    new = client.canaries
    for path in (f"/{new.name()}", f"/v2.0/{new.name()}", f"/v2.0/networks/{new.uuid()}/{new.name()}"):
        client("GET", path)
    client("GET", "/v2.0/networks", query={"limit": new.name(), "marker": new.uuid(), "sort_key": new.name()})
    client("GET", f"/v2.0/networks?{new.name()}=%ff")
    for headers in (
        {"If-Match": f"revision_number={new.name()}"},
        {"X-Auth-Token": new.name("token")},
        {"Host": new.name("host"), "Origin": f"http://{new.name('origin')}"},
    ):
        client("GET", "/v2.0/networks", headers=headers)
    client("POST", "/v2.0/networks", {"network": {"name": new.name() * _BIG}})
    client("GET", f"/v2.0/networks?name={new.name() * 2500}")
    client("POST", "/v2.0/networks", b"[" * 50_000 + new.name().encode())
