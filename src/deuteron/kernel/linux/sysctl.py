"""Kernel parameters by file.

``/proc/sys/net`` shows the network namespace of the thread that opens the file, so these
run on the worker's thread.

The kernel caches a directory entry per file *and namespace*, all of one name in one
chain, so that with 1,000 namespaces each step of each path compares 1,000 entries.  A proc
file system of our own, mounted nowhere and made anew after some namespaces, has short
chains: at 600 namespaces that is 5 times faster.
"""

from __future__ import annotations

import os
from typing import Final

from deuteron import edge
from deuteron.errors import KernelError
from deuteron.kernel.linux.libc import detached_mount

#: First components of what follows ``net/ipv4/`` or ``net/ipv6/`` and names a link.
_PER_LINK: Final = ("conf", "neigh")
_NO_LINK: Final = ("all", "default")

#: Namespaces that share one file system; few, and making it costs more than it saves.
_SHARED_BY: Final = 32


def link_of(path: str) -> str:
    """The link that a parameter's path names, "" for one of the whole namespace."""
    parts = path.split("/")
    if len(parts) == 5 and parts[2] in _PER_LINK and parts[3] not in _NO_LINK:
        return parts[3]
    return ""


class Parameters:
    """The files; each call acts in the namespace that the calling thread is in."""

    def __init__(self) -> None:
        self._root: int | None = None
        self._netns: str | None = None
        self._visits = 0

    def enter(self, netns: str) -> None:
        """Say that the calling thread is in ``netns`` now."""
        if netns == self._netns:
            return
        self._netns = netns
        self._visits += 1
        if self._root is None or self._visits % _SHARED_BY == 0:
            self.close()
            self._root = _proc()

    def close(self) -> None:
        """Let the file system go."""
        if self._root is not None:
            os.close(self._root)
        self._root = self._netns = None

    def read(self, path: str) -> str | None:
        """The parameter's value as the kernel prints it, ``None`` where there is no such parameter.

        Raises:
            KernelError: ``sysctl-refused``.
        """
        try:
            edge.before("sysctl.read")
            fd = os.open(f"sys/{path}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._root)
            try:
                value = _value(fd)
                edge.after("sysctl.read")
            finally:
                os.close(fd)
        except FileNotFoundError:
            return None
        except OSError as error:
            message = f"the kernel refuses to tell {path}: {error.strerror}"
            raise KernelError("sysctl-refused", message, error.errno or 0) from error
        return value

    def write(self, path: str, value: str) -> None:
        """Set the parameter unless it is so, and read it back: some are rounded, clamped or ignored.

        Raises:
            KernelError: ``sysctl-refused``.
        """
        try:
            edge.before("sysctl.write")
            fd = os.open(f"sys/{path}", os.O_RDWR | os.O_CLOEXEC, dir_fd=self._root)
            try:
                if (now := _value(fd)) != value:
                    os.pwrite(fd, value.encode(), 0)
                    now = _value(fd)
                edge.after("sysctl.write")
            finally:
                os.close(fd)
        except OSError as error:
            message = f"the kernel refuses {path} = {value}: {error.strerror}"
            raise KernelError("sysctl-refused", message, error.errno or 0) from error
        if now != value:
            raise KernelError("sysctl-refused", f"{path} reads {now} after {value} was written to it")


def _value(fd: int) -> str:
    return os.pread(fd, 4096, 0).decode().strip()


def write(path: str, value: str) -> None:
    """Set one parameter of the calling thread's namespace, as :meth:`Parameters.write` does."""
    parameters = Parameters()
    parameters.enter("")
    try:
        parameters.write(path, value)
    finally:
        parameters.close()


def _proc() -> int:
    try:
        return detached_mount("proc")
    except OSError:
        # Where no file system may be made (a container, Linux before 5.8) the common one is as right.
        return os.open("/proc", os.O_PATH | os.O_CLOEXEC)
