"""What somebody else's hands do to a host: one case for each kind of object and each thing done to it.

A command is written with the fields of the object that it is about, ``{o.dev}``, and runs in the
object's namespace; ``host:`` before it is the host's, ``inner:`` that of a pair's inner end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from deuteron.objects import (
    Address,
    KernelObject,
    Route,
)

Hand = Literal["deleted", "changed", "beside", "taken"]
Pick = Callable[[KernelObject], bool]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done by hand, and what must come of it.

    Attributes:
        hand: ``deleted`` or ``changed``: ours, and it must come back as it was; ``beside``: something
            foreign put beside ours, which must stay as it is; ``taken``: something foreign in the place
            of ours, which must stay, be told with ``code`` and hinder nobody else.
        pick: which object it is about; the first of the unit's that this is true of.
        by: the commands.
        unit: whose object it is: ``router``, ``network``, ``fip``, ``port`` or ``tap``.
        kinds: of routers that it is done to, ``c`` and ``d``.
        told: words of the line in which ``verify`` tells of it; "" for the object's own line.
        away: the commands that take something foreign away again.
        spares: the routers whose traffic the hand itself does not hurt: it must never notice anything.
        code: of the refusal, for ``taken``.
    """

    name: str
    hand: Hand
    pick: Pick
    by: tuple[str, ...]
    unit: str = "router"
    kinds: str = "cd"
    told: str = ""
    away: tuple[str, ...] = ()
    spares: tuple[str, ...] = ("wc", "wd")
    code: str = ""


def an(kind: type[KernelObject], **fields: str) -> Pick:
    """An object of that kind whose fields begin so."""
    return lambda thing: (
        isinstance(thing, kind)
        and all(str(getattr(thing, name)).startswith(start) for name, start in fields.items())
    )


def host_route(thing: KernelObject) -> bool:
    """The way of one floating IP through the shared namespace."""
    return isinstance(thing, Route) and thing.netns.startswith("fip-") and thing.destination.endswith("/32")


def extra_route(thing: KernelObject) -> bool:
    """One that a tenant asked for."""
    return (
        isinstance(thing, Route) and thing.netns.startswith("qrouter-") and thing.destination[:5] == "10.10"
    )


def default_route(thing: KernelObject) -> bool:
    """The one of the namespace that translates, IPv4."""
    inside = isinstance(thing, Route) and thing.netns.startswith(("qrouter-", "snat-"))
    return inside and isinstance(thing, Route) and thing.destination == "0.0.0.0/0"


def floating_address(thing: KernelObject) -> bool:
    """A floating IP on the gateway's port of a centralised router."""
    return isinstance(thing, Address) and thing.dev.startswith("qg-") and thing.address.endswith("/32")


#: Whoever breaks what all distributed routers share breaks them all.
SHARED: Final = ("wc",)
MAC: Final = "02:00:00:00:00:99"
