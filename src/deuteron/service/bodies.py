"""Bodies: whether they are bulk, whose the resource is to be, and those of member actions."""

from __future__ import annotations

from typing import Any

from deuteron.identity.caller import Caller
from deuteron.resources import refusal
from deuteron.resources.resource import Resource, decode_bulk, decode_post, is_bulk


def several(resource: Resource, caller: Caller, body: object) -> tuple[list[dict[str, Any]], bool]:
    """What a POST gives, decoded and owned, and whether it was a bulk one.

    Raises:
        HTTPBadRequest, InvalidInput: with Neutron's sentence for what is no such body.
    """
    bulk = is_bulk(resource, body)
    given = decode_bulk(resource, body) if bulk else [decode_post(resource, body)]
    if "project_id" not in resource.attributes or not resource.attributes["project_id"].post:
        return given, bulk
    return [owned(caller, one) for one in given], bulk


def owned(caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
    """The same with its project: the one that is said, else the caller's.

    Raises:
        HTTPBadRequest: another's project is named by who is no administrator, or there is none to name.
    """
    said = given.get("project_id")
    if "project_id" in given and said != caller.project_id and not caller.sees_all:
        raise refusal.HTTPBadRequest(
            message="Specifying 'project_id' other than the authenticated project in request is not allowed "
            "for the current user."
        )
    if said is not None:
        return given
    if not caller.project_id:
        raise refusal.HTTPBadRequest(
            message="Running without keystone AuthN requires that project_id is specified"
        )
    return {**given, "project_id": caller.project_id}


def member(resource: Resource, body: object, *, envelope: bool) -> dict[str, Any]:
    """The body of a member action, without its envelope."""
    inner = body.get(resource.name) if envelope and isinstance(body, dict) else body
    if inner is None and not envelope:
        return {}
    if not isinstance(inner, dict):
        raise refusal.HTTPBadRequest(message="Body contains invalid data")
    return inner
