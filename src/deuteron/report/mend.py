"""What of a mend is typed as it stands: a page sets that, and only that, as code."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

#: What a mend that is a command as a whole begins with; so does each part of it.
_PROGRAMS: Final = frozenset({"chmod", "chown", "deuteron", "ip", "mv", "nft", "rm", "sysctl", "systemctl"})
_JOINED: Final = re.compile(r"; | && ")
_QUOTED: Final = re.compile(r"`([^`]+)`")


class Span(NamedTuple):
    """A part of a mend."""

    text: str
    code: bool


def spans(mend: str) -> tuple[Span, ...]:
    """The mend in parts; one that is a command is one part, in a sentence commands stand in backticks."""
    if is_command(mend):
        return (Span(mend, code=True),)
    parts = enumerate(_QUOTED.split(mend))  # every second one is a group of the pattern
    return tuple(Span(text, code=bool(number % 2)) for number, text in parts if text)


def is_command(mend: str) -> bool:
    """Whether all of it can be typed: programs we name, and no sentence after a comma."""
    return ", " not in mend and all(part.partition(" ")[0] in _PROGRAMS for part in _JOINED.split(mend))
