"""DTN-401."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Final

import msgspec

from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts

#: What would tell of a tenant whoever it is: a UUID, a MAC address, an IPv4 address.
_SHAPES: Final = re.compile(
    rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    rb"|(?<![0-9a-f:])[0-9a-f]{2}(?::[0-9a-f]{2}){5}(?![0-9a-f:])"
    rb"|(?<![0-9.])(?:\d{1,3}\.){3}\d{1,3}(?![0-9.])"
)
#: Names shorter than that are words that anybody may say.
_SHORTEST: Final = 8
#: How much of a log is read: its end.
_TAIL: Final = 64 << 20


def _run(facts: Facts) -> Verdict:
    file = facts.places.config.log.file
    if file is None:
        return not_applicable("no log file is configured")
    known = set(_words(facts))
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _TAIL))
            telling = [number for number, line in enumerate(stream, 1) if _tells(line, known)]
    except FileNotFoundError:
        return not_applicable("nothing was logged yet")
    lines = (
        [f"lines that tell of a tenant: {len(telling)}, the first is line {telling[0]}"] if telling else []
    )
    return verdict(lines, f"`{_without(file)}`; and report which event it was", seen=["read to its end"])


def _without(file: Path) -> str:
    told = quote(f"{file}.told")
    return f"mv {quote(str(file))} {told} && chmod 600 {told}"


def _tells(line: bytes, known: set[bytes]) -> bool:
    return _SHAPES.search(line.lower()) is not None or any(word in line for word in known)


def _words(facts: Facts) -> Iterator[bytes]:
    """Ids, addresses and names of what is wanted here: canaries that nobody had to lay out."""
    texts = _texts(msgspec.to_builtins(facts.view))
    yield from {text.encode() for text in texts if len(text) >= _SHORTEST}


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield from (value, value.partition("/")[0]) if _is_name(value) else ()
        case dict():
            yield from (text for one in value.values() for text in _texts(one))
        case list() | tuple():
            yield from (text for one in value for text in _texts(one))


def _is_name(text: str) -> bool:
    return " " not in text and any(character.isdigit() or character in "-_." for character in text)


CHECK = Check(
    id="DTN-401",
    title="the log tells of no tenant",
    broken="the log tells of tenants in clear",
    consideration=4,
    help="It is searched for every id, address and name of this host's model, and for what has such a form.",
    run=_run,
)
