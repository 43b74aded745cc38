"""One request and one answer of the API, free of HTTP, and what every service function is given.

A service function is synchronous over one unit of work of the store::

    def create(unit: Unit, caller: Caller, given: dict[str, Any]) -> Network: ...
    def update(unit: Unit, caller: Caller, value: Network, given: dict[str, Any]) -> Network: ...
    def delete(unit: Unit, caller: Caller, value: Network) -> None: ...

``given`` holds the decoded attributes that the body gave, no defaults; ``verbs`` has put ``project_id`` in,
and for a nested resource the parent's id (``floatingip_id``).  Who may do it was decided before, by policy;
the functions decide whether it makes sense, and raise a :class:`~deuteron.resources.refusal.Refusal` when
it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from deuteron.identity.caller import Caller
from deuteron.resources.resource import Resource
from deuteron.store.query import Query
from deuteron.store.store import Unit

Create = Callable[[Unit, Caller, dict[str, Any]], Any]
Update = Callable[[Unit, Caller, Any, dict[str, Any]], Any]
Delete = Callable[[Unit, Caller, Any], None]
Act = Callable[[Unit, Caller, Any, dict[str, Any]], dict[str, Any]]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request.

    Attributes:
        caller: who asks. resource: the declaration of what is asked about. action: ``index``, ``show``,
        ``create``, ``update``, ``delete``, or the name of a member action as it stands in
            the path: ``add_router_interface``, ``tags`` verbs as ``tags.index``, quotas as ``default``,
            ``details``.
        id: the resource's id; empty for a collection.
        parent: the id in the path in front of a nested resource (a floating IP's); empty elsewhere.
        sub: the last piece of the path for a tag (``/networks/ID/tags/SUB``).
        body: the decoded JSON, ``None`` without a body.
        query: what ``index`` lists; its caller and resource are the call's.
        fields: the attributes wanted, ``None`` for all of them.
        if_match: the revision that ``If-Match: revision_number=N`` asks for.
    """

    caller: Caller
    resource: Resource
    action: str
    id: str = ""
    parent: str = ""
    sub: str = ""
    body: object = None
    query: Query | None = None
    fields: frozenset[str] | None = None
    if_match: int | None = None


class Answer(msgspec.Struct, frozen=True):
    """What is answered.

    Attributes:
        status: 200, 201 or 204. body: what becomes JSON; ``None`` for no body. count: how many rows the
        page has in the store, for the links; ``first`` and ``last`` are the ids at its ends.
    """

    status: int
    body: dict[str, Any] | None = None
    count: int = 0
    first: str = ""
    last: str = ""


class Member(msgspec.Struct, frozen=True):
    """An action on one resource beside the five: ``PUT /routers/ID/add_router_interface``.

    Attributes:
        run: does it, and returns the body of the answer without its envelope.
        envelope: whether body and answer are wrapped as ``{"router": ...}``.
    """

    run: Act
    envelope: bool = False


class Operations(msgspec.Struct, frozen=True, kw_only=True):
    """The service functions of one resource; what is ``None`` the API does not have."""

    create: Create | None = None
    update: Update | None = None
    delete: Delete | None = None
    members: Mapping[str, Member] = msgspec.field(default_factory=dict)
