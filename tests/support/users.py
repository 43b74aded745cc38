"""Whether there is somebody else to give a file to: a user namespace of a plain user holds one user alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest


def mapped(uid: int) -> bool:
    """Whether this user namespace knows a user."""
    lines = Path("/proc/self/uid_map").read_text().split("\n")
    ranges = [tuple(map(int, line.split())) for line in lines if line]
    return any(first <= uid < first + count for first, _, count in ranges)


def needs_user(uid: int) -> pytest.MarkDecorator:
    """Only where files can be given to this user."""
    there = os.geteuid() == 0 and mapped(uid)
    return pytest.mark.skipif(not there, reason=f"needs root where uid {uid} exists, to give it a file")


#: The users of packages and services begin far below the last one that every full mapping has.
needs_every_user: Final = needs_user(65534)
