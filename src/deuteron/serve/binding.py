"""``deuteron port attach`` and ``detach``: an instance is on this host, or is not any more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from deuteron.errors import HostError
from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES
from deuteron.resources.resource import decode_put
from deuteron.service import port_verbs
from deuteron.store.store import Unit

#: In whose name the host itself acts: whoever may connect to the feed's socket programs this host.
_HOST: Final = Caller("deuteron", "", frozenset({"admin"}), is_admin=True)


def bind(unit: Unit, port: str, host: str, profile: Mapping[str, str] | None) -> None:
    """Write that a port is on a host, by this profile, or (``None``) that it is not.

    Args:
        unit: of a write.
        port: id or name.
        host: as in ``binding:host_id``.
        profile: one of ``netns`` and ``tap``.

    Raises:
        HostError: ``no-such-port``, ``ambiguous-port``, ``not-an-instance``, ``bound-elsewhere`` or
            ``place-taken``.
        Refusal: the API's services do not take it.
    """
    value = _port(unit, port)
    if value.binding_host_id not in ("", host):
        raise HostError(
            "bound-elsewhere",
            f"port {port} is bound to another host; detach it there, or clear its binding:host_id",
        )
    if profile is not None:
        _refuse_taken(unit, value, host, profile)
    body = {"binding:host_id": "" if profile is None else host, "binding:profile": dict(profile or {})}
    port_verbs.update(unit, _HOST, value, decode_put(RESOURCES["ports"], {"port": body}))


def _port(unit: Unit, port: str) -> Any:
    resource = RESOURCES["ports"]
    found = [one for one in (unit.get(resource, port),) if one is not None]
    found = found or list(unit.find(resource, name=port))
    if not found:
        raise HostError("no-such-port", f"there is no port {port}; openstack port list names them")
    if len(found) > 1:
        raise HostError("ambiguous-port", f"{len(found)} ports have the name {port}; name one by its id")
    if found[0].device_owner.startswith("network:"):
        raise HostError(
            "not-an-instance",
            f"port {port} is the network's own ({found[0].device_owner}); attach one that an instance has",
        )
    return found[0]


def _refuse_taken(unit: Unit, value: Any, host: str, profile: Mapping[str, str]) -> None:
    """One instance has one port: what it is attached to must not be another's."""
    for other in unit.find(RESOURCES["ports"], binding_host_id=host):
        if other.id != value.id and dict(other.binding_profile) == dict(profile):
            (place,) = profile.values()
            raise HostError("place-taken", f"{place} has port {other.id} already; detach that one first")
