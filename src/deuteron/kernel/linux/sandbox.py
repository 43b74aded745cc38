"""Private user, mount and network namespaces for the current process.

The demonstration and the tests run in them: nothing they do is seen by the host, and a
plain user needs no privilege for it.
"""

from __future__ import annotations

import os
from pathlib import Path

from deuteron.errors import HostError
from deuteron.kernel.linux.libc import CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWUSER, mount, umount, unshare
from deuteron.kernel.linux.netns import make_mounts_private

_RUN = Path("/run")


def enter_sandbox() -> None:
    """Move this process, which must have one thread only, into a sandbox.

    As root that is a mount and a network namespace; as a plain user also a user
    namespace in which the user is root.  ``/run`` is empty in it.

    Raises:
        HostError: ``no-privilege``, the host allows no private namespaces.
    """
    try:
        if os.geteuid() != 0:
            _become_root_of_user_namespace()
        private_network()
    except OSError as error:
        message = (
            f"this host allows no private network namespace ({error.strerror}); "
            "run as root, or allow unprivileged user namespaces"
        )
        raise HostError("no-privilege", message) from error


def private_network() -> None:
    """Give the calling thread a new, empty network namespace and a ``/run`` of its own.

    Raises:
        OSError: no privilege.
    """
    unshare(CLONE_NEWNS | CLONE_NEWNET)
    make_mounts_private()
    mount("tmpfs", _RUN, "tmpfs", 0, "mode=0755")


def leave_private_run() -> None:
    """Take away the ``/run`` that :func:`private_network` made, with all mounts in it."""
    umount(_RUN)


def _become_root_of_user_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER)
    own = Path("/proc/self")
    # A process without privilege may map its group only after giving up setgroups(2); user_namespaces(7).
    (own / "setgroups").write_text("deny")
    (own / "uid_map").write_text(f"0 {user} 1")
    (own / "gid_map").write_text(f"0 {group} 1")
