"""A list as kept texts beside the same by its structs: nobody gets a row or a field more or less."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deuteron.identity.policy import Policy
from deuteron.resources import RESOURCES
from deuteron.resources.resource import renderer
from deuteron.service.call import Answer, Call
from deuteron.service.verbs import Service
from deuteron.store.query import Query
from deuteron.store.reading import Reading
from deuteron.store.store import Store
from tests.service.conftest import ALICE, BOB, OPERATOR, Desk, person

PORTS = RESOURCES["ports"]
CAROL = "c" * 32

#: What an operator may say of ports: rules on rows, on fields, on what only the structs know, and on others.
RULES = {
    "Neutron's": "",
    "rows by owner": '"get_port": "project_id:%(project_id)s"\n',
    "rows by the network's owner": '"get_port": "project_id:%(network:project_id)s"\n',
    "rows by sharing": '"get_port": "rule:shared or rule:admin_only"\n',
    "rows by what no ground is": '"get_port": "\'compute\':%(device_owner)s or project_id:%(project_id)s"\n',
    "fields by owner": '"get_port": "@"\n"get_port:mac_address": "project_id:%(project_id)s"\n',
    "fields by the network": '"get_port": "@"\n"get_port:fixed_ips": "project_id:%(network:project_id)s"\n',
    "fields by what no ground is": '"get_port": "@"\n"get_port:name": "\'p1\':%(name)s"\n',
    "fields by two": '"get_port": "@"\n"get_port:name": "project_id:%(tenant_id)s"\n'
    '"get_port:tags": "rule:network_owner"\n',
    "nobody": '"get_port": "!"\n',
}
ROLES = (("member", "reader"), ("reader",), ("admin", "reader"), ("service",), ("advsvc",))


def world(service: Service) -> tuple[list[str], list[str]]:
    """Networks of three projects, one shared with all, one with one; ports of everybody on those they see.

    Returns:
        The ids of the networks and of the ports.
    """
    admin = Desk(service, person(OPERATOR, "admin", "manager", "member", "reader"))
    alice, bob, carol = (Desk(service, person(one, "member", "reader")) for one in (ALICE, BOB, CAROL))
    own, theirs, common = alice.network(), bob.network(), admin.network(shared=True)
    admin.create(
        "rbac_policies",
        object_type="network",
        object_id=theirs["id"],
        action="access_as_shared",
        target_tenant=ALICE,
    )
    networks = [own, theirs, common]
    for at, one in enumerate(networks):
        admin.subnet(one, f"10.{at}.0.0/24", project_id=one["project_id"])
    places = [(alice, own), (alice, theirs), (alice, common), (bob, theirs), (bob, common), (carol, common)]
    ports = [
        who.port(where, name=f"p{turn}", tags=["t"] if turn else [], device_owner="compute" if turn else "")
        for who, where in places
        for turn in range(2)
    ]
    ports.append(admin.port(own, project_id=OPERATOR, name="p1"))
    return [one["id"] for one in networks], [one["id"] for one in ports]


def queries(chance: random.Random, networks: list[str], ports: list[str]) -> Iterator[dict[str, Any]]:
    """What is asked for: filters, order, pages."""
    filters = [
        (),
        (("project_id", (ALICE,)),),
        (("project_id", (BOB, CAROL)),),
        (("network_id", (chance.choice(networks),)),),
        (("name", ("p1",)),),
        (("tags", ("t",)),),
        (("id", tuple(chance.sample(ports, 4))),),
        (("project_id", ("nobody",)),),
    ]
    yield from ({"filters": one} for one in filters)
    yield {"limit": 3, "sort": (("name", False),)}
    yield {"limit": 4, "marker": chance.choice(ports), "reverse": chance.random() < 0.5}


def told(answer: Answer) -> Any:
    body = msgspec.json.decode(msgspec.json.encode(answer.body))
    return answer.status, body, answer.count, answer.first, answer.last


@contextmanager
def by_structs() -> Iterator[None]:
    """Nothing is kept as text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reading, "written", lambda *_: None)
        patch.setattr(Reading, "written_each", lambda *_: None)
        yield


@pytest.mark.parametrize("said", RULES)
def test_kept_texts_show_what_the_structs_show_to_everybody(store: Store, tmp_path: Path, said: str) -> None:
    networks, ports = world(Service(store, Policy()))
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES[said])
    rules.chmod(0o600)
    service = Service(store, Policy([rules] if RULES[said] else []))
    chance = random.Random(said)
    names = sorted(renderer(PORTS)(store.look(lambda unit: unit.get(PORTS, ports[0]))))

    async def scene() -> set[int]:
        lengths = set[int]()
        for project in (ALICE, BOB, CAROL, OPERATOR):
            for roles in ROLES:
                for query in queries(chance, networks, ports):
                    fields = frozenset(chance.sample(names, 3)) if chance.random() < 0.5 else None
                    call = Call(
                        caller=person(project, *roles),
                        resource=PORTS,
                        action="index",
                        query=Query(resource=PORTS, **query),
                        fields=fields,
                    )
                    with by_structs():
                        wanted = told(await service.answer(call))
                    assert told(await service.answer(call)) == wanted, (project, roles, query, fields)
                    lengths.add(len(wanted[1]["ports"]))
        return lengths

    lengths = asyncio.run(scene())
    assert (len(lengths) > 3) == (said != "nobody"), "the callers see different things"


def test_a_members_list_is_kept_and_made_of_no_struct(store: Store) -> None:
    world(Service(store, Policy()))
    service = Service(store, Policy())
    alice = Desk(service, person(ALICE, "member", "reader"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reading, "page", None)
        first = alice.index("ports")
        before = store.statements
        assert alice.index("ports") == first
        assert store.statements - before == 2, "the stamps and the networks; no text is made again"
    assert len(first) == 7
