"""A lock between processes: a file's, which dies with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from deuteron.edge import crossing
from deuteron.errors import HostError
from deuteron.locks import Rank, held


@contextmanager
def lock_file(
    file: Path, rank: Rank, usable: Callable[[], AbstractContextManager[None]], busy: HostError
) -> Iterator[None]:
    """Hold the lock of ``file``, which is made, with mode 0600, where it does not exist; no link is followed.

    Args:
        file: whose directory is there.
        rank: its place in the order of all locks.
        usable: turns what the disk has to say into an error that can be acted on.
        busy: raised where another process holds it.

    Raises:
        HostError: ``busy``, or that of ``usable``.
    """
    with usable(), crossing("file.open"):
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with usable():
            try:
                with crossing("lock.take"):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise busy from None
        with held(rank, str(file.parent)):
            yield
    finally:
        os.close(descriptor)
