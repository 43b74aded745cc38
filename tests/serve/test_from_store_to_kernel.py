"""From a change by the services, over the socket, to a kernel (a fake one) and back to the status."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from deuteron.agent.change import change
from deuteron.agent.link import Link
from deuteron.agent.serve import Follower
from deuteron.apply.engine import verify
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.errors import DeuteronError, HostError
from deuteron.feed import server
from deuteron.feed.server import Feed
from deuteron.feed.view import host_view
from deuteron.feed.wire import Change, Item, Same, View
from deuteron.kernel.fake import FakeKernel
from deuteron.resources import RESOURCES
from deuteron.resources.resource import decode_put
from deuteron.service import port_verbs as ports
from deuteron.state.directory import State
from deuteron.store.store import Unit
from tests.service.router_world import ADMIN, Cloud

_HOST: Final = "here"
_BRIDGES: Final = {"physnet1": "br-ex"}


def bind(unit: Unit, port: str, host: str, profile: Mapping[str, str] | None) -> None:
    resource = RESOURCES["ports"]
    value = unit.get(resource, port)
    if value is None:
        raise HostError("no-such-port", "there is no such port; see openstack port list")
    body = {"binding:host_id": host if profile else "", "binding:profile": dict(profile or {})}
    ports.update(unit, ADMIN, value, decode_put(resource, {"port": body}))


class Served:
    """A store, its feed on a socket of its own, and an agent on a fake kernel."""

    def __init__(self, path: Path) -> None:
        self.cloud = Cloud(path / "store.sqlite")
        self.path = path / "feed"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.feed = Feed(self.cloud.store, bind, {os.geteuid()})
        asyncio.run_coroutine_threadsafe(self.feed.listen(self.path), self._loop).result(10)
        self.kernel = FakeKernel()
        self.kernel.add_host_bridge("br-ex")
        for name in ("vm1", "vm2"):
            self.kernel.add_instance_netns(name)
        self.state = State(path / "state")
        self.agent = Follower(
            self.kernel, self.state, partial(change, (self.kernel,), self.state), _BRIDGES.values()
        )
        self.link = Link(self.path, _HOST, _BRIDGES)
        self.told: list[str] = []

    def follow(self) -> None:
        """Take over everything that is newer, and tell of it."""
        for _ in range(20):
            answer = self.link.want(self.agent.revision, 0.0 if self.agent.revision else 1.0)
            self.told.append(type(answer).__name__)
            match answer:
                case Same():
                    return
                case View(revision=revision, view=view):
                    report = self.agent.take(revision, view)
                case Change(revision=revision, part=part):
                    report = self.agent.follow(revision, part)
            self.link.tell(report.revision, report.items)
        raise AssertionError("it never comes to rest")

    def view(self) -> HostView:
        return self.cloud.do(lambda unit: host_view(unit, _HOST, _BRIDGES))

    def close(self) -> None:
        self.link.close()
        asyncio.run_coroutine_threadsafe(self.feed.close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.state.close()
        self.cloud.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    made.close()


def _world(cloud: Cloud) -> tuple[Any, Any, Any]:
    outside = cloud.create(
        "networks",
        ADMIN,
        name="public",
        router__external=True,
        provider__network_type="flat",
        provider__physical_network="physnet1",
    )
    cloud.create("subnets", ADMIN, network_id=outside.id, ip_version=4, cidr="203.0.113.0/24")
    inside = cloud.inside()
    router = cloud.router(outside, ADMIN, distributed=True)
    cloud.joined(router, inside, ADMIN)
    return outside, inside, router


def test_a_floating_ip_comes_to_the_kernel_and_is_active(served: Served) -> None:
    outside, inside, _router = _world(served.cloud)
    vm = served.cloud.instance(inside)
    served.follow()
    served.link.attach(vm.id, netns="vm1")
    served.follow()
    assert served.cloud.get("ports", vm).status == "ACTIVE"
    floating = served.cloud.create("floatingips", floating_network_id=outside.id, port_id=vm.id)
    served.follow()
    assert verify(served.kernel, compile_host(served.view())).none
    assert any(one.name == f"fip/{outside.id}" for one in served.agent.model.wanted.units)
    assert served.cloud.get("floatingips", floating).status == "ACTIVE"
    settled = served.link.settled(0.0)
    assert settled.revision >= settled.wanted
    assert not settled.failed


def test_the_next_floating_ip_is_told_as_a_part(served: Served) -> None:
    outside, inside, _router = _world(served.cloud)
    first, second = served.cloud.instance(inside), served.cloud.instance(inside)
    served.link.attach(first.id, netns="vm1")
    served.link.attach(second.id, netns="vm2")
    served.cloud.create("floatingips", floating_network_id=outside.id, port_id=first.id)
    served.follow()
    served.told.clear()
    served.cloud.create("floatingips", floating_network_id=outside.id, port_id=second.id)
    served.follow()
    assert served.told[0] == "Change"
    assert "View" not in served.told
    assert verify(served.kernel, compile_host(served.view())).none
    assert served.agent.model.wanted == compile_host(served.view())


def test_a_floating_ip_that_is_deleted_goes_as_a_part(served: Served) -> None:
    outside, inside, _router = _world(served.cloud)
    vm = served.cloud.instance(inside)
    served.link.attach(vm.id, netns="vm1")
    floating = served.cloud.create("floatingips", floating_network_id=outside.id, port_id=vm.id)
    served.follow()
    served.told.clear()
    served.cloud.delete("floatingips", floating)
    served.follow()
    assert "View" not in served.told
    assert not served.agent.model.view.floating_ips
    assert verify(served.kernel, compile_host(served.view())).none


def test_a_network_that_this_host_cannot_serve_stops_nobody_else(served: Served) -> None:
    _world(served.cloud)
    odd = served.cloud.create(
        "networks",
        ADMIN,
        name="odd",
        router__external=True,
        provider__network_type="flat",
        provider__physical_network="physnet9",
    )
    served.cloud.create("subnets", ADMIN, network_id=odd.id, ip_version=4, cidr="198.51.100.0/24")
    lost = served.cloud.router(odd, ADMIN, distributed=True)
    view = served.view()
    assert [one.id for one in view.refused] == [lost.id]
    assert len(view.routers) == 1
    served.follow()
    assert served.cloud.get("routers", lost).status == "ERROR"


def test_a_port_that_does_not_exist_is_refused_with_the_apis_own_sentence(served: Served) -> None:
    with pytest.raises(DeuteronError, match="no such port") as caught:
        served.link.attach("00000000-0000-4000-8000-000000000000", netns="vm1")
    assert caught.value.code == "no-such-port"


def test_a_leg_keeps_its_number(served: Served) -> None:
    outside, inside, _router = _world(served.cloud)
    vm = served.cloud.instance(inside)
    served.link.attach(vm.id, netns="vm1")
    served.cloud.create("floatingips", floating_network_id=outside.id, port_id=vm.id)
    first, again = served.view(), served.view()
    assert first.legs
    assert first == again
    assert replace(first, legs=()) == replace(again, legs=())


def test_who_asks_for_what_is_newer_waits_until_there_is_something(served: Served) -> None:
    served.follow()
    waiter = Link(served.path, _HOST, _BRIDGES)
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(waiter.want(served.agent.revision, 20.0)))
    thread.start()
    served.cloud.create("networks", ADMIN, name="late")
    thread.join(20)
    waiter.close()
    assert isinstance(answers[0], View | Change)


def test_an_agent_that_begins_anew_has_reached_nothing_until_it_says_that_all_is_told(served: Served) -> None:
    """Who waits after its start is not answered by what the one before it had done."""
    _world(served.cloud)
    served.follow()
    settled = served.link.settled(0.0)
    assert settled.revision >= settled.wanted > 0
    again = served.link.want(0)
    assert served.link.settled(0.0).revision == 0
    failed = Item(unit="router/x", state="failed", code="kernel-refused")
    served.link.tell(again.revision, (failed,), whole=False)
    settled = served.link.settled(0.0)
    assert (settled.revision, settled.failed) == (0, (failed,)), "more is to be told of it"
    served.link.tell(again.revision, ())
    assert served.link.settled(0.0).revision == again.revision


def test_what_comes_at_once_is_told_together(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_PACE", 1.0)
    served.cloud.inside()
    first = served.link.want(0, 5.0)
    assert isinstance(first, View)
    served.link.ask(first.revision, 5.0)
    names = {served.cloud.create("networks", ADMIN, name=f"n{number}").id for number in range(20)}
    many = served.link.take()
    assert isinstance(many, Change)
    assert {one.id for one in many.part.networks} == names


def test_the_first_news_of_a_while_are_told_at_once(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.cloud.inside()
    first = served.link.want(0, 5.0)
    monkeypatch.setattr(server, "_PACE", 0.2)
    assert isinstance(served.link.want(first.revision, 0.3), Same), "longer than a pace"
    monkeypatch.setattr(asyncio, "sleep", _no_sleep)
    served.cloud.create("networks", ADMIN, name="n")
    assert isinstance(served.link.want(first.revision, 5.0), Change)


async def _no_sleep(seconds: float) -> None:
    assert seconds <= 0
