"""What an operator wants otherwise than the host policy of the package says."""

from __future__ import annotations

from typing import Literal

import msgspec


class Override(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """One entry of the policy with another value.

    It is part of the model of a host, and so journaled and committed with it: what is wanted
    depends on nothing else.

    Attributes:
        what: which list of the policy the entry is in.
        name: a kernel parameter's path as the policy writes it, a base chain's or a limit's name.
        kinds: kinds of namespaces that it holds for (``network``, ``router``, ``fip``).
        value: the value; a base chain's is its policy, ``accept`` or ``drop``.
        reason: why; never empty where the value is looser than that of the package.
    """

    what: Literal["sysctl", "chain", "limit"]
    name: str
    kinds: tuple[str, ...]
    value: str
    reason: str = ""
