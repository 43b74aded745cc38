"""R501: open work in a comment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from deuteron.review.hit import Hit
from deuteron.review.source import Source

#: Written so that this file does not find itself.
_MARK: Final = re.compile(
    r"#\s*(?:@)?(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")) + r")\b(?!\s*=)"
)


def check(source: Source) -> Iterator[Hit]:
    """The rule over a module."""
    if not _MARK.search(source.text):
        return  # to split a file into its tokens costs more than all other rules of it
    for line, comment in source.comments:
        found = _MARK.search(comment)
        if found:
            yield Hit("R501", line, line, f"{found[1]} in a comment: an issue is where open work is found")
