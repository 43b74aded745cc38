"""Ids: random UUIDs (version 4, RFC 9562), made many at a time.

Who asks the kernel for random octets lets Python's other threads run, and waits for them to let it run
again: with clients at work that cost a request more than its policy.  So a few hundred are made at once.
"""

from __future__ import annotations

import os
from collections import deque
from typing import Final

_MANY: Final = 256
_OCTETS: Final = 16
#: Made and not given yet; taking one from a deque is one step, whichever thread does.
_ready: Final[deque[str]] = deque()
# Two processes must not give the same.
os.register_at_fork(after_in_child=_ready.clear)


def new_id() -> str:
    """An id that nobody has."""
    try:
        return _ready.pop()
    except IndexError:
        first, *more = _made()
        _ready.extend(more)
        return first


def _made() -> list[str]:
    random = os.urandom(_MANY * _OCTETS)
    return [_uuid(random[at : at + _OCTETS]) for at in range(0, len(random), _OCTETS)]


def _uuid(octets: bytes) -> str:
    """As :class:`uuid.UUID` writes it: four bits say the version, two the variant."""
    digits = octets.hex()
    variant = "89ab"[octets[8] & 0x03]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
