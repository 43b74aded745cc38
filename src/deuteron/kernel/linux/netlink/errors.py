"""A refusal's errno and extended ack text as a :class:`KernelError`, and an answer that cannot be read."""

from __future__ import annotations

import errno as numbers
import os
from typing import Final

from deuteron.errors import KernelError

_MEND: Final = {
    numbers.EPERM: "; run as root, or with CAP_NET_ADMIN in the namespace",
    numbers.EACCES: "; run as root, or with CAP_NET_ADMIN in the namespace",
    numbers.EOPNOTSUPP: "; this kernel was built without it",
    numbers.ENOBUFS: "; the answer was lost for want of memory, look again",
    numbers.ENOMEM: "; free some memory and try again",
}


class MalformedError(KernelError, ValueError):
    """A message of the kernel's is not as its family's header says.

    Args:
        what: of what it is wrong; a clause without an end.
    """

    def __init__(self, what: str) -> None:
        mend = "look again, and where it stays so, report it with the version of this kernel"
        super().__init__(code="netlink-malformed", message=f"{what}; {mend}", errno=numbers.EBADMSG)


def code_of(errno: int) -> str:
    """The stable code of an errno: ``eexist``, ``enoent``; ``errno-<n>`` for one without a name."""
    return numbers.errorcode.get(errno, f"errno-{errno}").lower()


def refused(errno: int, text: str = "", doing: str = "a netlink request") -> KernelError:
    """The error for a refused message.

    Args:
        errno: the kernel's number, positive.
        text: the kernel's own sentence (NETLINK_EXT_ACK), may be empty.
        doing: what was refused and where, a noun phrase: ``the address on qr-0123``.
    """
    reason = os.strerror(errno)
    said = f"{reason} ({text.rstrip('.')})" if text else reason
    return KernelError(code_of(errno), f"the kernel refused {doing}: {said}{_MEND.get(errno, '')}", errno)
