"""Waiting for what another process or thread does: no longer than it takes, and never for ever."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any, Final

#: Seconds until a test gives up.
PATIENCE: Final = 60.0
#: Seconds between two looks.
_PAUSE: Final = 0.02


def wait_until(
    holds: Callable[[], object],
    tell: Callable[[], object] = lambda: "in vain",
    *,
    process: subprocess.Popen[Any] | None = None,
    seconds: float = PATIENCE,
) -> None:
    """Look again and again until it holds.

    Args:
        holds: what is waited for; looked at once at least.
        tell: what a person wants to read where it was in vain; only then called.
        process: who is to bring it about: where it has ended, nothing is waited for.
        seconds: until the test gives up.

    Raises:
        AssertionError: it was in vain, with what ``tell`` answers.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        assert process is None or process.poll() is None, ("ended", tell())
        assert time.monotonic() < deadline, (f"not within {seconds:g} s", tell())
        time.sleep(_PAUSE)
