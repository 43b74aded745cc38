"""A small cloud over a real store, as the services see it: what tests of routers begin with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES
from deuteron.resources.resource import decode_post, decode_put
from deuteron.service import floatingip, network, port_forwarding, port_verbs, router, subnet
from deuteron.store.store import Store, Unit

T = TypeVar("T")

ADMIN = Caller(user_id="root", project_id="admin", roles=frozenset({"admin"}), is_admin=True)
ALICE = Caller(user_id="alice", project_id="alice", roles=frozenset({"member"}))
BOB = Caller(user_id="bob", project_id="bob", roles=frozenset({"member"}))

_SERVICES: dict[str, Any] = {
    "networks": network,
    "subnets": subnet,
    "ports": port_verbs,
    "routers": router,
    "floatingips": floatingip,
    "port_forwardings": port_forwarding,
}


class Cloud:
    """Resources made, changed and deleted by their services; bodies are decoded as the API does."""

    def __init__(self, path: Path) -> None:
        self._runner = asyncio.Runner()
        self.store = Store(f"sqlite:///{path}")

    def close(self) -> None:
        self.store.close()
        self._runner.close()

    def do(self, work: Callable[[Unit], T]) -> T:
        """One unit of work."""

        async def run() -> T:
            return await self.store.write(work)

        return self._runner.run(run())

    def create(self, collection: str, caller: Caller = ALICE, parent: str = "", **given: Any) -> Any:
        resource = RESOURCES[collection]
        wanted = decode_post(resource, {resource.name: _named(given)})
        wanted.setdefault("project_id", caller.project_id)
        if parent:
            wanted[f"{resource.parent}_id"] = parent
        return self.do(lambda unit: _SERVICES[collection].create(unit, caller, wanted))

    def update(self, collection: str, value: Any, caller: Caller = ALICE, **given: Any) -> Any:
        resource = RESOURCES[collection]
        wanted = decode_put(resource, {resource.name: _named(given)})

        def work(unit: Unit) -> Any:
            return _SERVICES[collection].update(unit, caller, unit.get(resource, value.id), wanted)

        return self.do(work)

    def delete(self, collection: str, value: Any, caller: Caller = ALICE) -> None:
        def work(unit: Unit) -> None:
            _SERVICES[collection].delete(unit, caller, unit.get(RESOURCES[collection], value.id))

        self.do(work)

    def act(self, action: str, value: Any, caller: Caller = ALICE, /, **body: Any) -> dict[str, Any]:
        """A verb of a router."""

        def work(unit: Unit) -> dict[str, Any]:
            told: dict[str, Any] = router.OPERATIONS.members[action].run(
                unit, caller, unit.get(RESOURCES["routers"], value.id), body
            )
            return told

        return self.do(work)

    def find(self, collection: str, **equal: Any) -> list[Any]:
        return self.do(lambda unit: list(unit.find(RESOURCES[collection], **equal)))

    def get(self, collection: str, value: Any) -> Any:
        return self.do(lambda unit: unit.get(RESOURCES[collection], getattr(value, "id", value)))

    # ---- the usual pieces

    def outside(self, cidr: str = "203.0.113.0/24") -> Any:
        """An external network with one subnet."""
        made = self.create("networks", ADMIN, name="public", router__external=True)
        self.create("subnets", ADMIN, network_id=made.id, ip_version=4, cidr=cidr)
        return made

    def inside(self, cidr: str = "10.0.0.0/24", caller: Caller = ALICE, **more: Any) -> Any:
        """A tenant's subnet, on a network of its own."""
        made = self.create("networks", caller, name="private")
        version = 6 if ":" in cidr else 4
        return self.create("subnets", caller, network_id=made.id, ip_version=version, cidr=cidr, **more)

    def router(self, outside: Any = None, caller: Caller = ALICE, **more: Any) -> Any:
        if outside is not None:
            more["external_gateway_info"] = {"network_id": outside.id}
        return self.create("routers", caller, name="r", **more)

    def joined(self, router: Any, subnet: Any, caller: Caller = ALICE) -> dict[str, Any]:
        return self.act("add_router_interface", router, caller, subnet_id=subnet.id)

    def instance(self, subnet: Any, caller: Caller = ALICE, **more: Any) -> Any:
        """An instance's port on a subnet."""
        more.setdefault("fixed_ips", [{"subnet_id": subnet.id}])
        return self.create("ports", caller, network_id=subnet.network_id, **more)

    def owners(self, router: Any) -> list[str]:
        """``device_owner`` of each port of a router, without the prefix that all have."""
        ports = self.find("ports", device_id=router.id)
        return sorted(port.device_owner.removeprefix("network:") for port in ports)


def _named(given: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("__", ":"): value for name, value in given.items()}


@cache
def _empty() -> bytes:
    """The file of a store with nothing in it; to make one anew for each test costs half a second."""
    with TemporaryDirectory() as place:
        path = Path(place) / "store.sqlite"
        Store(f"sqlite:///{path}").close()
        return path.read_bytes()


def cloud(path: Path) -> Iterator[Cloud]:
    """A cloud of the test's own, without anything in it."""
    file = path / "store.sqlite"
    file.write_bytes(_empty())
    file.chmod(0o600)
    made = Cloud(file)
    yield made
    made.close()
