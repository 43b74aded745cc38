"""What files are for, and what one of each purpose has to be like."""

from __future__ import annotations

import stat
from enum import Enum
from typing import NamedTuple


class Rule(NamedTuple):
    """What a file of one purpose has to be like.

    Attributes:
        name: what it is called in a sentence.
        type: of the inode (``S_IFREG``, ...), see inode(7).
        forbidden: permission bits that it may not have.
        mode: permission bits that it is made with, and that a refusal proposes.
        served: whether it may be the owner's of a service's directory, where root looks at it.
        sheltered: whether permission to read it is harmless in a directory that nobody else can go into.
    """

    name: str
    type: int
    forbidden: int
    mode: int
    served: bool
    sheltered: bool = False


class Purpose(Enum):
    """What a file is for."""

    CONFIG = Rule("configuration file", stat.S_IFREG, 0o022, 0o644, served=False)
    SECRET = Rule("key file", stat.S_IFREG, 0o177, 0o600, served=True)
    #: systemd gives it to a service by an access control list, whose mask stands where the group's bits are.
    CREDENTIAL = Rule("credential", stat.S_IFREG, 0o137, 0o400, served=True)
    STATE = Rule("state file", stat.S_IFREG, 0o137, 0o600, served=True, sheltered=True)
    LOCK = Rule("lock file", stat.S_IFREG, 0o137, 0o600, served=True, sheltered=True)
    LOG = Rule("log file", stat.S_IFREG, 0o137, 0o640, served=True)
    SOCKET = Rule("socket", stat.S_IFSOCK, 0o117, 0o600, served=True)
    DIRECTORY = Rule("directory", stat.S_IFDIR, 0o022, 0o700, served=True)
