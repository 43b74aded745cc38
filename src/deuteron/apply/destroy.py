"""Take away all that is ours, by ownership marks alone: no file and no memory is needed."""

from __future__ import annotations

from deuteron.apply.engine import Prepared, prepare
from deuteron.kernel.protocol import Kernel
from deuteron.objects import Wanted

#: Nothing at all.
NOTHING = Wanted(units=())


def destroy_plan(kernel: Kernel, *earlier: Wanted) -> Prepared:
    """The plan that deletes everything of ours.

    Args:
        kernel: what to look at.
        earlier: what was wanted before, where it is known (see :func:`deuteron.apply.look.look_for`).

    Raises:
        KernelError: the look was refused.
    """
    return prepare(kernel, NOTHING, *earlier)
