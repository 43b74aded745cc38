"""Address scopes: which of a router's links may exchange packets untranslated.

Addresses are unique within a scope only, so what would cross from one to another as it is
must not pass; floating IPs, port forwardings and SNAT translate, and do.  Having no scope
counts as one more scope.  The meaning is Neutron's; its agent marks packets by the link
they came in on (``router_info.address_scope_mangle_rule``), which rules can say themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from deuteron.compile import names
from deuteron.compile.index import Index
from deuteron.domain import Port

Links = tuple[str, ...]


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """One address family of a namespace.

    Attributes:
        groups: internal links by scope, empty where all are in one.
        outside: internal links in the external network's scope, ``None`` where all are.
        untranslated: those of them that are so by name: SNAT leaves them alone.
    """

    groups: tuple[Links, ...] = ()
    outside: Links | None = None
    untranslated: Links = ()


class Scopes(msgspec.Struct, frozen=True, kw_only=True):
    """Both families."""

    v4: Family = Family()
    v6: Family = Family()


def scopes(index: Index, inside: Iterable[Port], prefix: str, external: Port | None = None) -> Scopes:
    """The scopes of a namespace whose internal links are named ``prefix`` and a port each."""
    ports = list(inside)
    return Scopes(
        v4=_family(index, ports, prefix, external, 4), v6=_family(index, ports, prefix, external, 6)
    )


def _family(index: Index, ports: list[Port], prefix: str, external: Port | None, version: int) -> Family:
    links: defaultdict[str, list[str]] = defaultdict(list)
    for port in ports:
        scope = _scope(index, port, version)
        if scope is not None:
            links[scope].append(names.device(prefix, port.id))
    groups = {scope: tuple(sorted(devs)) for scope, devs in sorted(links.items())}
    apart = tuple(groups.values()) if len(groups) > 1 else ()
    there = None if external is None else _scope(index, external, version)
    if there is None:
        return Family(groups=apart)
    shared = groups.get(there, ())
    return Family(
        groups=apart,
        outside=None if set(groups) <= {there} else shared,
        untranslated=shared if there else (),
    )


def _scope(index: Index, port: Port, version: int) -> str | None:
    """A port's scope, ``None`` where it has no address of the family."""
    found = (each.address_scope for each in index.own_subnets(port) if each.ip_version == version)
    return next(found, None)
