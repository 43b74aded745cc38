"""What most resources share: owner, revision, times, description, tags (Neutron's standard attributes)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from deuteron.resources import checks
from deuteron.resources.attribute import Attr


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Something with an id and an owner; its revision and times are kept and not shown.

    Times are UTC, ``2026-11-23T12:00:00Z``; the revision is 0 when made and one more with each change.
    ``tenant_id``, the old name of ``project_id``, is made when it is rendered.
    """

    id: Annotated[str, Attr(sort=True, check=checks.uuid, openapi={"format": "uuid"})]
    project_id: Annotated[str, Attr(post=True, sort=True, check=checks.text(255))] = ""
    revision_number: Annotated[int, Attr(visible=False, filter=False)] = 0
    created_at: Annotated[str, Attr(visible=False, filter=False)] = ""
    updated_at: Annotated[str, Attr(visible=False, filter=False)] = ""


class Standard(Kept, frozen=True, kw_only=True):
    """`Kept`, with a description, and all of it shown."""

    description: Annotated[
        str, Attr(post=True, put=True, check=checks.text(255), extension="standard-attr-description")
    ] = ""
    revision_number: Annotated[int, Attr(extension="standard-attr-revisions")] = 0
    created_at: Annotated[str, Attr(filter=False, extension="standard-attr-timestamp")] = ""
    updated_at: Annotated[str, Attr(filter=False, extension="standard-attr-timestamp")] = ""


class Tagged(Standard, frozen=True, kw_only=True):
    """`Standard`, with tags: different words in the order of the alphabet."""

    tags: Annotated[tuple[str, ...], Attr(post=True, check=checks.tags, extension="standard-attr-tag")] = ()
