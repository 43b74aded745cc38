"""The three verbs; each file of object kinds registers what it does for its own."""

from __future__ import annotations

from errno import EOPNOTSUPP
from functools import singledispatch

from deuteron.kernel.fake.state import State, refusal
from deuteron.objects import KernelObject


@singledispatch
def create(wanted: KernelObject, state: State) -> None:
    """Make ``wanted``.

    Raises:
        KernelError: ``EEXIST`` where it is there already, or what it needs is missing.
    """
    del state
    raise refusal(EOPNOTSUPP, f"a {type(wanted).__name__} cannot be made")


@singledispatch
def delete(gone: KernelObject, state: State) -> None:
    """Remove ``gone``; nothing happens where it is gone already."""
    del state
    raise refusal(EOPNOTSUPP, f"a {type(gone).__name__} cannot be removed")


@singledispatch
def update(new: KernelObject, old: KernelObject, state: State) -> None:
    """Change ``old`` into ``new`` in place.

    Raises:
        KernelError: ``ENOENT`` or ``ENODEV`` where it is not there.
    """
    del old, state
    raise refusal(EOPNOTSUPP, f"a {type(new).__name__} cannot be changed in place")
