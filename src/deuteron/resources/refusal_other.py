"""Refusals about quotas, RBAC policies, tags, zones and agents."""

from __future__ import annotations

from deuteron.resources.refusal_base import BadRequest, Conflict, NotFound


class OverQuota(Conflict):
    """The project has its share."""

    sentence = "Quota exceeded for resources: {overs}."


class QuotaResourceUnknown(NotFound):
    """A quota of something that has none."""

    sentence = "Unknown quota resources {unknown}."


class QuotaMissingTenant(BadRequest):
    """A quota is a project's."""

    sentence = "Tenant-id was missing from quota request."


class TenantQuotaNotFound(NotFound):
    """The project has no limits of its own."""

    sentence = "Quota for project {tenant_id} could not be found."


class InvalidActionForType(BadRequest):
    """Nothing of that type is shared in that way."""

    sentence = "Invalid action '{action}' for object type '{object_type}'. Valid actions: {valid_actions}"


class RbacPolicyNotFound(NotFound):
    """No such RBAC policy."""

    sentence = "RBAC policy of type {object_type} with ID {id} not found"

    def __init__(self, detail: str = "", **facts: object) -> None:
        super().__init__(detail, **{"object_type": "unknown", **facts})


class RbacPolicyInUse(Conflict):
    """Others use what the policy shares."""

    sentence = (
        "RBAC policy on object {object_id} cannot be removed because other objects depend on it.\n"
        "Details: {details}"
    )


class DuplicateRbacPolicy(Conflict):
    """The same policy twice."""

    sentence = "An RBAC policy already exists with those values."


class TagNotFound(NotFound):
    """The resource has no such tag."""

    sentence = "Tag {tag} could not be found."


class TagResourceNotFound(NotFound):
    """The resource whose tags were asked for is not there."""

    name = "TagResourceNotFound"
    sentence = "Resource {resource} {resource_id} could not be found."


class AvailabilityZoneNotFound(NotFound):
    """No agent is in the zone."""

    sentence = "AvailabilityZone {availability_zone} could not be found."


class AgentNotFound(NotFound):
    """No such agent."""

    sentence = "Agent {id} could not be found."


class ExtensionsNotFound(NotFound):
    """No such extension."""

    sentence = "Extensions not found: {extensions}."
