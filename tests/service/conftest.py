"""The service over a real store, as the HTTP side calls it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deuteron.identity.caller import Caller
from deuteron.identity.policy import Policy
from deuteron.resources import RESOURCES
from deuteron.resources.refusal import Refusal
from deuteron.service.call import Answer, Call
from deuteron.service.verbs import Service
from deuteron.store.query import Query
from deuteron.store.store import Store

ALICE = "a" * 32
BOB = "b" * 32
OPERATOR = "0" * 32


def person(project: str, *roles: str) -> Caller:
    """Somebody with a token for a project."""
    return Caller(
        user_id=f"user-{project[0]}", project_id=project, roles=frozenset(roles), is_admin="admin" in roles
    )


class Desk:
    """One caller's way to the service."""

    def __init__(self, service: Service, caller: Caller) -> None:
        self.service = service
        self.caller = caller

    def ask(self, collection: str, action: str, **more: Any) -> Answer:
        resource = RESOURCES[collection]
        call = Call(caller=self.caller, resource=resource, action=action, **more)
        return asyncio.run(self.service.answer(call))

    def create(self, collection: str, **given: Any) -> dict[str, Any]:
        name = RESOURCES[collection].name
        made: dict[str, Any] = (self.ask(collection, "create", body={name: given}).body or {})[name]
        return made

    def update(self, collection: str, key: str, **given: Any) -> dict[str, Any]:
        name = RESOURCES[collection].name
        answer = self.ask(collection, "update", id=key, body={name: given})
        made: dict[str, Any] = (answer.body or {})[name]
        return made

    def delete(self, collection: str, key: str, **more: Any) -> None:
        self.ask(collection, "delete", id=key, **more)

    def show(self, collection: str, key: str, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = (self.ask(collection, "show", id=key, **more).body or {})[
            RESOURCES[collection].name
        ]
        return found

    def index(self, collection: str, **filters: Any) -> list[dict[str, Any]]:
        named = tuple((name, (value,)) for name, value in filters.items())
        query = Query(resource=RESOURCES[collection], filters=named)
        shown = (self.ask(collection, "index", query=query).body or {})[collection]
        found: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(shown))
        return found

    def network(self, **given: Any) -> dict[str, Any]:
        return self.create("networks", **given)

    def subnet(self, network: dict[str, Any], cidr: str = "10.0.0.0/24", **given: Any) -> dict[str, Any]:
        version = 6 if ":" in cidr else 4
        return self.create("subnets", network_id=network["id"], cidr=cidr, ip_version=version, **given)

    def port(self, network: dict[str, Any], **given: Any) -> dict[str, Any]:
        return self.create("ports", network_id=network["id"], **given)

    def refused(self, status: int, kind: str, verb: Any, *args: Any, **more: Any) -> str:
        """The sentence of the refusal that a verb must meet."""
        with pytest.raises(Refusal) as caught:
            verb(*args, **more)
        assert (caught.value.status, caught.value.type) == (status, kind), caught.value.message
        return caught.value.message


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with nothing in it, made once: the steps of its schema take a second."""
    path = tmp_path_factory.mktemp("blank") / "deuteron.db"
    Store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def store(tmp_path: Path, blank: Path) -> Iterator[Store]:
    shutil.copy(blank, tmp_path / "deuteron.db")
    kept = Store(f"sqlite:///{tmp_path / 'deuteron.db'}")
    yield kept
    kept.close()


@pytest.fixture(scope="session")
def policy() -> Policy:
    return Policy()


@pytest.fixture
def service(store: Store, policy: Policy) -> Service:
    return Service(store, policy)


@pytest.fixture
def alice(service: Service) -> Desk:
    return Desk(service, person(ALICE, "member", "reader"))


@pytest.fixture
def bob(service: Service) -> Desk:
    return Desk(service, person(BOB, "member", "reader"))


@pytest.fixture
def admin(service: Service) -> Desk:
    return Desk(service, person(OPERATOR, "admin", "manager", "member", "reader"))


def addresses(port: dict[str, Any]) -> list[str]:
    """The addresses of a port, in their order."""
    return [one["ip_address"] for one in msgspec.to_builtins(port["fixed_ips"])]
