"""Files that decide something or must stay secret: opened, made and replaced with care.

A path is walked from ``/`` one directory at a time, each opened by its name in the one before it,
no link followed, and looked at through its descriptor.  All of them must be root's or ours, and
nobody else may be able to write to them, so that nobody else can put something in the place of
what was looked at.  The file is looked at through ``O_PATH``, before it is opened: a device or a
FIFO does nothing yet; then it is opened by that descriptor, so that it is the same one.

Whose files they are::

    a user's    everything is root's or the user's
    a service's the directory is the service's, in directories that are root's alone; root, who runs
                a single command there, makes files for the directory's owner

The sentence of a refusal has the command that mends it.
"""

from __future__ import annotations

from deuteron.files.access import adopt, check, check_directory, open_checked, read_checked, replace
from deuteron.files.purpose import Purpose
from deuteron.files.walk import absolute

__all__ = [
    "Purpose",
    "absolute",
    "adopt",
    "check",
    "check_directory",
    "open_checked",
    "read_checked",
    "replace",
]
