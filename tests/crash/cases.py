"""The operations that are killed half-way: from one topology to another, ``None`` is nothing."""

from __future__ import annotations

from typing import Final

import yaml

from tests.crash import worlds
from tests.crash.worlds import Topology
from tests.faults.operations import OPERATIONS, Operation


def _case(name: str, before: Topology | None, after: Topology | None) -> Operation:
    texts = (None if one is None else yaml.safe_dump(one) for one in (before, after))
    return Operation(name=name, before=next(texts), after=next(texts))


#: Those that every fault is tried on, and a few that are larger.
CASES: Final = (
    _case("everything from nothing", None, worlds.distributed()),
    _case("another kind of router", worlds.centralised(), worlds.distributed(port="vm2")),
    _case("and back", worlds.distributed(port="vm2"), worlds.centralised()),
    *OPERATIONS,
)
