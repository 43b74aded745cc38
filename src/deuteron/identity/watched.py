"""A file that decides something, read again when it is another one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from deuteron.errors import DeuteronError, HostError
from deuteron.files import Purpose, read_checked

T = TypeVar("T")

#: Seconds that a file has to be older than the reading of it, so that a later write shows in its times.
_SETTLED: Final = 0.1

Signature = tuple[int, int, int, int, int]


class Watched(Generic[T]):
    """What a file says, as it was when it was last acceptable.

    Args:
        path: of the file.
        what: it is for; its owner and its mode are held to that, see :mod:`deuteron.files`.
        parse: makes of the bytes what they say; raises ``InputError``.

    Raises:
        InputError: what the file says is not acceptable.
        HostError: ``unsafe-file`` and its like; ``unreadable-file``.
    """

    def __init__(self, path: Path, what: Purpose, parse: Callable[[Path, bytes], T]) -> None:
        self.path = path
        self._what = what
        self._parse = parse
        self._seen: Signature | None = None
        self.trouble: DeuteronError | None = None
        self.value = self._read()

    def look(self) -> bool:
        """Read the file again if it is another one, or was written to.

        Where it is not acceptable, what it said before still holds, and ``trouble`` is why.

        Returns:
            Whether ``value`` or ``trouble`` is a new one.
        """
        if self._seen is not None and self._signature() == self._seen:
            return False
        try:
            value = self._read()
        except DeuteronError as error:
            known, self.trouble = self.trouble, error
            return known is None or known.message != error.message
        self.trouble, changed = None, value != self.value or self.trouble is not None
        self.value = value
        return changed

    def _read(self) -> T:
        before, now = self._signature(), time.time()
        # Written a moment ago: it may be written once more with the same times, so it is looked at again.
        settled = before is not None and now - max(before[3:]) / 1e9 > _SETTLED
        self._seen = before if settled else None
        try:
            content = read_checked(self.path, self._what)
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise HostError(
                "unreadable-file", f"{self.path} cannot be read: {why}; put it there, or name no such file"
            ) from error
        return self._parse(self.path, content)

    def _signature(self) -> Signature | None:
        try:
            found = os.lstat(self.path)
        except OSError:  # reading it says what is wrong
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
