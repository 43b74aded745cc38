"""What a confined process cannot do itself and has done for it; see :mod:`deuteron.kernel.linux.broker`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Privileged(Protocol):
    """Who may mount, and write kernel parameters.  Any thread may ask."""

    def keep(self, name: str) -> None:
        """Give the calling thread's network namespace the name ``name``; all or nothing.

        Raises:
            KernelError: ``foreign-name``, ``broker-refused`` or ``broker-gone``.
            OSError: the kernel refuses it.
        """
        ...

    def remove(self, name: str) -> None:
        """Take the name away; no error where it is gone.

        Raises:
            KernelError: ``broker-refused`` or ``broker-gone``.
            OSError: the kernel refuses it.
        """
        ...

    def write(self, netns: str, inode: int, values: Sequence[tuple[str, str]]) -> int:
        """Set parameters of a namespace of ours in order, as ``Parameters.write`` does; how many are set.

        Raises:
            PartlyWrittenError: one was refused; those before it are set.
            KernelError: ``broker-refused``, ``no-netns`` or ``broker-gone``.
        """
        ...

    def parameters(self, netns: str) -> int:
        """A descriptor of a directory ``/proc/sys`` that may be read; it stays open."""
        ...
