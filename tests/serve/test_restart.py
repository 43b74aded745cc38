"""``deuteron serve`` started again: nothing is written, no packet is lost; killed, the next start mends all.

``DEUTERON_SEED`` is the first seed of the moments at which it is killed.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import pytest

from deuteron.kernel.linux.events import Events, Noticed
from deuteron.kernel.linux.watched import Interest
from deuteron.lab.probe import ping
from tests.cli.command import Site
from tests.serve.running import Serving, serving
from tests.serve.test_serve import waited
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.kernel

_OPTIONS: Final = ("--bridge-mapping", "physnet1:br-ex")
_SEED: Final = int(os.environ.get("DEUTERON_SEED", "1"))
_KILLS: Final = 2
#: Seconds between two pings: fewer than the filter lets pass for an address.
_PACE: Final = 0.005


class Api:
    """A client that needs no library and keeps no connection, so that it is cheap and ends with its call."""

    def __init__(self, serve: Serving) -> None:
        self._url = f"{serve.said['listen']}/v2.0"

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        url = self._url + path
        return httpx.request(method, url, trust_env=False, verify=False, timeout=PATIENCE, **more)

    def post(self, collection: str, kind: str, **values: Any) -> dict[str, Any]:
        answer = self._ask("POST", f"/{collection}", json={kind: values})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()[kind]
        return made

    def put(self, path: str, body: dict[str, Any]) -> None:
        answer = self._ask("PUT", path, json=body)
        assert answer.status_code == 200, answer.text

    def delete(self, path: str) -> None:
        assert self._ask("DELETE", path).status_code == 204, path

    def every(self, collection: str, **filters: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("GET", f"/{collection}", params=filters).json()[collection]
        return found


def furnish(serve: Serving, api: Api) -> str:
    """A world with an instance behind a floating IP, whose address it is."""
    physical = {"provider:network_type": "flat", "provider:physical_network": "physnet1"}
    public = api.post("networks", "network", name="public", **{"router:external": True}, **physical)
    api.post("subnets", "subnet", network_id=public["id"], ip_version=4, cidr="203.0.113.0/24")
    gateway = {"network_id": public["id"]}
    router = api.post("routers", "router", name="r", distributed=True, external_gateway_info=gateway)
    private = joined(api, 0, router["id"])
    port = api.post("ports", "port", name="web", network_id=private)
    done = serve("port", "attach", "web", "--netns", "vm1")
    assert done.status == 0, done.err
    one = api.post("floatingips", "floatingip", floating_network_id=public["id"], port_id=port["id"])
    waited(serve)
    address: str = one["floating_ip_address"]
    return address


def joined(api: Api, number: int, router: str) -> str:
    """Another network on a router; the network's id."""
    network: str = api.post("networks", "network", name=f"n{number}")["id"]
    cidr = f"10.{number}.0.0/24"
    subnet = api.post("subnets", "subnet", network_id=network, ip_version=4, cidr=cidr)["id"]
    api.put(f"/routers/{router}/add_router_interface", {"subnet_id": subnet})
    return network


def clear(api: Api) -> None:
    """Delete everything."""
    for one in api.every("floatingips"):
        api.delete(f"/floatingips/{one['id']}")
    for router in api.every("routers"):
        for port in api.every("ports", device_id=router["id"]):
            if port["device_owner"].endswith("interface") or port["device_owner"].endswith("distributed"):
                api.put(f"/routers/{router['id']}/remove_router_interface", {"port_id": port["id"]})
        api.delete(f"/routers/{router['id']}")
    for port in api.every("ports"):
        if not port["device_owner"].startswith("network:"):
            api.delete(f"/ports/{port['id']}")
    for network in api.every("networks"):
        api.delete(f"/networks/{network['id']}")


@contextmanager
def pinging(address: str) -> Iterator[list[bool]]:
    """Somebody outside who pings all the time; what was answered."""
    answers: list[bool] = []
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            answers.append(ping("", address, patience=5.0).ok)
            over.wait(_PACE)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join(PATIENCE)


@contextmanager
def hearing(site: Site) -> Iterator[Callable[[], Noticed]]:
    """What the kernel tells of meanwhile, of all namespaces."""
    links = {netns: frozenset(site.host.links(netns)) for netns in ["", *site.namespaces()]}
    events = Events(site.host.netns_dir)
    try:
        events.follow(Interest(links=links))
        yield lambda: events.wait(0.2)
    finally:
        events.close()


def test_a_restart_writes_nothing_to_the_kernel_and_loses_no_packet(provided: Site) -> None:
    with serving(provided.run, provided.folder, *_OPTIONS) as serve:
        there = furnish(serve, Api(serve))
        assert ping("", there, tries=3).ok
        with pinging(there) as answers, hearing(provided) as heard:
            assert serve.end() == 0, (serve.out, serve.err)
            with serving(provided.run, provided.folder, *_OPTIONS) as again:
                waited(again)
                far = len(answers)
                again.until(lambda: len(answers) > far + 20)
                assert again.records("change-finished") == [], "nothing differs: not even a change is begun"
                assert len(again.records("serve-looked")) == 1, again.out
                told = heard()
                assert again.end() == 0, (again.out, again.err)
    assert not told.everything
    assert told.namespaces == frozenset()
    assert answers.count(False) == 0, f"{answers.count(False)} of {len(answers)} pings were lost"


def another(api: Api, public: str) -> str:
    """A router more."""
    gateway = {"network_id": public}
    made: str = api.post("routers", "router", distributed=True, external_gateway_info=gateway)["id"]
    return made


@contextmanager
def changes_coming(api: Api, number: int) -> Iterator[list[int]]:
    """Networks on the router and on new ones, a floating IP that comes and goes, until the API is no more."""
    made: list[int] = []
    (public,) = api.every("networks", name="public")
    (web,) = api.every("ports", name="web")
    (router,) = api.every("routers", name="r")
    free = api.post("ports", "port", network_id=web["network_id"])["id"]

    def go_on() -> None:
        for count in range(1, 60):
            try:
                mine = router["id"] if count > 2 else another(api, public["id"])
                joined(api, 60 * number + count, mine)
                one = api.post("floatingips", "floatingip", floating_network_id=public["id"], port_id=free)
                api.delete(f"/floatingips/{one['id']}")
            except httpx.HTTPError:
                return
            made.append(1)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield made
    finally:
        thread.join(PATIENCE)
    assert not thread.is_alive()


def gone(pid: int) -> bool:
    """Whether a process has ended; what its parent has not heard of yet counts."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def family(serve: Serving) -> list[int]:
    """The process and its children."""
    pid = serve.process.pid
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def killed(serve: Serving, api: Api, role: str, number: int, chance: random.Random) -> None:
    """Kill one half in the middle of changes, and see the other end, saying so where it can."""
    everybody = family(serve)
    victim = serve.posture("api").pid if role == "api" else serve.process.pid
    with changes_coming(api, number) as made:
        serve.until(lambda: made)
        far = chance.randrange(1, 4)
        serve.until(lambda: len(made) >= far)
        # Anywhere in the next change: the moment is drawn, and nothing waits for it to be a good one.
        threading.Event().wait(chance.uniform(0.0, 0.1))
        os.kill(victim, signal.SIGKILL)
        status = serve.process.wait(PATIENCE)
    for pid in everybody:
        _until(lambda pid=pid: gone(pid))  # type: ignore[misc]  # bound at once
    if role == "api":
        assert status == 1
        assert serve.records("watch-ended")[-1]["code"] == "api-gone"


def _until(true: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(int(PATIENCE / 0.02)):
        if true():
            return
        waiting.wait(0.02)
    raise AssertionError("it never came to be")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", ["api", "agent"])
def test_killed_in_the_middle_of_changes_the_next_start_mends_all_and_leaks_nothing(
    provided: Site, role: str
) -> None:
    print(f"DEUTERON_SEED={_SEED}")
    chance = random.Random(f"{role} {_SEED}")
    before = provided.picture()
    there = ""
    for number in range(_KILLS):
        with serving(provided.run, provided.folder, *_OPTIONS) as serve:
            api = Api(serve)
            there = there or furnish(serve, api)
            waited(serve)
            assert ping("", there, tries=3).ok, number
            killed(serve, api, role, number, chance)
    with serving(provided.run, provided.folder, *_OPTIONS) as serve:
        api = Api(serve)
        waited(serve)
        assert {one["status"] for one in api.every("routers")} == {"ACTIVE"}
        assert ping("", there, tries=3).ok
        routers = {f"qrouter-{one['id']}" for one in api.every("routers")}
        assert {name for name in provided.namespaces() if name.startswith("qrouter-")} == routers
        assert serve.end() == 0, (serve.out, serve.err)
    same = provided.run("verify")
    assert same.status == 0, same.out
    with serving(provided.run, provided.folder, *_OPTIONS) as serve:
        clear(Api(serve))
        waited(serve)
        assert provided.host.leaks() == []
        assert provided.picture() == before
        assert serve.end() == 0, (serve.out, serve.err)
    told = msgspec.json.decode(provided.run("status", "-o", "json").out)
    assert (told["healthy"], told["quarantined"], told["units"]) == (True, [], [])
