"""What became of units, as the API is told: item by item, with what the units have of others' resources."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from deuteron.agent.change import Changed
from deuteron.agent.model import Model
from deuteron.apply.read_back import Mismatch
from deuteron.apply.result import UnitResult
from deuteron.domain import FloatingIP
from deuteron.feed.wire import Item


def items_of(changed: Changed, names: Sequence[str], *, wanted: Model) -> tuple[Item, ...]:
    """What the kernel has of these units now: a mismatch is a failure, however well it was made."""
    results = {one.unit: one for one in changed.result.units}
    wrong = {one.unit: one for one in changed.mismatches}
    refused = {one.unit: one.code for one in wanted.wanted.refused}
    told = dict.fromkeys([*names, *results, *refused])
    return tuple(
        item_of(name, results.get(name), wrong.get(name), refused.get(name), wanted) for name in told
    )


def floating_items(items: Iterable[Item], floating: Iterable[FloatingIP]) -> tuple[Item, ...]:
    """What the kernel has of floating IPs: their entries are their routers' units'."""
    routers = {one.unit: one for one in items if one.unit.startswith("router/")}
    told = ((one.id, routers.get(f"router/{one.router_id}")) for one in floating)
    return tuple(
        Item(unit=f"floatingip/{ident}", state=of.state, code=of.code) for ident, of in told if of is not None
    )


def device_items(
    items: Iterable[Item], model: Model, holders: Collection[str] | None = None
) -> tuple[Item, ...]:
    """What the kernel has of routers' ports, which are parts of their routers' units.

    Of a unit that failed nothing is said: its ports are what they were.
    """
    told = (one for one in items if one.state != "failed" and (holders is None or one.unit in holders))
    return tuple(
        Item(unit=f"port/{port.id}", state=of.state if port.admin_state_up else "gone")
        for of in told
        for port in model.devices(of.unit)
    )


def item_of(
    name: str, result: UnitResult | None, wrong: Mismatch | None, refused: str | None, model: Model
) -> Item:
    """What the kernel has of one unit: as it was told, else as wanted; ``refused`` is the model's code."""
    if refused is not None:
        return Item(unit=name, state="failed", code=refused)
    if wrong is not None:
        return Item(unit=name, state="failed", code="read-back-differs")
    if result is not None and result.outcome != "done":
        return Item(unit=name, state="failed", code=result.code)
    return Item(unit=name, state="gone" if model.unit(name) is None else "done")
