"""What policy asks of the resources around a target: whose its network or its floating IP is.

Each is looked up once in a unit of work, those of a list all at once, and only when a rule asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from deuteron.identity.policy import Target
from deuteron.resources import RESOURCES
from deuteron.service.sharing import SHARED, targets
from deuteron.store.store import Unit

#: The attributes of a target that each key around it depends on, beside one of that very name.
BASES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "network:project_id": ("network:project_id", "network_id"),
        "network:shared": ("network:shared", "network_id", "project_id"),
        "router:external": ("router:external", "network_id"),
        "ext_parent:project_id": ("ext_parent:project_id", "floatingip_id"),
        "tenant_id": ("tenant_id", "project_id"),
    }
)


class Around:
    """The networks and floating IPs that targets belong to."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._known: dict[tuple[str, str], Any] = {}

    def know(self, collection: str, ids: Iterable[str]) -> None:
        """Look up many at once, so that a list needs one statement however long it is."""
        wanted = sorted({one for one in ids if one and (collection, one) not in self._known})
        if not wanted:
            return
        self._known.update(dict.fromkeys((collection, one) for one in wanted))
        if len(wanted) == 1:  # what the unit has looked at already
            self._known[collection, wanted[0]] = self._unit.peek(RESOURCES[collection], wanted[0])
            return
        for value in self._unit.peek_all(RESOURCES[collection], id=wanted):
            self._known[collection, value.id] = value

    def of(self, collection: str, id: object) -> Any:  # noqa: A002  the API's name
        """One of them; ``None`` where it does not exist."""
        key = str(id or "")
        self.know(collection, (key,))
        return self._known.get((collection, key))

    def target(self, attributes: Mapping[str, Any]) -> Target:
        """A target that knows what is around it."""
        return Target(attributes, lambda key: self._look(attributes, key))

    def _look(self, attributes: Mapping[str, Any], key: str) -> object:
        match key:
            case "network:project_id":
                found = self.of("networks", attributes.get("network_id"))
                return None if found is None else found.project_id
            case "network:shared":
                return self._shared(attributes)
            case "router:external":
                found = self.of("networks", attributes.get("network_id"))
                return None if found is None else found.router_external
            case "ext_parent:project_id":
                found = self.of("floatingips", attributes.get("floatingip_id"))
                return None if found is None else found.project_id
            case "tenant_id":
                return attributes.get("project_id")
        return None

    def _shared(self, attributes: Mapping[str, Any]) -> bool:
        """Whether the network is shared with the project that the target is, or is to be, of."""
        found = self.of("networks", attributes.get("network_id"))
        if found is None:
            return False
        key = ("shares", found.id)
        if key not in self._known:
            self._known[key] = targets(self._unit, found.id, SHARED)
        return bool(self._known[key] & {"*", attributes.get("project_id")})
