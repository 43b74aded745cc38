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
from collections.abc import Sequence
from typing import Final
from zlib import crc32

from deuteron import edge
from deuteron.errors import KernelError
from deuteron.kernel.linux.libc import detached_mount
from deuteron.kernel.linux.privileged import Privileged

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


class PartlyWrittenError(KernelError):
    """One of several parameters was refused.

    Args:
        done: how many before it are set.
    """

    def __init__(self, done: int, code: str, message: str, errno: int = 0) -> None:
        super().__init__(code, message, errno)
        self.done = done


class ProcMounts:
    """File systems of our own for a process that may make no more of them; all stay open.

    A namespace has always the same one, so that what the kernel keeps of it serves the next
    look.  What is open is ``sys`` and not the root: no rule of Landlock need allow more.

    Args:
        count: as with :data:`_SHARED_BY`, some thirty namespaces for each are fine.
    """

    def __init__(self, count: int = 32) -> None:
        self.directories: list[int] = []
        try:
            for _ in range(count):
                self.directories.append(_sys(detached_mount("proc")))
        except OSError:  # see _proc(); and then one is as many
            self.directories = self.directories or [_sys(_common_proc())]

    def at(self, netns: str) -> int:
        """The descriptor to look up parameters of ``netns`` in."""
        return self.directories[crc32(netns.encode()) % len(self.directories)]

    def close(self) -> None:
        """Let them go."""
        while self.directories:
            os.close(self.directories.pop())


class Parameters:
    """The files; each call acts in the namespace that the calling thread is in.

    Args:
        privileged: who writes them, and has file systems to read them from; ``None`` for this
            process itself.
    """

    def __init__(self, privileged: Privileged | None = None) -> None:
        self._privileged = privileged
        self._root: int | None = None
        self._place: tuple[str, int] | None = None
        self._visits = 0
        self._directories: dict[str, int] = {}

    def enter(self, netns: str, inode: int = 0) -> None:
        """Say that the calling thread is in ``netns`` now, the namespace of that inode."""
        self._leave()  # a namespace made anew may have the name and the inode of one that has gone
        if (netns, inode) == self._place:
            return
        self._place = (netns, inode)
        if self._privileged is not None:
            self._root = self._privileged.parameters(netns)
            return
        self._visits += 1
        if self._root is None or self._visits % _SHARED_BY == 0:
            self._let_go()
            self._root = _sys(_proc())

    def close(self) -> None:
        """Let the file system go."""
        self._let_go()
        self._place = None

    def _leave(self) -> None:
        while self._directories:
            os.close(self._directories.popitem()[1])

    def _within(self, path: str) -> tuple[str, int | None]:
        """The rest of a path, and the directory to look it up in.

        The chains are those of the entries of ``net``, one for each namespace (see above): they are
        walked once for all that is read of ``net/ipv4``, and not for each of thirty parameters.
        """
        parts = path.split("/", 2)
        if len(parts) < 3:
            return path, self._root
        directory = f"{parts[0]}/{parts[1]}"
        found = self._directories.get(directory)
        if found is None:
            flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
            found = self._directories[directory] = os.open(directory, flags, dir_fd=self._root)
        return parts[2], found

    def _let_go(self) -> None:
        self._leave()
        if self._root is not None and self._privileged is None:
            os.close(self._root)
        self._root = None

    def read(self, path: str) -> str | None:
        """The parameter's value as the kernel prints it, ``None`` where there is no such parameter.

        Raises:
            KernelError: ``sysctl-refused``.
        """
        try:
            edge.before("sysctl.read")
            name, directory = self._within(path)
            fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
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
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC, dir_fd=self._root)
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

    def write_all(self, values: Sequence[tuple[str, str]]) -> None:
        """Set parameters in order, each as :meth:`write` does.

        Raises:
            PartlyWrittenError: ``sysctl-refused``; or what the privileged process says.
            KernelError: nothing was written.
        """
        if self._privileged is not None:
            netns, inode = self._place or ("", 0)
            self._privileged.write(netns, inode, values)
            return
        for done, (path, value) in enumerate(values):
            try:
                self.write(path, value)
            except KernelError as error:
                raise PartlyWrittenError(done, error.code, error.message, error.errno) from error


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
        return _common_proc()


def _common_proc() -> int:
    return os.open("/proc", os.O_PATH | os.O_CLOEXEC)


def _sys(root: int) -> int:
    """``sys`` of a file system, which keeps it in being; the root's descriptor is closed."""
    try:
        return os.open("sys", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)
    finally:
        os.close(root)
