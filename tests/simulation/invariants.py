"""What must hold of the state directory after every step; each check says what is wrong, or ""."""

from __future__ import annotations

from collections.abc import Collection

from deuteron.domain import HostView
from deuteron.objects import Observed, Wanted
from deuteron.state.directory import State
from deuteron.state.quarantine import FIRST, JITTER, LONGEST, Quarantined
from tests.simulation.picture import unlike


def journal(state: State, broken: Collection[str]) -> str:
    """After a change has ended nothing is pending, and no intent is there but of what is half made."""
    if state.pending() is not None:
        return "a change is pending that has ended"
    left = {one.unit for one in state.intents()}.difference(broken)
    return f"the journal still holds {sorted(left)}" if left else ""


def quarantine(
    state: State, wanted: Wanted, now: Observed, failed: Collection[str], broken: Collection[str]
) -> str:
    """In quarantine is what is not as wanted, and nothing else; it waits as long as it should."""
    different = unlike(wanted, now)
    inside = {one.unit: one for one in state.quarantine()}
    well = inside.keys() - different.keys() - set(failed) - set(broken)
    if well:
        return f"in quarantine, and as wanted: {sorted(well)}"
    missing = sorted(different.keys() - inside.keys())
    if missing:
        return f"not as wanted, and not in quarantine: {[(unit, different[unit]) for unit in missing]}"
    return next((problem for one in inside.values() if (problem := _waits(one))), "")


def _waits(one: Quarantined) -> str:
    usual = min(LONGEST, FIRST * 2.0 ** min(one.attempts - 1, 16))
    wait = (one.next - one.last).total_seconds()
    if not usual * (1 - JITTER) - 1e-6 <= wait <= usual * (1 + JITTER) + 1e-6:
        return f"{one.unit} waits {wait} s after {one.attempts} attempts"
    if one.since > one.last:
        return f"{one.unit} failed first at {one.since}, after it failed last, {one.last}"
    return ""


def allocations(state: State, view: HostView | None) -> str:
    """No value has two owners, and what is committed is what is kept."""
    entries = state.allocations().entries
    if len({(one.kind, one.scope, one.value) for one in entries}) < len(entries):
        return "an allocated value has two owners"
    if view is None:
        return ""
    macs = [(port.network_id, port.mac_address) for port in view.ports]
    if len(set(macs)) < len(macs):
        return "two ports of a network have one MAC address"
    kept = {(one.kind, one.scope, one.key): one.value for one in entries}
    legs = {("leg", leg.network_id, leg.router_id): str(leg.index) for leg in view.legs}
    lost = [key for key, value in legs.items() if kept.get(key) != value]
    return f"legs that are not kept: {lost}" if lost else ""
