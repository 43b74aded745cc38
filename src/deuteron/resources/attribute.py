"""What the API knows of one attribute of a resource.

An attribute is declared where the resource's struct names it::

    class Network(msgspec.Struct, frozen=True, kw_only=True):
        name: Annotated[str, Attr(post=True, put=True, sort=True, check=checks.name(255))] = ""

Decoding, visibility, filters, policy and the OpenAPI document are all made of this one declaration.
The meaning of each flag is that of neutron-lib's API definitions (allow_post, allow_put, is_visible,
is_filter, is_sort_key, enforce_policy).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import UNSET

__all__ = ["NO_DEFAULT", "UNSET", "Attr", "Attribute", "Check", "Invalid"]

Check: TypeAlias = Callable[[Any], Any]
"""Converts one value of a body to the value that is kept, or raises `Invalid` or `InvalidInput`."""

NO_DEFAULT: Final = UNSET


class Invalid(ValueError):  # noqa: N818  it is the value that is invalid; an error is what becomes of it
    """A value that its attribute does not take.

    Args:
        sentence: Neutron's reason, without the full stop: ``'x' is not a valid UUID``.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Attr(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one attribute.

    Args:
        post: may stand in the body of a POST.
        put: may stand in the body of a PUT; with neither it is read-only.
        visible: is shown in answers.
        filter: may stand in the query of a list.
        sort: may be a ``sort_key``.
        required: a POST without it is a 400.
        check: converts and validates a value; None keeps it as it came.
        enforce: its presence in a body asks for a policy of its own, ``create_network:shared``
            (OSSA-2014-031: also on PUT, also when it is given its present value).
        extension: the alias that brings it, "" for the core.
        derived: made when the resource is read; no column of its own.
        openapi: its JSON schema, where the type does not say it all.
    """

    post: bool = False
    put: bool = False
    visible: bool = True
    filter: bool = True
    sort: bool = False
    required: bool = False
    check: Check | None = None
    enforce: bool = False
    extension: str = ""
    derived: bool = False
    openapi: Mapping[str, Any] | None = None


class Attribute(Attr, frozen=True, kw_only=True):
    """An attribute in its resource.

    Args:
        name: its name in JSON, ``router:external``.
        field: its name in the struct, ``router_external``; "" for what a body may carry and no
            resource keeps (``prefixlen``).
        type: its annotation, without the rules.
        default: the struct's default; NO_DEFAULT where there is none.  Lists are made anew by the struct.
    """

    name: str
    field: str = ""
    type: Any = Any
    default: Any = NO_DEFAULT
