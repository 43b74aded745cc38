"""Named network namespaces: files in one directory on which namespaces are mounted.

This is iproute2's convention (ip-netns(8)), so that ``ip netns exec`` and everything else
sees ours.  A file on which nothing is mounted is dead: what a killed process leaves, and
what makes every later attempt to enter fail with EINVAL.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from deuteron import edge
from deuteron.errors import KernelError
from deuteron.kernel.linux.libc import MNT_DETACH, MS_BIND, MS_PRIVATE, MS_REC, MS_SHARED, mount, umount
from deuteron.kernel.linux.privileged import Privileged
from deuteron.kernel.linux.worker import OWN_NETNS
from deuteron.objects.ownership import may_be_ours


class NetnsDirectory:
    """The namespaces that have a name in ``path``.

    Args:
        path: usually ``/run/netns``.
        privileged: who gives names and takes them away; ``None`` for this process itself.
    """

    def __init__(self, path: Path, privileged: Privileged | None = None) -> None:
        self.path = path
        self._privileged = privileged
        # All namespace files live in one pseudo file system (nsfs), which has one device
        # number: comparing it tells a mounted namespace from a plain file, and the same
        # stat gives the inode, the namespace's identity.
        self._nsfs = OWN_NETNS.stat().st_dev

    def list(self) -> dict[str, int]:
        """Every name with its namespace's inode, 0 where the file is dead."""
        try:
            with os.scandir(self.path) as entries:
                names = [entry.name for entry in entries]
        except FileNotFoundError:
            return {}
        return {name: inode for name in sorted(names) if (inode := self.inode(name)) is not None}

    def inode(self, name: str) -> int | None:
        """The identity of the namespace called ``name``: 0 where it is dead, ``None`` where there is none."""
        try:
            stat = os.stat(f"{self.path}/{name}")  # noqa: PTH116 -- called for every namespace at every look
        except FileNotFoundError:
            return None
        return stat.st_ino if stat.st_dev == self._nsfs else 0

    def open(self, name: str) -> int:
        """A descriptor of the namespace.

        Raises:
            KernelError: ``no-netns``, there is none of this name, or its file is dead.
        """
        if not self.inode(name):
            message = f"there is no live network namespace {name} in {self.path}; look again and plan anew"
            raise KernelError("no-netns", message, errno.ENOENT)
        return os.open(self.path / name, os.O_RDONLY | os.O_CLOEXEC)

    def prepare(self) -> None:
        """Make the directory, and make mounts in it appear in every mount namespace that shares it.

        Where others are privileged, they have done so.
        """
        if self._privileged is not None:
            return
        self.path.mkdir(mode=0o755, parents=True, exist_ok=True)
        try:
            mount("", self.path, "none", MS_SHARED | MS_REC)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            # EINVAL: it is not a mount point yet, so make it one.
            mount(str(self.path), self.path, "none", MS_BIND | MS_REC)
            mount("", self.path, "none", MS_SHARED | MS_REC)

    def claim(self, name: str) -> Path:
        """Take the name: an empty file to mount on.  A dead file of ours is taken over.

        Raises:
            KernelError: ``foreign-name``, a namespace of that name exists.
        """
        path = self.path / name
        if self.inode(name) == 0 and may_be_ours(name):
            path.unlink()
        try:
            edge.before("netns.file")
            os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444))
        except FileExistsError as error:
            message = f"a network namespace {name} exists already; remove it or rename it"
            raise KernelError("foreign-name", message, errno.EEXIST) from error
        try:
            edge.after("netns.file")
        except OSError:
            path.unlink()
            raise
        return path

    def keep_own(self, name: str) -> None:
        """Give the calling thread's namespace the name ``name``; all or nothing."""
        if self._privileged is not None:
            self._privileged.keep(name)
        else:
            self.keep(name, OWN_NETNS)

    def keep(self, name: str, netns: Path) -> None:
        """Give the namespace that ``netns`` is a magic link to the name ``name``; all or nothing.

        Raises:
            KernelError: ``foreign-name``.
            OSError: refused.
        """
        path = self.claim(name)
        try:
            with edge.crossing("netns.mount"):
                mount(str(netns), path, "none", MS_BIND)
        except OSError:
            self.remove(name)  # mounted or not
            raise

    def remove(self, name: str) -> None:
        """Take the name away; the namespace ends with its last user.  No error where it is gone."""
        if self._privileged is not None:
            self._privileged.remove(name)
            return
        path = self.path / name
        try:
            with edge.crossing("netns.umount"):
                umount(path, MNT_DETACH)
        except OSError as error:
            # EINVAL: nothing is mounted there, a dead file.  ENOENT: gone.
            if error.errno not in (errno.EINVAL, errno.ENOENT):
                raise
        with edge.crossing("netns.unlink"):
            path.unlink(missing_ok=True)


def make_mounts_private() -> None:
    """Keep mounts made from now on out of other mount namespaces."""
    mount("", Path("/"), "none", MS_REC | MS_PRIVATE)
