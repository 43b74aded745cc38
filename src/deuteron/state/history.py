"""Who put a unit there, and when: for ``deuteron doctor``."""

from __future__ import annotations

from datetime import datetime

import msgspec

from deuteron.state.journal import Target, Verb


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of how a unit came to be as it is.

    Attributes:
        made_at: when it was first made, UTC.
        changed_at: when it was last changed, UTC.
        source: the path of the file of the last change.
        verb: of the last change.
    """

    made_at: datetime
    changed_at: datetime
    source: str
    verb: Verb


def changed(before: Record | None, target: Target, now: datetime) -> Record:
    """The record after one more change."""
    return Record(
        made_at=before.made_at if before is not None else now,
        changed_at=now,
        source=target.source,
        verb=target.verb,
    )
