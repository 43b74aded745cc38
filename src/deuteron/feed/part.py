"""What differs between two views of one host, as a value: what an agent is told once it has a view.

With 1,000 routers a view is megabytes and one more floating IP is a hundred octets, so a view goes
over the wire once and parts after it.  Applying a part is plain replacement by kind and id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from deuteron.domain import (
    FloatingIP,
    HostView,
    Leg,
    NdpProxy,
    Network,
    Override,
    Port,
    RefusedRouter,
    Router,
    Subnet,
)

Kind = Literal[
    "network", "subnet", "port", "router", "floatingip", "ndp_proxy", "agent_gateway", "leg", "refused"
]


class Gone(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """Something that this host need not know any more; a leg is named by its router."""

    kind: Kind
    id: str


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is new or other, and what is gone.

    Attributes:
        agent_gateways: ids of ports that have become ones.
        overrides: all of them, where they differ; ``None``: they do not.
        notices: likewise.
    """

    networks: tuple[Network, ...] = ()
    subnets: tuple[Subnet, ...] = ()
    ports: tuple[Port, ...] = ()
    routers: tuple[Router, ...] = ()
    floating_ips: tuple[FloatingIP, ...] = ()
    ndp_proxies: tuple[NdpProxy, ...] = ()
    agent_gateways: tuple[str, ...] = ()
    legs: tuple[Leg, ...] = ()
    refused: tuple[RefusedRouter, ...] = ()
    gone: tuple[Gone, ...] = ()
    overrides: tuple[Override, ...] | None = None
    notices: tuple[str, ...] | None = None


NOTHING: Final = Part()


def _id(value: Any) -> str:
    return str(value.id)


def _itself(value: Any) -> str:
    return str(value)


def _router(value: Any) -> str:
    return str(value.router_id)


#: Each kind: the field of a view and of a part that has its values, and what tells them apart.
KINDS: Final[Mapping[Kind, tuple[str, Callable[[Any], str]]]] = {
    "network": ("networks", _id),
    "subnet": ("subnets", _id),
    "port": ("ports", _id),
    "router": ("routers", _id),
    "floatingip": ("floating_ips", _id),
    "ndp_proxy": ("ndp_proxies", _id),
    "agent_gateway": ("agent_gateways", _itself),
    "leg": ("legs", _router),
    "refused": ("refused", _id),
}


def keyed(kind: Kind, holder: HostView | Part) -> dict[str, Any]:
    """The values of a kind, by what tells them apart."""
    field, key = KINDS[kind]
    return {key(value): value for value in getattr(holder, field)}


def difference(before: HostView, after: HostView) -> Part:
    """The part that leads from one view to the other.

    Raises:
        ValueError: they are of two hosts.
    """
    if before.host != after.host:
        raise ValueError("views of two hosts")
    fields: dict[str, tuple[Any, ...]] = {}
    gone: list[Gone] = []
    for kind, (field, _) in KINDS.items():
        if getattr(before, field) is getattr(after, field):
            continue
        old, new = keyed(kind, before), keyed(kind, after)
        fields[field] = tuple(value for key, value in new.items() if old.get(key) != value)
        gone += [Gone(kind=kind, id=key) for key in old.keys() - new.keys()]
    return Part(
        **fields,
        gone=tuple(sorted(gone)),
        overrides=None if before.overrides == after.overrides else after.overrides,
        notices=None if before.notices == after.notices else after.notices,
    )


def merged(before: HostView, part: Part) -> HostView:
    """The view that a part leads to, each kind sorted by id.

    Raises:
        FieldError: the two do not fit together.
    """
    fields: dict[str, tuple[Any, ...]] = {
        field: sorted_values(kind, _after(kind, before, part)) for kind, (field, _) in KINDS.items()
    }
    return HostView(
        host=before.host,
        **fields,
        overrides=before.overrides if part.overrides is None else part.overrides,
        notices=before.notices if part.notices is None else part.notices,
    )


def sorted_values(kind: Kind, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """The values of a kind in the order of a view: by id."""
    key: Callable[[Any], str] = KINDS[kind][1]
    return tuple(sorted(values.values(), key=key))


def _after(kind: Kind, before: HostView, part: Part) -> dict[str, Any]:
    values = keyed(kind, before)
    for key in _of_kind(kind, part.gone):
        values.pop(key, None)
    return values | keyed(kind, part)


def _of_kind(kind: Kind, gone: Iterable[Gone]) -> list[str]:
    return [one.id for one in gone if one.kind == kind]
