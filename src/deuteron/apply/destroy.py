"""Take away all that is ours, by ownership marks alone: no file and no memory is needed."""

from __future__ import annotations

from deuteron.apply.look import look_for
from deuteron.kernel.protocol import Kernel
from deuteron.objects import Wanted
from deuteron.reconcile import Plan, make_plan

#: Nothing at all.
NOTHING = Wanted(units=())


def destroy_plan(kernel: Kernel, *earlier: Wanted) -> Plan:
    """The plan that deletes everything of ours.

    Args:
        kernel: what to look at.
        earlier: what was wanted before, where it is known (see :func:`look_for`).

    Raises:
        KernelError: the look was refused.
    """
    return make_plan(NOTHING, kernel.observe(look_for(NOTHING, *earlier)))
