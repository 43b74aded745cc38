"""The cases of the bench: our API under load, a peer's, and pages of 100,000 ports."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert

from bench.neutron_api import load, ours
from bench.neutron_api.usage import usage
from bench.neutron_api.wire import Base, Request, ask
from deuteron.api.app import app
from deuteron.api.limits import Limits
from deuteron.api.server import listener, run, url_of
from deuteron.domain.ipam import key
from deuteron.identity.noauth import Noauth
from deuteron.identity.policy import Policy
from deuteron.resources import RESOURCES
from deuteron.resources.network import Network
from deuteron.resources.port import Port
from deuteron.resources.subnet import Subnet
from deuteron.resources.values import AllocationPool
from deuteron.store.driver import Connection, Statement
from deuteron.store.shape import shape_of
from deuteron.store.store import Store
from deuteron.store.tables import FIXED_IPS

Figures = dict[str, Any]

#: Ports of each project in the big store, which are all on one network of ``owner``.
_EACH: Final = 1000
_PAGE: Final = 1000
_OWNER: Final = "owner"
_FIRST: Final = int(IPv4Address("10.0.0.2"))
_ROUNDS: Final = 9


def api(*, quick: bool) -> Figures:
    """``deuteron serve`` as a user starts it, its agent following on this private host."""
    sizes = load.QUICK if quick else load.FULL
    with ours.place() as state, ours.serving(state) as one:
        pids = {"api": one.api, "agent": one.agent}
        measured = load.Measured(load.base_of(one.url), sizes, pids).all()
    return {"agent": "on", "clients": load.CLIENTS, "steps": measured}


def neutron_api(url: str, *, quick: bool) -> Figures:
    """The same of a running neutron-server."""
    sizes = load.QUICK if quick else load.PATIENT
    return {"url": url, "clients": load.CLIENTS, "steps": load.Measured(load.base_of(url), sizes).all()}


def api_pages(count: int) -> Figures:
    """Pages of a store with many ports, as several callers ask for them; milliseconds."""
    with ours.place() as state:
        store = state.with_name("deuteron.db")
        Store(f"sqlite:///{store}").close()
        begun = time.perf_counter()
        _written(Connection(store, write=True), count)
        filled = time.perf_counter() - begun
        with _alone(store) as one:
            return {"ports": count, "fill_seconds": round(filled, 1), "pages": dict(_pages(one))}


@contextmanager
def _alone(store: Path) -> Iterator[ours.Ours]:
    """The API's process without an agent's, which has nothing to do with ports of other hosts."""
    made = listener("127.0.0.1:0")
    place = url_of(made).removeprefix("http://")
    api = os.fork()
    if not api:
        try:
            served = app(Store(f"sqlite:///{store}"), Noauth([place]), Policy(), defect=print)
            run(served, made, Limits(), lambda: None)
        finally:
            os._exit(1)
    try:
        yield ours.Ours(url_of(made), api, api)
    finally:
        os.kill(api, signal.SIGKILL)
        os.waitpid(api, 0)


def _pages(one: ours.Ours) -> Iterator[tuple[str, Figures]]:
    admin = Base(one.url, {}, "")
    owner, tenant = _as(one.url, _OWNER), _as(one.url, "p1")
    middle = ask(admin, Request("GET", f"/ports?limit={_PAGE}"))["ports"][-1]["id"]
    asked = {
        "a page of 1,000": (admin, ""),
        "the page after it": (admin, f"&marker={middle}"),
        "a page by name": (admin, "&sort_key=name&sort_dir=asc"),
        "a page, its network's owner": (owner, ""),
        "a page by name, its network's owner": (owner, "&sort_key=name&sort_dir=asc"),
        "one project's by project_id": (admin, "&project_id=p1"),
        "one project's by tenant_id": (admin, "&tenant_id=p1"),
        "a project's own": (tenant, ""),
        "a project's own by project_id": (tenant, "&project_id=p1"),
    }
    for name, (base, more) in asked.items():
        yield name, _timed(base, Request("GET", f"/ports?limit={_PAGE}{more}"), one.api)


def _as(url: str, project: str) -> Base:
    return Base(url, {"X-Project-Id": project, "X-User-Id": "u", "X-Roles": "member,reader"}, project)


def _timed(base: Base, request: Request, api_pid: int) -> Figures:
    length = len(ask(base, request)["ports"])
    before, seconds = usage({"api": api_pid}), list[float]()
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        ask(base, request)
        seconds.append(time.perf_counter() - begun)
    cpu = usage({"api": api_pid})["api"] - before["api"]
    return {
        "ports": length,
        "median_ms": round(statistics.median(seconds) * 1e3, 1),
        "best_ms": round(min(seconds) * 1e3, 1),
        "cpu_ms": round(cpu / _ROUNDS * 1e3, 1),
    }


def _written(db: Connection, count: int) -> None:
    network = Network(id=_id(1, 1), project_id=_OWNER, name="crowded")
    pool = AllocationPool(start="10.0.0.1", end="10.255.255.254")
    subnet = Subnet(
        id=_id(2, 1),
        network_id=network.id,
        project_id=_OWNER,
        ip_version=4,
        cidr="10.0.0.0/8",
        allocation_pools=(pool,),
    )
    db.word("BEGIN IMMEDIATE")
    for collection, values in (("networks", [network]), ("subnets", [subnet]), ("ports", _ports(count))):
        shape = shape_of(RESOURCES[collection])
        db.run_many(shape.insert, map(shape.row, values))
    addresses = [
        {
            "port_id": _id(3, one),
            "position": 0,
            "subnet_id": subnet.id,
            "ip_address": text,
            "address": key(at),
        }
        for one, at, text in ((one, _FIRST + one, str(IPv4Address(_FIRST + one))) for one in range(count))
    ]
    db.run_many(Statement(insert(FIXED_IPS)), addresses)
    db.commit()
    db.close()


def _ports(count: int) -> Iterator[Port]:
    at = "2026-11-23T12:00:00Z"
    for one in range(count):
        yield Port(
            id=_id(3, one),
            project_id=f"p{one // _EACH}",
            name=f"port {one * 7919 % count}",
            network_id=_id(1, 1),
            mac_address="fa:" + ":".join(f"{octet:02x}" for octet in one.to_bytes(5, "big")),
            created_at=at,
            updated_at=at,
        )


def _id(kind: int, one: int) -> str:
    """Ids that do not come in the order in which they are made, as random ones."""
    return str(UUID(int=(one * 0x9E3779B97F4A7C15F39CC0605CEDC835 + kind) % (1 << 128)))
