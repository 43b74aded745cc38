"""``deuteron`` to which things happen, when it is told to.

The file that ``DEUTERON_TEST_MISHAPS`` names holds what it is to say, and where it is to be killed.

    SIGUSR1     one crossing of the edge in so many is refused, from now on; again: no more
    SIGUSR2     a thread, a destructor, a library and a warning fail in words of the file
    SIGRTMIN    the main thread fails in these words, and nobody has foreseen it

At the crossing that it names, all of the last two happen by themselves.
"""

from __future__ import annotations

import errno
import logging
import os
import random
import signal
import threading
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, Final

import msgspec

from deuteron import edge
from deuteron.cli.main import main
from deuteron.resources.resource import Resource
from deuteron.store.unit import Unit

VARIABLE: Final = "DEUTERON_TEST_MISHAPS"
_ERRNOS: Final = (errno.EPERM, errno.EBUSY, errno.ENOSPC, errno.EIO, errno.ENODEV, errno.EEXIST)


class Mishaps(msgspec.Struct, frozen=True, kw_only=True):
    """What is to happen.

    Attributes:
        words: canaries.
        seed: of what is refused.
        kill_at: the crossing at which the process is killed, 0 for none.
        fail_at: the crossing at which all fails that can, 0 for none.
        fail_verb: of the edge, whose crossings count for that; "" for all.
        defect: at the beginning of a resource's name: to write it down is a defect, "" for none.
    """

    words: list[str]
    seed: int
    kill_at: int = 0
    fail_at: int = 0
    fail_verb: str = ""
    defect: str = ""


class Storm:
    """Refuses one crossing in thirty, and a message of one batch in eight."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def before(self, _verb: str) -> None:
        with self._lock:
            if self._random.randrange(30) == 0:
                number = self._random.choice(_ERRNOS)
                raise OSError(number, os.strerror(number))

    def after(self, _verb: str) -> None:
        """Whatever has happened is believed."""

    def spoiled(self, _verb: str, count: int) -> tuple[int, int] | None:
        with self._lock:
            if not count or self._random.randrange(8):
                return None
            return self._random.randrange(count), self._random.choice(_ERRNOS)


class At:
    """Does something at a crossing.

    Args:
        at: which, from 1.
        do: what.
        verb: of the edge; "" counts them all.
    """

    def __init__(self, at: int, do: Callable[[], object], verb: str = "") -> None:
        self._left = at
        self._do = do
        self._verb = verb

    def before(self, verb: str) -> None:
        if self._verb in ("", verb):
            self._left -= 1
            if self._left == 0:
                self._do()

    def after(self, _verb: str) -> None:
        """It was before, or never."""

    def spoiled(self, _verb: str, _count: int) -> tuple[int, int] | None:
        return None


def die() -> None:
    """As the kernel's want of memory would have it, at once."""
    os.kill(os.getpid(), signal.SIGKILL)


class Loud:
    """Says so when it goes."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __del__(self) -> None:
        raise ValueError(self._words)


def plant(defect: str) -> None:
    """Have the store fail, with all that it was given, where a name begins so."""
    insert = Unit.insert

    def failing(self: Unit, resource: Resource, value: Any) -> Any:
        if str(getattr(value, "name", "")).startswith(defect):
            raise RuntimeError(f"cannot write {value!r}")
        return insert(self, resource, value)

    Unit.insert = failing  # type: ignore[method-assign]  # a test build


def happen(mishaps: Mishaps) -> None:
    """Prepare for all of it."""
    words = " ".join(mishaps.words)
    stormy = ExitStack()

    def storm(_number: int, _frame: FrameType | None) -> None:
        if edge._guard is None:
            stormy.enter_context(edge.guarded(Storm(mishaps.seed)))
        else:
            stormy.close()

    def fail() -> None:
        raise ValueError(words)

    def unwell() -> None:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        Loud(words)

    def speak(_number: int = 0, _frame: FrameType | None = None) -> None:
        unwell()
        logging.getLogger("library").error("no way to %s", words)
        warnings.warn(words, stacklevel=1)

    def crash(_number: int = 0, _frame: FrameType | None = None) -> None:
        secret = {"to": words}
        raise RuntimeError(f"cannot reach {secret!r}") from OSError(errno.ENOENT, words, words)

    def all_fails() -> None:
        unwell()
        crash()

    signal.signal(signal.SIGUSR1, storm)
    signal.signal(signal.SIGUSR2, speak)
    signal.signal(signal.SIGRTMIN, crash)
    if mishaps.kill_at:
        stormy.enter_context(edge.guarded(At(mishaps.kill_at, die)))
    if mishaps.fail_at:
        stormy.enter_context(edge.guarded(At(mishaps.fail_at, all_fails, mishaps.fail_verb)))


if __name__ == "__main__":
    told = msgspec.json.decode(Path(os.environ[VARIABLE]).read_bytes(), type=Mishaps)
    if told.defect:
        plant(told.defect)
    happen(told)
    main()
