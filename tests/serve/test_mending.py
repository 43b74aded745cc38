"""What somebody else changes on the host is mended while ``deuteron serve`` follows the API, and told.

The interval is an hour here: whatever is mended was heard of.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import pytest

from deuteron.lab.probe import ping
from tests.cli.command import Site
from tests.serve.running import Serving, serving
from tests.serve.test_serve import attached, make_world, waited

pytestmark = pytest.mark.kernel

_OPTIONS: Final = ("--bridge-mapping", "physnet1:br-ex")
_OURS: Final = "210"


def ip(netns: str, *words: str) -> Any:
    """``ip -j`` in a namespace."""
    done = subprocess.run(["ip", "-n", netns, "-j", *words], capture_output=True, text=True, check=True)
    return msgspec.json.decode(done.stdout) if done.stdout.strip() else []


def by_hand(netns: str, *words: str) -> None:
    subprocess.run(["ip", "netns", "exec", netns, *words], capture_output=True, check=True)


def the(site: Site, prefix: str) -> str:
    """The namespace whose name begins so."""
    (found,) = [name for name in site.namespaces() if name.startswith(prefix)]
    return found


def a_rule(site: Site) -> None:
    router = the(site, "qrouter-")
    rule = next(one for one in ip(router, "rule", "show") if 0 < one["priority"] < 32766 or "iif" in one)
    by_hand(router, "ip", "rule", "del", "priority", str(rule["priority"]))


def an_address(site: Site) -> None:
    site.remove_address("vm1", "10.0.0.")


def a_route(site: Site) -> None:
    fip = the(site, "fip-")
    routes = ip(fip, "-N", "route", "show", "table", "all", "proto", _OURS)
    (route,) = [one for one in routes if one["dst"].startswith("203.0.113.")][:1]
    by_hand(fip, "ip", "route", "del", route["dst"], "proto", _OURS)


def a_parameter(site: Site) -> None:
    by_hand(the(site, "qrouter-"), "sysctl", "-qw", "net/ipv4/ip_forward=0")


TAKEN: Final[dict[str, Callable[[Site], None]]] = {
    "rule": a_rule,
    "address": an_address,
    "route": a_route,
    "sysctl": a_parameter,
}


@contextmanager
def at_work(site: Site) -> Iterator[tuple[Serving, Any, Any, str]]:
    """Serving a world with one floating IP: the service, the external network, the port, its address."""
    with serving(site.run, site.folder, *_OPTIONS, DEUTERON_INTERVAL="3600") as serve:
        with serve.cloud() as cloud:
            public, port = make_world(cloud)
            attached(serve)
            floating = cloud.network.create_ip(floating_network_id=public.id, port_id=port.id)
        waited(serve)
        yield serve, public, port, floating.floating_ip_address
        assert serve.end() == 0, (serve.out, serve.err)


@contextmanager
def views_coming(serve: Serving, public: Any) -> Iterator[list[int]]:
    """Floating IPs without a port come and go, and a router's description: views all the time."""
    made: list[int] = []
    over = threading.Event()

    def come_and_go() -> None:
        with serve.cloud() as cloud:
            port = next(iter(cloud.network.ports(name="web")))
            second = cloud.network.create_port(network_id=port.network_id)
            while not over.is_set():
                one = cloud.network.create_ip(floating_network_id=public.id, port_id=second.id)
                cloud.network.delete_ip(one.id)
                made.append(1)

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        serve.until(lambda: len(made) > 1)
        yield made
    finally:
        over.set()
        thread.join(30)
    assert not thread.is_alive()


def mended(serve: Serving, site: Site, act: Callable[[Site], None]) -> dict[str, Any]:
    """What is told of the mending of one thing; a floating IP that goes has its unit mended as well."""
    before = len(serve.records("unit-repaired"))
    act(site)
    serve.until(lambda: len(serve.records("unit-repaired")) > before)
    told = serve.records("unit-repaired")[before]
    assert told["noticed"] == "event", told
    return told


@pytest.mark.parametrize("views", ["at rest", "views coming"])
def test_what_is_taken_away_is_put_back_in_a_moment_and_counted(provided: Site, views: str) -> None:
    with at_work(provided) as (serve, public, _port, there):
        assert ping("", there, tries=3).ok
        if views == "at rest":
            for kind, act in TAKEN.items():
                assert kind in mended(serve, provided, act)["kinds"], kind
            assert len(serve.records("unit-repaired")) == len(TAKEN)
        else:
            with views_coming(serve, public) as made:
                for kind, act in TAKEN.items():
                    assert kind in mended(serve, provided, act)["kinds"], kind
                far = len(made)
                serve.until(lambda: len(made) > far + 1)
        assert ping("", there, tries=3).ok
        waited(serve)
        assert not serve.records("trouble")
        assert not serve.records("unit-failed")


def test_what_the_agent_itself_writes_is_no_foreign_change(provided: Site) -> None:
    with at_work(provided) as (serve, public, _port, _there):
        with views_coming(serve, public) as made:
            serve.until(lambda: len(made) > 10)
        waited(serve)
        assert serve.records("unit-repaired") == []


def test_a_storm_of_changes_costs_no_more_than_half_of_the_time_and_views_go_on(provided: Site) -> None:
    with at_work(provided) as (serve, public, _port, there):
        router, over = the(provided, "qrouter-"), threading.Event()
        batch = "".join(
            f"route add 198.18.{n}.0/24 dev lo table 77\nroute del 198.18.{n}.0/24 dev lo table 77\n"
            for n in range(250)
        )

        def storm() -> None:
            while not over.is_set():
                subprocess.run(["ip", "-n", router, "-batch", "-"], input=batch.encode(), check=True)

        thread = threading.Thread(target=storm)
        thread.start()
        try:
            spent, began = _spent(serve), time.monotonic()
            with serve.cloud() as cloud:
                port = cloud.network.create_port(network_id=cloud.network.find_network("private").id)
                floating = cloud.network.create_ip(floating_network_id=public.id, port_id=port.id)
            waited(serve)
            a_rule(provided)
            serve.until(lambda: any("rule" in one["kinds"] for one in serve.records("unit-repaired")))
            time.sleep(max(0.0, began + 3.0 - time.monotonic()))  # long enough to be told from one look
            share = (_spent(serve) - spent) / (time.monotonic() - began)
        finally:
            over.set()
            thread.join(30)
        del floating
        assert share < 0.8, f"{share:.2f} of the time was spent"
        assert ping("", there, tries=3).ok


def _spent(serve: Serving) -> float:
    """Seconds of processor time of the agent's process."""
    fields = (_proc(serve) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _proc(serve: Serving) -> Any:
    from pathlib import Path

    return Path(f"/proc/{serve.process.pid}")
