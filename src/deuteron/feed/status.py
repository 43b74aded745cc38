"""What the hosts have done: kept by revision, and written as the ``status`` that the API shows.

A status is written where it differs and nowhere else: a write is a new revision, which the agent is
told of, and it answers for what it then changes, which is nothing.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from deuteron.feed.wire import Item, Status
from deuteron.resources import RESOURCES
from deuteron.store.store import Unit

#: The kinds of units whose state is a resource's status.
_COLLECTIONS: Final = {"router": "routers", "port": "ports", "floatingip": "floatingips"}
#: Codes of what is not there yet and is somebody else's to make: it is tried again by itself.
_MISSING: Final = frozenset({"no-such-namespace", "no-such-bridge"})


class Outcomes:
    """By host, how far it has come and what is not as wanted; lives as long as the process."""

    def __init__(self) -> None:
        self._revisions: defaultdict[str, int] = defaultdict(int)
        self._failed: defaultdict[str, dict[str, Item]] = defaultdict(dict)
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)

    @staticmethod
    def shown(status: Status) -> tuple[Item, ...]:
        """What of it resources show."""
        return tuple(one for one in status.items if one.unit.partition("/")[0] in _COLLECTIONS)

    def take(self, host: str, status: Status) -> None:
        """Take over what a host tells, and wake who waits for it."""
        failed = self._failed[host]
        for one in status.items:
            failed.pop(one.unit, None)
            if one.state == "failed":
                failed[one.unit] = one
        if status.whole:
            self._revisions[host] = max(self._revisions[host], status.revision)
            self._wake(host)

    def forget(self, host: str) -> None:
        """Its agent begins anew, and does not know what is there: nothing is reached until it tells."""
        self._revisions.pop(host, None)
        self._failed.pop(host, None)

    def _wake(self, host: str) -> None:
        for waiter in self._waiting.pop(host, ()):
            if not waiter.done():
                waiter.set_result(None)

    def failed(self, host: str) -> tuple[Item, ...]:
        """The units of a host that are not as wanted, by name."""
        return tuple(one for _, one in sorted(self._failed[host].items()))

    async def reached(self, host: str, revision: int, seconds: float) -> int:
        """Wait until a host has come to a revision, at most so many seconds; where it is then."""
        clock = asyncio.get_running_loop()
        end = clock.time() + seconds
        while self._revisions[host] < revision and (left := end - clock.time()) > 0:
            waiter: asyncio.Future[None] = clock.create_future()
            self._waiting[host].add(waiter)
            await asyncio.wait({waiter}, timeout=left)
            self._waiting[host].discard(waiter)
        return self._revisions[host]

    @staticmethod
    def write(unit: Unit, items: Iterable[Item]) -> None:
        """Show the state of units as the status of their resources.

        Reading takes as many statements for a thousand as for one.
        """
        states: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for one in items:
            kind, _, ident = one.unit.partition("/")
            states[kind][ident] = _status(kind, one)
        for kind, wanted in states.items():
            resource = RESOURCES[_COLLECTIONS[kind]]
            for value in unit.find(resource, id=sorted(wanted)):
                if value.status != wanted[value.id]:
                    unit.update(resource, msgspec.structs.replace(value, status=wanted[value.id]))


def _status(kind: str, one: Item) -> str:
    """As Neutron's clients read it: ``DOWN`` is not there yet, ``ERROR`` was refused.

    What is missing and what was refused has a code, which ``deuteron wait`` and the log name: no attribute of
    Neutron's has a place for it.
    """
    if one.state == "failed":
        return "DOWN" if one.code in _MISSING else "ERROR"
    # A router that is administratively down, or has nothing here, has no unit: Neutron calls it ACTIVE too.
    return "ACTIVE" if one.state == "done" or kind == "router" else "DOWN"
