"""Extensions as the API shows them."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from deuteron.resources.attribute import Attr
from deuteron.resources.resource import Resource, declare


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the API that works here, by the alias that clients look for."""

    alias: Annotated[str, Attr()]
    name: Annotated[str, Attr()]
    description: Annotated[str, Attr()]
    updated: Annotated[str, Attr()]
    links: Annotated[tuple[Any, ...], Attr(filter=False)] = ()


EXTENSION: Final[Resource] = declare(Extension, name="extension", collection="extensions", bulk=False)
