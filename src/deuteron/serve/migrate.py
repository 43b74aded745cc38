"""The store's schema brought to the present by a process of its own, so that the API's holds none of Alembic.

Alembic brings templates, an ORM and dialects: some 15 MB for as long as the API serves, for steps that
take a quarter of a second, once.  What a process has loaded it never gives back, but by ending.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

from deuteron.store import schema


def to_present(path: Path) -> None:
    """Make a store that is not there, and bring one of an earlier version to this one; for its owner.

    To be called while this program's files can be read.  Where it does not come to pass, all that it takes
    is loaded here, so that who opens the store tries again and says why.

    Args:
        path: of the store.
    """
    if schema.is_present(path) or _apart(path):
        return
    from deuteron.store.migrations import run

    run.known()


def _apart(path: Path) -> bool:
    """Have a child do it; whether it has."""
    try:
        pid = os.fork()
    except OSError:  # no room for one more process: this one does it
        return False
    if pid == 0:
        _be(path)
    return os.waitpid(pid, 0)[1] == 0


def _be(path: Path) -> NoReturn:
    """The child's whole life, without what belongs to its parent."""
    status = 1
    try:
        schema.opened(path).close()
        status = 0
    finally:
        os._exit(status)
