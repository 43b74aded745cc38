"""Who may: the questions that the generic road puts to the policy, and how it answers a "no".

As Neutron asks them: the action itself, then one question per attribute that the declaration marks
``enforce`` and that is given, then one per key inside it (``create_port:fixed_ips:ip_address``).  On PUT an
attribute counts as given when it is there, whatever its value (OSSA-2014-031); on POST when it differs
from its default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final, get_args

import msgspec

from deuteron.identity.caller import Caller
from deuteron.identity.policy import Policy
from deuteron.resources import RESOURCES, refusal
from deuteron.resources.attribute import NO_DEFAULT
from deuteron.resources.resource import Resource
from deuteron.service.around import Around
from deuteron.store.store import Unit


def rule(verb: str, resource: Resource) -> str:
    """The policy's name of a verb on a resource: ``get_network``, ``create_floatingip_port_forwarding``."""
    return f"{verb}_{resource.parent}_{resource.name}" if resource.parent else f"{verb}_{resource.name}"


#: Attributes whose default in Neutron is to be left out: to say them at all asks for their own rule.
_SAID: Final = frozenset({"distributed", "ha"})


class Authority:
    """What one caller may do in one unit of work."""

    def __init__(self, unit: Unit, policy: Policy, caller: Caller) -> None:
        self.around = Around(unit)
        self._unit = unit
        self.policy = policy
        self.caller = caller

    def may(self, action: str, attributes: Mapping[str, Any]) -> bool:
        """Whether one rule says yes."""
        return self.policy.may(self.caller, action, self.around.target(attributes))

    def create(self, resource: Resource, given: Mapping[str, Any]) -> None:
        """403 unless this may be created; 404 for a port where its network is not even to be seen."""
        defaults = _defaults(resource)
        told = {
            name: value
            for name, value in given.items()
            if name in _SAID or name not in defaults or value != defaults[name]
        }
        target = self.around.target({**defaults, **given})
        try:
            self.policy.enforce(self.caller, rule("create", resource), target, enforced(resource, told))
        except refusal.PolicyNotAuthorized:
            network = given.get("network_id") if resource.collection == "ports" else None
            if network is not None and self._unit.get(RESOURCES["networks"], network, self.caller) is None:
                raise refusal.NetworkNotFound(net_id=network) from None
            raise

    def change(
        self, action: str, resource: Resource, attributes: Mapping[str, Any], given: Mapping[str, Any]
    ) -> None:
        """403 unless this may be done to what the caller sees; 404 where it may not even see it.

        The rules are asked about what stands now with what is given laid over it, as Neutron does.
        """
        target = self.around.target({**attributes, **given})
        try:
            self.policy.enforce(self.caller, action, target, enforced(resource, given))
        except refusal.Forbidden:  # InvalidScope too: such a token sees nothing, so to it nothing is there
            if not self.may(rule("get", resource), attributes):
                raise refusal.HTTPNotFound from None
            raise


@cache
def _defaults(resource: Resource) -> Mapping[str, Any]:
    known = {name: one.default for name, one in resource.attributes.items()}
    return MappingProxyType({name: one for name, one in known.items() if one is not NO_DEFAULT})


def enforced(resource: Resource, given: Mapping[str, Any]) -> dict[str, object]:
    """What of a body asks for rules of its own, in the declaration's order, inner values as mappings."""
    return {
        name: _plain(given[name])
        for name, one in resource.attributes.items()
        if one.enforce and name in given
    }


def questions(verb: str, resource: Resource) -> Iterator[str]:
    """Every rule that a verb on a resource can ask: the action, its enforced attributes, their inner keys.

    An inner key has a rule where the attribute's type names it; a free mapping has none.
    """
    action = rule(verb, resource)
    yield action
    for one in resource.attributes.values():
        if one.enforce and (one.post if verb == "create" else one.put if verb == "update" else False):
            yield f"{action}:{one.name}"
            yield from (f"{action}:{one.name}:{key}" for key in _keys(one.type))


def _keys(kind: Any) -> Iterator[str]:
    """The keys of the structs that a type is made of, not of those within them."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from kind.__struct_fields__
        return
    for part in get_args(kind):
        yield from _keys(part)


def _plain(value: object) -> object:
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, msgspec.Struct):
        told = {name: getattr(value, name) for name in value.__struct_fields__}
        return {name: one for name, one in told.items() if one != "" and one is not msgspec.UNSET}
    return value
