"""A lock between processes: a file's, which dies with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from deuteron.edge import crossing
from deuteron.errors import HostError
from deuteron.files import Purpose, open_checked
from deuteron.locks import Rank, held


@contextmanager
def lock_file(
    file: Path, rank: Rank, usable: Callable[[], AbstractContextManager[None]], busy: HostError
) -> Iterator[None]:
    """Hold the lock of ``file``, which is made, with mode 0600, where it does not exist.

    Whoever may open it could hold it for ever, so that it is nobody else's; see :mod:`deuteron.files`.

    Args:
        file: whose directory is there.
        rank: its place in the order of all locks.
        usable: turns what the disk has to say into an error that can be acted on.
        busy: raised where another process holds it.

    Raises:
        HostError: ``busy``, that of ``usable``, or ``unsafe-file`` and its like.
    """
    with usable():
        descriptor = open_checked(file, Purpose.LOCK, os.O_RDWR | os.O_CREAT)
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
