"""A resource as a list shows it: the struct whose JSON is the answer's.

A list is as long as there are ports, and most of what it shows is text that the store holds as it is shown.
So a row becomes one of these, and the encoder does the rest: no mapping is made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec

from deuteron.resources.resource import Resource


# Every client asks for the same few; the names are checked ones, so that no others come.
@lru_cache(maxsize=1024)
def shown(resource: Resource, wanted: frozenset[str] | None = None) -> type[msgspec.Struct]:
    """The struct of what the resource shows, in its order; ``tenant_id`` comes last.

    Its fields have the names of the resource's own struct, so rules and filters read both alike; its values
    are what JSON is made of.

    Args:
        resource: of what.
        wanted: the attributes, ``None`` for all.
    """
    kept = [one for one in resource.attributes.values() if one.visible and one.field]
    named = [(one.field, one.name) for one in kept]
    if any(one.name == "project_id" for one in kept):
        named.append(("tenant_id", "tenant_id"))
    fields: list[tuple[str, Any, Any]] = [
        (field, Any, msgspec.field(name=name)) for field, name in named if wanted is None or name in wanted
    ]
    # Nothing in it refers back to it, and the collector would look at each of a list's again and again.
    return msgspec.defstruct(f"{resource.model.__name__}Shown", fields, frozen=True, gc=False)


@lru_cache(maxsize=1024)
def shower(resource: Resource, wanted: frozenset[str] | None = None) -> Callable[[Any], Any]:
    """What makes of a value of the resource, or of one that is shown whole, the one that is shown."""
    made = shown(resource, wanted)
    names = ["project_id" if name == "tenant_id" else name for name in made.__struct_fields__]
    if not names:
        return lambda _: made()
    get = attrgetter(*names)
    if len(names) == 1:
        return lambda value: made(get(value))
    return lambda value: made(*get(value))
