"""What an error said in full, of the last time: a log has its code alone, and nobody may be left blind.

The sentence names places, so it stands where the places stand: in the state directory, mode 0600.
``deuteron explain CODE`` shows it to who may read that.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from deuteron.errors import DeuteronError
from deuteron.files import Purpose, read_checked, replace
from deuteron.state.directory import utc_now

#: In the state directory; an entry for each code that has occurred.
SENTENCES_FILE: Final = "sentences.json"


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """What an error said.

    Attributes:
        at: the last time, UTC.
    """

    at: datetime
    sentence: str


def keep_sentence(state_dir: Path, error: DeuteronError) -> bool:
    """Keep what an error says; the one of its code before it goes.

    Returns:
        Whether it is kept: what has failed may be this very directory.
    """
    file = state_dir / SENTENCES_FILE
    try:
        known = _read(file) | {error.code: Sentence(at=utc_now(), sentence=error.message)}
        replace(file, msgspec.json.encode(known), Purpose.STATE)
    except (OSError, DeuteronError):
        return False
    return True


def last_sentence(state_dir: Path, code: str) -> Sentence | None:
    """What the error of this code said last; ``None``: it has not occurred, or that is not ours to read."""
    try:
        return _read(state_dir / SENTENCES_FILE).get(code)
    except (OSError, DeuteronError):
        return None


def _read(file: Path) -> dict[str, Sentence]:
    try:
        return msgspec.json.decode(read_checked(file, Purpose.STATE), type=dict[str, Sentence])
    except (FileNotFoundError, msgspec.DecodeError):  # of a damaged one nothing can be told; it is made anew
        return {}
