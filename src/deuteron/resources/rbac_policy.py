"""RBAC policies."""

from __future__ import annotations

from typing import Annotated, Any, Final

from deuteron.resources import checks
from deuteron.resources.attribute import Attr, Invalid
from deuteron.resources.refusal import InvalidInput
from deuteron.resources.resource import Resource, declare
from deuteron.resources.standard import Kept

OBJECT_TYPES: Final = ("network", "subnetpool", "address_scope")
EVERYBODY: Final = "*"


def _object_type(value: Any) -> str:
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in OBJECT_TYPES:
        return word
    raise InvalidInput(error_message=f"'{checks.quoted(value)}' is not a valid RBAC object type")


def _target(value: Any) -> str:
    """A project's id, which Neutron takes for a UUID, or everybody."""
    try:
        return EVERYBODY if value == EVERYBODY else checks.uuid(value)
    except Invalid:
        raise InvalidInput(
            error_message=f"'{checks.quoted(value)}' is not a valid target project ID; expected a UUID or '*'"
        ) from None


class RbacPolicy(Kept, frozen=True, kw_only=True):
    """Lets a project, or everybody (``*``), use what is another's.

    The ``action`` is ``access_as_shared``; of a network also ``access_as_external``.
    """

    id: Annotated[str, Attr(check=checks.uuid, openapi={"format": "uuid"})]
    project_id: Annotated[str, Attr(post=True, check=checks.text(255))] = ""
    object_type: Annotated[str, Attr(post=True, enforce=True, check=_object_type)]
    object_id: Annotated[str, Attr(post=True, enforce=True, required=True, check=checks.uuid)]
    target_tenant: Annotated[str, Attr(post=True, put=True, enforce=True, required=True, check=_target)]
    action: Annotated[str, Attr(post=True, enforce=True, required=True, check=checks.text(255))]


RBAC_POLICY: Final[Resource] = declare(
    RbacPolicy,
    name="rbac_policy",
    collection="rbac_policies",
    quota="rbac_policy",
    extension="rbac-policies",
)
