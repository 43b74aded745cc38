"""Tags of a resource, a collection of words under its path."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from deuteron.resources import checks
from deuteron.resources.attribute import Attr, Invalid
from deuteron.resources.refusal import BadRequest, InvalidInput
from deuteron.resources.resource import Resource, declare


class Tag(msgspec.Struct, frozen=True, kw_only=True):
    """One word that a resource bears."""

    tag: Annotated[str, Attr(post=True, put=True, filter=False, check=checks.tag)]


TAG: Final[Resource] = declare(Tag, name="tag", collection="tags", bulk=False, extension="standard-attr-tag")


def decode_tag(word: object) -> str:
    """One tag, as a path has it.

    Raises:
        InvalidInput: it is too long.
    """
    try:
        return checks.tag(word)
    except Invalid as refused:
        raise InvalidInput(error_message=refused.sentence) from None


def decode_tags(body: object, collection: str = "tags") -> tuple[str, ...]:
    """The words of ``{"tags": [...]}``, which replace those that a resource of ``collection`` has.

    Raises:
        InvalidInput: the body is of another form, or has a word twice.
        BadRequest: more words than a resource may bear.
    """
    if not isinstance(body, dict) or "tags" not in body:
        raise InvalidInput(error_message="Invalid tags body")
    try:
        return checks.tags(body["tags"])
    except Invalid as refused:
        raise InvalidInput(error_message=refused.sentence) from None
    except BadRequest as refused:
        raise BadRequest(resource=collection, msg=refused.facts["msg"]) from None
