"""What all kernel objects share: identity, containment, order."""

from __future__ import annotations

from typing import Final

import msgspec

#: The network namespace that the agent itself runs in.  We put only links there.
HOST: Final = ""

#: Stored by the kernel with each address, route, rule and neighbour we make
#: (IFA_PROTO, RTA_PROTOCOL, FRA_PROTOCOL, NDA_PROTOCOL), so that an agent with
#: no memory knows them again.  0xD2 is free in iproute2's rt_protos.
PROTOCOL: Final = 0xD2

#: Names an object: its kind, its namespace, then what tells it from its siblings.
Key = tuple[str, ...]


class KernelObject(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="kind", gc=False):
    """One thing in the kernel, as a value.

    Two objects are the same thing when their ``key`` is equal and in the same
    state when they are equal.  ``container`` is the key of the object whose
    removal takes this one with it; ``None`` for what stands by itself.
    """

    @property
    def key(self) -> Key:
        """Identity within a host."""
        raise NotImplementedError

    @property
    def container(self) -> Key | None:
        """The object that this one vanishes with."""
        raise NotImplementedError

    def __str__(self) -> str:
        """One line for people: what it is and where."""
        return " ".join(self.key)
