"""A baseline: the findings of an earlier report in JSON, which are then only counted.

A finding is known by its rule, its file and the text of its line, so that lines may move.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from deuteron.errors import InputError


class _Place(msgspec.Struct, frozen=True):
    file: str = ""


class _Finding(msgspec.Struct, frozen=True):
    check: str
    status: str
    place: _Place = _Place()
    evidence: tuple[str, ...] = ()


class _Document(msgspec.Struct, frozen=True):
    tool: str
    findings: tuple[_Finding, ...]


def read_baseline(path: Path) -> frozenset[tuple[str, str, str]]:
    """Rule, file and line's text of each finding in a report that was written with ``-o json``.

    Raises:
        InputError: it cannot be read, or is no such report.
    """
    try:
        document = msgspec.json.decode(path.read_bytes(), type=_Document)
    except OSError as error:
        raise InputError("review-baseline", f"{path} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InputError(
            "review-baseline", f"{path} is no report; write one with `deuteron review -o json PATH > {path}`"
        ) from None
    found = (one for one in document.findings if one.status in ("fail", "accepted") and one.evidence)
    return frozenset((one.check, one.place.file, one.evidence[0][4:].strip()) for one in found)
