"""What can go wrong, as a tree.

::

    DeuteronError            code, one sentence with the place and the mend, exit status
    |-- InputError           the file, an option or an entry is not acceptable        exit 2
    |-- HostError            this host, kernel or privilege does not allow it          exit 1
    `-- KernelError          one kernel operation was refused                          exit 1

A code is stable: scripts may match it.  The sentence is for people and may change.
Every code is listed in ``docs/errors.md``.
"""

from __future__ import annotations

from typing import ClassVar


def _on_one_line(text: str) -> str:
    """What cannot be printed shows as an escape: sentences quote what others wrote, terminals obey."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


class DeuteronError(Exception):
    """An error that a person can act on.

    Args:
        code: stable word, lower case with dashes, for instance ``unknown-key``.
        message: one sentence: what is wrong, where, and how to mend it.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, code: str, message: str) -> None:
        message = _on_one_line(message)
        super().__init__(message)
        self.code = code
        self.message = message


class InputError(DeuteronError):
    """The input is not acceptable; nothing was touched."""

    exit_status: ClassVar[int] = 2


class HostError(DeuteronError):
    """The host refuses: no privilege, a missing feature, something foreign in the way."""


class KernelError(DeuteronError):
    """One kernel operation was refused.

    Args:
        errno: the kernel's error number, 0 where there is none (a rejected ruleset).
    """

    def __init__(self, code: str, message: str, errno: int = 0) -> None:
        super().__init__(code, message)
        self.errno = errno
