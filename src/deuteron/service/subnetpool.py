"""Subnet pools: prefixes that subnets are cut of."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import collapse_addresses, ip_network
from typing import Any, Final

from deuteron.identity.caller import Caller
from deuteron.resources import RESOURCES, refusal
from deuteron.resources.resource import convert
from deuteron.resources.subnetpool import SubnetPool
from deuteron.service import sharing
from deuteron.service.pool_prefixes import Prefix, overlap, within
from deuteron.service.values import build, change, kept
from deuteron.store.store import Unit

_LEAST: Final = {4: 8, 6: 64}
_MOST: Final = {4: 32, 6: 128}


def create(unit: Unit, caller: Caller, given: dict[str, Any]) -> SubnetPool:
    """A new pool; shared with everybody if it says so.

    Raises:
        EmptySubnetPoolPrefixList, PrefixVersionMismatch, IllegalSubnetPoolPrefixBounds: prefixes or lengths
        are wrong. InvalidInput: there is a default pool of the family. Refusal: the address scope is not
        for it.
    """
    resource = RESOURCES["subnetpools"]
    version, prefixes = _prefixes(given["prefixes"])
    pool: SubnetPool = build(
        resource, {**given, **_lengths(version, given)}, ip_version=version, prefixes=prefixes
    )
    if pool.is_default:
        _refuse_second_default(unit, version)
    _check_scope(unit, caller, pool)
    unit.insert(resource, pool)
    if pool.shared:
        sharing.share(unit, "subnetpool", pool, sharing.SHARED)
    return _again(unit, pool)


def update(unit: Unit, caller: Caller, value: SubnetPool, given: dict[str, Any]) -> SubnetPool:
    """The pool with what is given; prefixes may be added, never taken away.

    Raises:
        IllegalSubnetPoolPrefixUpdate: a prefix would be taken away.
        Refusal: as for a new one.
    """
    resource = RESOURCES["subnetpools"]
    more: dict[str, Any] = {}
    if "prefixes" in given:
        version, more["prefixes"] = _prefixes(given["prefixes"])
        _refuse_loss(value.prefixes, more["prefixes"])
        unit.blocks(value.id).forget()
        if version != value.ip_version:
            raise refusal.PrefixVersionMismatch
    names = ("min_prefixlen", "max_prefixlen", "default_prefixlen")
    lengths = {name: given.get(name, getattr(value, name)) for name in names}
    pool: SubnetPool = change(resource, value, {**given, **_lengths(value.ip_version, lengths)}, **more)
    if pool.is_default and not value.is_default:
        _refuse_second_default(unit, pool.ip_version)
    if value.address_scope_id and not _owns_scope(unit, caller, value.address_scope_id):
        raise IllegalSubnetPoolUpdate(
            reason=f"subnetpool {value.id} cannot be updated when associated with shared address scope "
            f"{value.address_scope_id}"
        )
    _check_scope(unit, caller, pool)
    unit.update(resource, pool)
    return _again(unit, pool)


def delete(unit: Unit, caller: Caller, value: SubnetPool) -> None:
    """A pool that no subnet lives of.

    Raises:
        SubnetPoolDeleteError: one does.
    """
    if unit.find(RESOURCES["subnets"], subnetpool_id=value.id):
        raise refusal.SubnetPoolDeleteError(reason="Subnet pool has existing allocations")
    sharing.forget(unit, value.id)
    unit.blocks(value.id).forget()
    unit.delete(RESOURCES["subnetpools"], value.id)


def add_prefixes(unit: Unit, caller: Caller, value: SubnetPool, body: dict[str, Any]) -> dict[str, Any]:
    """``{"prefixes": [...]}`` more."""
    added = _asked(body)
    if not added:
        return {"prefixes": list(value.prefixes)}
    pool = update(unit, caller, value, {"prefixes": (*value.prefixes, *added)})
    return {"prefixes": list(pool.prefixes)}


def remove_prefixes(unit: Unit, caller: Caller, value: SubnetPool, body: dict[str, Any]) -> dict[str, Any]:
    """``{"prefixes": [...]}`` less, where no subnet is in them.

    Raises:
        IllegalSubnetPoolPrefixUpdate: one is.
    """
    gone = [ip_network(one) for one in _asked(body)]
    left = [ip_network(one) for one in value.prefixes]
    for subnet in unit.find(RESOURCES["subnets"], subnetpool_id=value.id):
        if any(overlap(ip_network(subnet.cidr), one) for one in gone):
            raise refusal.IllegalSubnetPoolPrefixUpdate(
                msg="One or more the prefixes to be removed is in use by a subnet"
            )
    for one in gone:
        left = [part for whole in left for part in _less(whole, one)]
    unit.blocks(value.id).forget()
    _, prefixes = _prefixes([str(one) for one in left])
    unit.update(RESOURCES["subnetpools"], change(RESOURCES["subnetpools"], value, {}, prefixes=prefixes))
    return {"prefixes": list(prefixes)}


class IllegalSubnetPoolUpdate(refusal.BadRequest):
    """A pool in another's address scope stays as it is."""

    sentence = "Illegal subnetpool update : {reason}."


def _less(whole: Prefix, gone: Prefix) -> Iterable[Prefix]:
    if not overlap(whole, gone):
        return [whole]
    if gone.prefixlen <= whole.prefixlen:
        return []
    return list(whole.address_exclude(gone))  # type: ignore[arg-type]  # they overlap, so they are of one version


def _asked(body: dict[str, Any]) -> tuple[str, ...]:
    attribute = RESOURCES["subnetpools"].attributes["prefixes"]
    if not isinstance(body.get("prefixes"), list) or attribute.check is None:
        raise refusal.HTTPBadRequest(message="Request body contains invalid data")
    if not body["prefixes"]:
        return ()
    checked: tuple[str, ...] = convert(attribute, body["prefixes"])
    return checked


def _prefixes(written: Iterable[str]) -> tuple[int, tuple[str, ...]]:
    """The family, and the prefixes joined where they touch or overlap."""
    found = [ip_network(one) for one in written]
    if not found:
        raise refusal.EmptySubnetPoolPrefixList
    versions = {one.version for one in found}
    if len(versions) > 1:
        raise refusal.PrefixVersionMismatch
    joined = collapse_addresses(found)  # type: ignore[type-var]  # they are of one version
    return versions.pop(), tuple(str(one) for one in joined)


def _lengths(version: int, given: dict[str, Any]) -> dict[str, int]:
    least = given.get("min_prefixlen", _LEAST[version])
    most = given.get("max_prefixlen", _MOST[version])
    usual = given.get("default_prefixlen", least)
    for name, value, base, limit, wrong in (
        ("min_prefixlen", least, "max_prefixlen", most, least > most),
        ("max_prefixlen", most, "ip_version_max", _MOST[version], most > _MOST[version]),
        ("default_prefixlen", usual, "min_prefixlen", least, usual < least),
        ("default_prefixlen", usual, "max_prefixlen", most, usual > most),
    ):
        if wrong:
            raise refusal.IllegalSubnetPoolPrefixBounds(
                prefix_type=name, prefixlen=value, base_prefix_type=base, base_prefixlen=limit
            )
    return {"min_prefixlen": least, "max_prefixlen": most, "default_prefixlen": usual}


def _refuse_loss(before: Iterable[str], after: Iterable[str]) -> None:
    wholes = [ip_network(one) for one in after]
    for one in map(ip_network, before):
        if not any(within(one, whole) for whole in wholes):
            raise refusal.IllegalSubnetPoolPrefixUpdate(
                msg="Existing prefixes must be a subset of the new prefixes"
            )


def _refuse_second_default(unit: Unit, version: int) -> None:
    if unit.find(RESOURCES["subnetpools"], is_default=True, ip_version=version):
        raise refusal.InvalidInput(
            error_message="A default subnetpool for this IP family has already been set. "
            "Only one default may exist per IP family"
        )


def _owns_scope(unit: Unit, caller: Caller, scope_id: str) -> bool:
    scope = unit.get(RESOURCES["address_scopes"], scope_id)
    return caller.is_admin or (scope is not None and scope.project_id == caller.project_id)


def _check_scope(unit: Unit, caller: Caller, pool: SubnetPool) -> None:
    """A scope that the caller may use, of the pool's family, in which no other pool has its addresses."""
    scope_id = pool.address_scope_id
    if scope_id is None:
        return
    scope = unit.get(RESOURCES["address_scopes"], scope_id, caller)
    if scope is None:
        raise refusal.AddressScopeNotFound(address_scope_id=scope_id)
    if scope.ip_version != pool.ip_version:
        raise refusal.IllegalSubnetPoolIpVersionAssociationToAddressScope(
            subnetpool_id=pool.id, address_scope_id=scope_id, ip_version=scope.ip_version
        )
    own = [ip_network(one) for one in pool.prefixes]
    for other in unit.find(RESOURCES["subnetpools"], address_scope_id=scope_id):
        theirs = [ip_network(one) for one in other.prefixes]
        if other.id != pool.id and any(overlap(one, two) for one in own for two in theirs):
            raise refusal.AddressScopePrefixConflict


def _again(unit: Unit, value: SubnetPool) -> SubnetPool:
    found: SubnetPool = kept(unit, RESOURCES["subnetpools"], value.id)
    return found
