"""What is asked of a Networking API, and how fast it answers.

Run by itself against any server on this host::

    python -m bench.neutron_api.load http://127.0.0.1:9696 [--quick] [--out FILE]

With ``OS_AUTH_URL`` in the environment a token is got for ``OS_USERNAME``, ``OS_PASSWORD`` and
``OS_PROJECT_NAME`` first.  What is made stays there: give it a server that is thrown away afterwards.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from bench.neutron_api.usage import Usage, usage
from bench.neutron_api.wire import Base, Client, Load, Request, ask, run

Figures = dict[str, Any]

CLIENTS: Final = 8
LISTED: Final = 1000
_LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_UNLIMITED: Final = ("network", "subnet", "port", "router", "floatingip")


class Sizes(NamedTuple):
    """How many requests of each kind: with eight clients, with one, and lists."""

    many: int = 2000
    one: int = 200
    lists: int = 80


FULL: Final = Sizes()
#: For who answers a hundredth as fast.
PATIENT: Final = Sizes(80, 10, 16)
QUICK: Final = Sizes(120, 20, 8)


class Measured:
    """One server under load, step by step.

    Args:
        base: the server.
        sizes: how much is asked.
        pids: the processes whose processor time is told, by name; each with all below it.
    """

    def __init__(self, base: Base, sizes: Sizes, pids: dict[str, int] | None = None) -> None:
        self.base = base
        self.sizes = sizes
        self.figures: Figures = {}
        self._pids = pids or {}
        self._made: dict[str, list[str]] = {}

    def all(self) -> Figures:
        """Every step; each needs those before it."""
        lift = {"quota": dict.fromkeys(_UNLIMITED, -1)}
        ask(self.base, Request("PUT", f"/quotas/{self.base.project}", lift))
        self._creations()
        self._lists()
        self._floating_ips()
        self._interfaces()
        return self.figures

    def _creations(self) -> None:
        self._posts("network", lambda _: {"name": "load"})
        networks = self._made["network"]
        self._posts("subnet", lambda at: _subnet(networks[at], f"10.{at >> 8 & 255}.{at & 255}.0/24"))
        crowded = self._one("network", {"name": "crowded"})
        self._one("subnet", _subnet(crowded, "10.240.0.0/16"))
        self._crowded = crowded
        self._posts("port", lambda _: {"network_id": crowded, "name": "load"})
        self._posts("router", lambda _: {"name": "load"})

    def _lists(self) -> None:
        ports = self._made["port"]
        while len(ports) < LISTED:
            body = [{"network_id": self._crowded, "name": "load"}] * min(50, LISTED - len(ports))
            made = ask(self.base, Request("POST", "/ports", {"ports": body}))
            ports += [one["id"] for one in made["ports"]]
        listed = f"/ports?network_id={self._crowded}&limit={LISTED}"
        if len(ask(self.base, Request("GET", listed))["ports"]) != LISTED:
            raise RuntimeError("the list is not as long as it should be")
        self._step("GET 1,000 ports", [[Request("GET", listed)]] * self.sizes.lists, one=self.sizes.lists)
        count = self.sizes.many + self.sizes.one
        self._step("GET port", [[Request("GET", f"/ports/{ports[at % LISTED]}")] for at in range(count)])

    def _floating_ips(self) -> None:
        outside = self._one("network", {"name": "outside", "router:external": True})
        self._one("subnet", {**_subnet(outside, "198.18.0.0/16"), "enable_dhcp": False})
        body = {"floatingip": {"floating_network_id": outside}}

        def turns(count: int) -> Client:
            for _ in range(count):
                made = yield Request("POST", "/floatingips", body)
                yield Request("DELETE", f"/floatingips/{made.json()['floatingip']['id']}")

        self._clients("POST and DELETE floatingip", turns, requests=2)

    def _interfaces(self) -> None:
        pairs = list(zip(self._made["router"], self._made["subnet"], strict=True))
        self._step(
            "PUT add_router_interface",
            [[Request("PUT", f"/routers/{a}/add_router_interface", {"subnet_id": b})] for a, b in pairs],
        )

    def _one(self, kind: str, given: dict[str, Any]) -> str:
        made: str = ask(self.base, Request("POST", f"/{kind}s", {kind: given}))[kind]["id"]
        return made

    def _posts(self, kind: str, given: Callable[[int], dict[str, Any]]) -> None:
        """Make many of a kind and keep their ids."""
        made = self._made[kind] = []
        places = iter(range(1 << 30))

        def turns(count: int) -> Client:
            for _ in range(count):
                answer = yield Request("POST", f"/{kind}s", {kind: given(next(places))})
                made.append(answer.json()[kind]["id"])

        self._clients(f"POST {kind}", turns)

    def _step(self, name: str, asked: Sequence[Sequence[Request]], one: int = 0) -> None:
        """Ask what is listed, some of it by one client, the rest by eight."""
        left = iter([*asked, *asked] if one else asked)

        def turns(count: int) -> Client:
            for _ in range(count):
                for request in next(left, ()):  # noqa: UP028 -- an iterator takes no answers
                    yield request

        self._clients(name, turns, many=one or self.sizes.many, alone=min(one or 1 << 30, self.sizes.one))

    def _clients(
        self,
        name: str,
        turns: Callable[[int], Client],
        *,
        requests: int = 1,
        many: int = 0,
        alone: int = 0,
    ) -> None:
        many, alone = many or self.sizes.many, alone or self.sizes.one
        before = usage(self._pids)
        quiet = run(self.base, [turns(alone)])
        between = usage(self._pids)
        busy = run(self.base, [turns(share) for share in _shares(many)])
        after = usage(self._pids)
        self.figures[name] = {
            "requests": requests,
            "one": _figures(quiet, requests, before, between),
            "eight": _figures(busy, requests, between, after),
        }
        print(f"  {name}: {self.figures[name]['eight']}", file=sys.stderr, flush=True)


def _subnet(network: str, cidr: str) -> dict[str, Any]:
    return {"network_id": network, "ip_version": 4, "cidr": cidr}


def _shares(count: int) -> Iterator[int]:
    for place in range(CLIENTS):
        yield count // CLIENTS + (place < count % CLIENTS)


def _figures(load: Load, requests: int, before: Usage, after: Usage) -> Figures:
    turns = len(load.seconds) // requests
    # The last to be asked are answered by an idle server: nothing is told of a step without a turn.
    ordered = sorted(load.seconds)
    return {
        "turns": turns,
        "per_s": round(turns / load.wall, 2),
        "median_ms": round(statistics.median(ordered) * 1e3, 2),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1e3, 2),
        "own_cpu_ms": round(load.own / len(load.seconds) * 1e3, 3),
        "cpu_ms": {name: round((after[name] - before[name]) / turns * 1e3, 3) for name in before},
    }


def base_of(url: str) -> Base:
    """The server at a URL of this host, with a token where the environment names a Keystone.

    Raises:
        SystemExit: it is another host's.
    """
    for one in (url, os.environ.get("OS_AUTH_URL", url)):
        if urlsplit(one).hostname not in _LOCAL:
            raise SystemExit(f"{one}: load is for servers of this host alone")
    keystone = os.environ.get("OS_AUTH_URL")
    if not keystone:
        return Base(url, {}, "fake_project_id")
    token, project = _token(keystone)
    return Base(url, {"X-Auth-Token": token}, project)


def _token(keystone: str) -> tuple[str, str]:
    domain = {"name": "Default"}
    user = {"name": os.environ["OS_USERNAME"], "password": os.environ["OS_PASSWORD"], "domain": domain}
    scope = {"project": {"name": os.environ["OS_PROJECT_NAME"], "domain": domain}}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
    parts = urlsplit(keystone)
    link = http.client.HTTPConnection(parts.hostname or "", parts.port or 5000, timeout=60)
    link.request("POST", f"{parts.path}/auth/tokens", json.dumps(body), {"Content-Type": "application/json"})
    answer = link.getresponse()
    content = json.loads(answer.read())
    if answer.status != 201:
        raise SystemExit(f"no token: {answer.status} {content}")
    return answer.headers["X-Subject-Token"], content["token"]["project"]["id"]


def main() -> None:
    """``python -m bench.neutron_api.load URL``."""
    parser = argparse.ArgumentParser(prog="python -m bench.neutron_api.load", description=__doc__)
    parser.add_argument("url", help="without /v2.0")
    parser.add_argument("--quick", action="store_true", help="few requests")
    parser.add_argument("--patient", action="store_true", help="fewer requests, for a slow server")
    parser.add_argument("--pid", action="append", default=[], metavar="NAME=PID", help="tell its CPU time")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    pids = {name: int(pid) for name, pid in (one.split("=") for one in options.pid)}
    sizes = QUICK if options.quick else PATIENT if options.patient else FULL
    figures = Measured(base_of(options.url), sizes, pids).all()
    if options.out:
        options.out.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    for name, one in figures.items():
        print(f"{name:32}{one['eight']['per_s']:>10,.1f}/s{one['one']['median_ms']:>9.2f} ms alone")


if __name__ == "__main__":
    main()
