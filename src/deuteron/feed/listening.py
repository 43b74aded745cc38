"""The feed's unix socket, made by whoever may write where it is."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def unix_socket(path: Path, mode: int = 0o600) -> socket.socket:
    """A unix socket of this mode, bound; one that an earlier process left is replaced.

    Raises:
        OSError: it cannot be made.
    """
    path.unlink(missing_ok=True)
    before = os.umask(0o777 & ~mode)
    try:
        return _bound(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC), path)
    finally:
        os.umask(before)


def _bound(made: socket.socket, path: Path) -> socket.socket:
    try:
        made.bind(str(path))
    except OSError:
        made.close()
        raise
    return made
