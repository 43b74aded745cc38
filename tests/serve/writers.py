"""Sixteen clients that write over HTTP until the server is no more, and what must be true afterwards.

Each keeps what it was answered.  A request without an answer is *open*: after ``kill -9`` it may have been
done or not, wholly; after SIGTERM it was not done, since what is done is answered.
"""

from __future__ import annotations

import http.client
import random
import sqlite3
import threading
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

WRITERS: Final = 16
_BULK: Final = 4
_HEADERS: Final = {"Content-Type": "application/json"}


class World(msgspec.Struct, frozen=True):
    """What the writers write around: an external network, and a router and a subnet for each of them."""

    outside: str
    network: str
    routers: tuple[str, ...]
    subnets: tuple[str, ...]


class Ledger:
    """What one writer was answered.

    Attributes:
        there: by collection and id, as the last answer of 2xx showed it.
        gone: collection and id of what was deleted.
        whole: by name, how many ports an answered bulk made: all of them, or none where it was refused.
        joined: subnets that were answered to be on their router, or not to be.
        open: the request that was not answered: its operation and what it is about.
    """

    def __init__(self) -> None:
        self.there: dict[tuple[str, str], dict[str, Any]] = {}
        self.gone: set[tuple[str, str]] = set()
        self.whole: dict[str, int] = {}
        self.joined: dict[str, bool] = {}
        self.open: tuple[str, str] = ("", "")
        self.answers = 0


class Unanswered(Exception):  # noqa: N818 -- the end of a writer, and no error
    """The server is no more."""


class Writer(threading.Thread):
    """One client: random writes, one after the other, on one connection."""

    def __init__(self, number: int, seed: int, address: tuple[str, int], world: World) -> None:
        super().__init__(daemon=True)
        self.ledger = Ledger()
        self.wrong = self.last = ""
        self._number = number
        self._tag = f"{seed}-{number}"
        self._random = random.Random(f"{seed}/{number}")
        self._http = http.client.HTTPConnection(*address, timeout=30)
        self._world = world
        self._turn = 0

    def run(self) -> None:
        does = (self._bulk, self._single, self._join, self._floating, self._drop, self._refused)
        try:
            while self._turn < 100_000:
                self._turn += 1
                self._random.choice(does)()
        except Unanswered:
            return
        except AssertionError as error:
            self.wrong = repr(error)
            raise
        finally:
            self._http.close()

    def _ask(self, what: str, about: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        self.ledger.open = (what, about)
        content = None if body is None else msgspec.json.encode(body)
        try:
            self._http.request(method, f"/v2.0/{path}", content, _HEADERS)
            answer = self._http.getresponse()
            read = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.last = repr(error)
            raise Unanswered from None
        self.ledger.open = ("", "")
        self.ledger.answers += 1
        assert answer.status < 500, (what, read)
        return answer.status, msgspec.json.decode(read) if read else {}

    def _keep(self, collection: str, shown: dict[str, Any]) -> None:
        self.ledger.there[collection, shown["id"]] = shown

    def _bulk(self) -> None:
        """Ports, all or none: every other one asks for an address twice, and must leave nothing."""
        name, bad = f"bulk-{self._tag}-{self._turn}", self._random.random() < 0.4
        ports: list[dict[str, Any]] = [
            {"network_id": self._world.network, "name": name} for _ in range(_BULK)
        ]
        if bad:
            ports[-1]["fixed_ips"] = [{"ip_address": "192.0.2.1"}]
        status, body = self._ask("bulk", name, "POST", "ports", {"ports": ports})
        assert (status == 201) != bad, (status, body)
        self.ledger.whole[name] = 0 if bad else _BULK
        for one in body.get("ports", ()):
            self._keep("ports", one)

    def _single(self) -> None:
        name = f"one-{self._tag}-{self._turn}"
        kind = self._random.choice(("network", "port", "router"))
        given = {"name": name, **({"network_id": self._world.network} if kind == "port" else {})}
        status, body = self._ask("single", name, "POST", f"{kind}s", {kind: given})
        assert status == 201, body
        self._keep(f"{kind}s", body[kind])

    def _join(self) -> None:
        """A subnet onto its router, or off it."""
        router, subnet = self._world.routers[self._number], self._world.subnets[self._number]
        on = not self.ledger.joined.get(subnet, False)
        path = f"routers/{router}/{'add' if on else 'remove'}_router_interface"
        status, body = self._ask("join", subnet, "PUT", path, {"subnet_id": subnet})
        assert status == 200, body
        self.ledger.joined[subnet] = on

    def _floating(self) -> None:
        given = {"floating_network_id": self._world.outside, "description": f"f-{self._tag}-{self._turn}"}
        status, body = self._ask("single", given["description"], "POST", "floatingips", {"floatingip": given})
        assert status == 201, body
        self._keep("floatingips", body["floatingip"])

    def _drop(self) -> None:
        chosen = [key for key in self.ledger.there if key[0] in ("floatingips", "ports", "networks")]
        if not chosen:
            return
        collection, one = self._random.choice(chosen)
        status, body = self._ask("delete", one, "DELETE", f"{collection}/{one}")
        assert status == 204, body
        del self.ledger.there[collection, one]
        self.ledger.gone.add((collection, one))
        # A bulk of which one was deleted is not whole any more, by intention.
        self.ledger.whole = {
            name: count for name, count in self.ledger.whole.items() if not self._was(name, one)
        }

    def _was(self, name: str, gone: str) -> bool:
        kept = sum(1 for shown in self.ledger.there.values() if shown.get("name") == name)
        return self.ledger.whole[name] > kept

    def _refused(self) -> None:
        """Half of it could be done: a port with one good address and one that the subnet does not have."""
        name = f"bulk-{self._tag}-{self._turn}"
        fixed = [{"subnet_id": self._world.subnets[self._number]}, {"ip_address": "192.0.2.1"}]
        given = {"network_id": self._world.network, "name": name, "fixed_ips": fixed}
        status, _ = self._ask("bulk", name, "POST", "ports", {"port": given})
        assert status in (400, 404, 409)
        self.ledger.whole[name] = 0


def begin(base: str) -> World:
    """The world, through the API."""
    with httpx.Client(base_url=f"{base}/v2.0/", timeout=30) as client:

        def made(kind: str, **given: Any) -> str:
            answer = client.post(f"{kind}s", json={kind: given})
            assert answer.status_code == 201, answer.text
            return str(answer.json()[kind]["id"])

        client.put("quotas/fake_project_id", json={"quota": dict.fromkeys(_UNBOUNDED, -1)}).raise_for_status()
        outside = made("network", **{"router:external": True})
        made("subnet", network_id=outside, ip_version=4, cidr="198.18.0.0/15")
        network = made("network")
        made("subnet", network_id=network, ip_version=4, cidr="10.0.0.0/12")
        routers = tuple(made("router") for _ in range(WRITERS))
        subnets = tuple(
            made("subnet", network_id=made("network"), ip_version=4, cidr=f"172.16.{number}.0/24")
            for number in range(WRITERS)
        )
        return World(outside, network, routers, subnets)


_UNBOUNDED: Final = ("network", "subnet", "port", "router", "floatingip")


class Truth:
    """The file of the store, read when nobody writes it."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)
        self._db.row_factory = sqlite3.Row

    def rows(self, sql: str, *given: Any) -> list[Mapping[str, Any]]:
        return [dict(one) for one in self._db.execute(sql, given)]

    def column(self, sql: str, *given: Any) -> list[Any]:
        return [one[0] for one in self._db.execute(sql, given)]

    def close(self) -> None:
        self._db.close()


def joined(path: Path, world: World) -> dict[str, bool]:
    """Which subnets are on their routers, after what came before."""
    truth = Truth(path)
    try:
        return {subnet: bool(_interface(truth, subnet)) for subnet in world.subnets}
    finally:
        truth.close()


def check(path: Path, writers: list[Writer], *, killed: bool) -> None:
    """What was answered is there, and nothing is half.

    Args:
        path: of the store; nobody writes it now.
        writers: with what they were answered.
        killed: whether an open request may have been done.
    """
    truth = Truth(path)
    try:
        for one in writers:
            _answered(truth, one.ledger, killed=killed)
        _sound(truth)
    finally:
        truth.close()


def _answered(truth: Truth, ledger: Ledger, *, killed: bool) -> None:
    what, about = ledger.open
    for (collection, one), shown in ledger.there.items():
        (found,) = truth.rows(f"SELECT * FROM {collection} WHERE id = ?", one) or [{}]
        if not found and killed and (what, about) == ("delete", one):
            continue
        assert found, f"{collection}: answered, and gone"
        assert found["revision_number"] >= shown["revision_number"]
        if collection == "ports":
            _addresses(truth, one, shown)
    for collection, one in ledger.gone:
        assert not truth.column(f"SELECT 1 FROM {collection} WHERE id = ?", one), "deleted, and there again"
    for name, count in ledger.whole.items():
        found_now = truth.column("SELECT count(*) FROM ports WHERE name = ?", name)[0]
        deleting = killed and what == "delete" and count and found_now == count - 1
        assert found_now == count or deleting, f"half of a bulk: {found_now} of {count}"
    for subnet, on in ledger.joined.items():
        joined = bool(_interface(truth, subnet))
        assert joined == on or (killed and (what, about) == ("join", subnet)), (
            "an interface that was answered"
        )
    _open(truth, what, about, ledger, killed=killed)


def _addresses(truth: Truth, port: str, shown: Mapping[str, Any]) -> None:
    had = sorted(one["ip_address"] for one in shown["fixed_ips"])
    assert sorted(truth.column("SELECT ip_address FROM fixed_ips WHERE port_id = ?", port)) == had


def _interface(truth: Truth, subnet: str) -> list[Any]:
    return truth.column(
        "SELECT router_ports.router_id FROM router_ports JOIN fixed_ips USING (port_id) WHERE subnet_id = ?",
        subnet,
    )


def _open(truth: Truth, what: str, about: str, ledger: Ledger, *, killed: bool) -> None:
    """An open request was done wholly or not at all; where nothing was killed, not at all."""
    if what == "bulk":
        count = truth.column("SELECT count(*) FROM ports WHERE name = ?", about)[0]
        assert count in ((0, _BULK) if killed else (0,)), f"an open bulk made {count}"
    elif what == "single" and not killed:
        for table, column in (
            ("networks", "name"),
            ("ports", "name"),
            ("routers", "name"),
            ("floatingips", "description"),
        ):
            assert not truth.column(f"SELECT 1 FROM {table} WHERE {column} = ?", about), "done, not answered"
    elif what == "delete" and not killed:
        assert any(
            truth.column(f"SELECT 1 FROM {table} WHERE id = ?", about)
            for (table, one) in ledger.there
            if one == about
        )


def _sound(truth: Truth) -> None:
    """The file is whole, each table fits the others, and no address is given twice or lost."""
    assert truth.column("PRAGMA integrity_check") == ["ok"]
    assert truth.rows("PRAGMA foreign_key_check") == []
    for subnet in truth.rows("SELECT id, cidr, gateway_ip FROM subnets"):
        taken = truth.column("SELECT ip_address FROM fixed_ips WHERE subnet_id = ?", subnet["id"])
        assert len(set(taken)) == len(taken)
        assert all(ip_address(one) in ip_network(subnet["cidr"]) for one in taken)
        _pool(truth, subnet, taken)
    floating = set(truth.column("SELECT id FROM floatingips"))
    holders = truth.column("SELECT device_id FROM ports WHERE device_owner = 'network:floatingip'")
    assert sorted(holders) == sorted(floating), "a floating IP without its port, or the reverse"
    routers = set(truth.column("SELECT id FROM routers"))
    interfaces = truth.rows(
        "SELECT id, device_id FROM ports WHERE device_owner LIKE 'network:router_interface%'"
    )
    assert {one["device_id"] for one in interfaces} <= routers
    assert sorted(truth.column("SELECT port_id FROM router_ports")) == sorted(
        truth.column("SELECT id FROM ports WHERE device_owner LIKE 'network:router_%'")
    )
    every = truth.column("SELECT port_id FROM fixed_ips")
    assert set(truth.column("SELECT id FROM ports")) == set(every), (
        "a port without an address, or the reverse"
    )
    revisions = truth.column("SELECT revision FROM changes ORDER BY rowid")
    assert revisions == sorted(revisions)


def _pool(truth: Truth, subnet: Mapping[str, Any], taken: list[str]) -> None:
    """What is free and what is taken make the pools, and nothing is both."""
    size = sum(
        int(ip_address(one["last"])) - int(ip_address(one["first"])) + 1
        for one in truth.rows("SELECT first, last FROM allocation_pools WHERE subnet_id = ?", subnet["id"])
    )
    free = sum(
        int.from_bytes(one["last"]) - int.from_bytes(one["first"]) + 1
        for one in truth.rows("SELECT first, last FROM free_ranges WHERE pool = ?", subnet["id"])
    )
    inside = len([one for one in taken if one != subnet["gateway_ip"]])
    assert free + inside == size, "an address is lost, or given twice"
