"""A start that takes the committed view for what is there, and looks afterwards.

A look at everything takes 40 s with a thousand routers.  Where the host was brought to the committed
view on this boot, it is most likely still so; the difference to the API's view is made at once by a
look at what it touches (:mod:`deuteron.agent.narrow`), and the watch begins to look at everything, in
slices (:mod:`deuteron.agent.sweep`).  Until that is over nobody is told that a revision is reached.

What is committed is the view of the last rest, so the kernel may have less or more.  Each case ends
right, since nothing of the model is taken for granted where the difference is made, and all of it is
looked at after that:

======================================== ==================================================================
a change had begun and not ended         the journal has it: no start like this, a look at everything
a part was applied, not committed        the difference has it again; it is looked at, found, and not written
it was applied, and taken back in the    no difference names it: its entries are surplus of a unit, which a
API since                                slice finds; things of a unit that nobody wants are found by the
                                         sweep's outline, or in the host's namespace with any slice
a namespace was removed meanwhile        the outline misses it, and all is looked at at once
a link, an address or a parameter is     its slice finds it; a change that touches the unit before mends it
other than it was                        along the way
a unit waits in quarantine               it is tried again with the difference, as by every start
the machine was booted, or this is       nothing is there: no start like this, all of it is made
another network namespace
another version compiles otherwise       no start like this: all of it is compared in one piece
======================================== ==================================================================

What is made before its slice has come may be made without a look (:mod:`deuteron.agent.remembered`):
the kernel refuses what does not fit what was believed, and the change is planned again with a look.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from deuteron.domain import HostView
from deuteron.kernel.linux import memory
from deuteron.state.directory import State

#: The source of a view in records and sentences.
SOURCE: Final = "deuteron serve"


def here() -> str:
    """Boot, network namespace and version, as they are noted with a look; "" where that is not told.

    Raises:
        OSError: no socket is to be had.
    """
    place = memory.here()
    return f"{place}/{version('deuteron')}" if place else ""


def believed(state: State, place: str, host: str) -> HostView | None:
    """What this host most likely has: the committed view, where all that leads away from it is excluded.

    Args:
        state: held by this process, and so is the host.
        place: see :func:`here`.
        host: the name in the API's view.

    Returns:
        ``None``: only a look at everything can tell.

    Raises:
        HostError: the state directory cannot be read.
    """
    if not place or state.looked_at() != place or state.pending() is not None or state.intents():
        return None
    record = state.record()
    if record is None or record.source != SOURCE or record.view.host != host:
        return None
    return record.view
