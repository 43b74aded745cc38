"""What is not as it should be on a host, from what is remembered and what was seen; pure.

The kinds of findings, in the order in which they are told:

===========  ============================================================================
state        the state directory cannot be used, or the host is another directory's
interrupted  a change was begun and not finished
half-made    what a killed process left: a link without its mark, a file without its namespace
quarantined  a unit that could not be applied, and is tried again
missing      wanted and not there
changed      ours and wanted, but other than wanted
leaked       ours and not wanted
unclaimed    ours, by its marks, but nothing has been committed that could want it
foreign      not ours, in a namespace of ours or under a name of ours: told, never touched
===========  ============================================================================
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from deuteron.agent.changed import changed
from deuteron.apply.remnant import remnants
from deuteron.objects import (
    Create,
    Foreign,
    KernelObject,
    Key,
    Netns,
    Observed,
    Wanted,
)
from deuteron.objects.ownership import may_be_ours
from deuteron.reconcile.containment import Containment
from deuteron.reconcile.delta import Delta, compare, ends
from deuteron.reconcile.invariant import namespaces_of
from deuteron.reconcile.words import describe, plain
from deuteron.state.history import Record
from deuteron.state.journal import Intent, Target
from deuteron.state.quarantine import Quarantined

Kind = Literal[
    "state",
    "interrupted",
    "half-made",
    "quarantined",
    "missing",
    "changed",
    "leaked",
    "unclaimed",
    "foreign",
]

REPAIR: Final = "deuteron doctor --repair"
ADOPT: Final = "deuteron doctor --adopt FILE"
NO_ORIGIN: Final = "unknown: not in this state directory"
NOT_OURS: Final = "not ours"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be.

    Attributes:
        kind: see the module's table.
        code: of the error behind it, as in ``docs/errors.md``, or "".
        unit: whose it is, ``router/<id>`` and so on, or "".
        netns: where; "" for the host's namespace, or for no place.
        what: one line for people.
        age: seconds since its namespace was made, ``None`` where that is not known.
        origin: which verb put it there, of which file, and when.
        mend: what to do about it.
    """

    kind: Kind
    what: str
    code: str = ""
    unit: str = ""
    netns: str = ""
    age: float | None = None
    origin: str = ""
    mend: str = REPAIR


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What a state directory tells.

    Attributes:
        wanted: what the pending change asks for, else what was committed; ``None`` where neither is.
        earlier: what was wanted before that, for a look that sees all of it.
        pending: the change that was begun and not finished.
        intents: its units, with the steps that were planned.
        quarantine: the units that wait for their next try.
        history: who made each unit, by unit.
        trouble: why the directory cannot be used: code and sentence of each error.
    """

    wanted: Wanted | None = None
    earlier: tuple[Wanted, ...] = ()
    pending: Target | None = None
    intents: tuple[Intent, ...] = ()
    quarantine: tuple[Quarantined, ...] = ()
    history: Mapping[str, Record] = msgspec.field(default_factory=dict)
    trouble: tuple[tuple[str, str], ...] = ()


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a look told.

    Attributes:
        born: when each namespace was made (or its dead file), by name, UTC.
        now: when the look was, UTC.
    """

    observed: Observed
    born: Mapping[str, datetime] = msgspec.field(default_factory=dict)
    now: datetime


def diagnose(memory: Memory, seen: Seen) -> tuple[Finding, ...]:
    """All findings, in the order of the module's table."""
    halves = half_made_links(memory.intents, seen.observed)
    return (
        *_state(memory.trouble),
        *_interrupted(memory, seen),
        *_half_made(memory, seen, halves),
        *_quarantined(memory.quarantine),
        *_compared(memory, seen),
        *_foreign(seen, halves),
    )


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Whether there is nothing to mend: foreign things are no illness."""
    return all(finding.kind == "foreign" for finding in findings)


def age_in_words(seconds: float) -> str:
    """``45 s``, ``12 min``, ``5 h``, ``3 d``."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def moment(at: datetime) -> str:
    """A time in the form in which all of them are told."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _state(trouble: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    for code, sentence in trouble:
        mend = ADOPT if code in ("state-corrupt", "host-taken", "state-missing") else "see the sentence"
        yield Finding(kind="state", code=code, what=sentence, origin="the state directory", mend=mend)


def _interrupted(memory: Memory, seen: Seen) -> Iterator[Finding]:
    target = memory.pending
    if target is None:
        return
    units = len(memory.intents)
    yield Finding(
        kind="interrupted",
        what=f"{target.verb} of {plain(target.source) or 'nothing'} was begun and not finished"
        f" ({units} unit{'s' * (units != 1)} in its journal)",
        age=_since(target.at, seen.now),
        origin=f"{target.verb} of {plain(target.source)}, {moment(target.at)}",
        mend="deuteron recover (forward), or deuteron recover --back",
    )


def half_made_links(intents: Iterable[Intent], observed: Observed) -> dict[tuple[str, str], str]:
    """Links that a begun change made and did not come to mark: ``(netns, name)`` to unit."""
    return {
        end: intent.unit
        for intent in intents
        for thing in remnants(intent.steps, observed)
        if not isinstance(thing, Netns)
        for end in ends(thing)
        if end[1] in observed.unmarked.get(end[0], {})
    }


def dead_files(observed: Observed) -> tuple[str, ...]:
    """The files with our prefixes behind which there is no namespace."""
    return tuple(sorted(name for name, alive in observed.netns.items() if not alive and may_be_ours(name)))


def _half_made(memory: Memory, seen: Seen, halves: Mapping[tuple[str, str], str]) -> Iterator[Finding]:
    for (netns, name), unit in sorted(halves.items()):
        yield Finding(
            kind="half-made",
            unit=unit,
            netns=netns,
            what=f"link {name} was made and not yet marked as ours",
            age=_age(seen, netns),
            origin=_origin(memory, unit),
        )
    makers = _makers(memory)
    for name in dead_files(seen.observed):
        unit = makers.get(name, "")
        yield Finding(
            kind="half-made",
            unit=unit,
            netns=name,
            what=f"file {name} without a namespace behind it",
            age=_age(seen, name),
            origin=_origin(memory, unit),
        )


def _makers(memory: Memory) -> dict[str, str]:
    """The unit of each namespace that is wanted, or was about to be made."""
    wanted = memory.wanted.units if memory.wanted is not None else ()
    known = {thing.name: unit.name for unit in wanted for thing in unit.objects if isinstance(thing, Netns)}
    for intent in memory.intents:
        for step in intent.steps:
            if isinstance(step, Create) and isinstance(step.object, Netns):
                known[step.object.name] = intent.unit
    return known


def _quarantined(units: Iterable[Quarantined]) -> Iterator[Finding]:
    for one in units:
        left = f"; left: {'; '.join(one.left)}" if one.left else ""
        yield Finding(
            kind="quarantined",
            code=one.code,
            unit=one.unit,
            what=f"{one.error}{left}",
            origin=f"failed {one.attempts} time{'s' * (one.attempts != 1)} since {moment(one.since)}",
            mend=f"mend its cause, then {REPAIR}; it is tried again by itself at {moment(one.next)} where"
            " an apply --watch runs",
        )


def _compared(memory: Memory, seen: Seen) -> Iterator[Finding]:
    if memory.wanted is None:
        yield from _unclaimed(memory, seen)
        return
    delta = compare(memory.wanted, seen.observed)
    everything = {thing.key: thing for unit in memory.wanted.units for thing in unit.objects}
    for thing, inside in _roots(delta.create, everything):
        yield _about("missing", thing, f"{describe(thing)}{_with(inside)}", delta, memory, seen)
    for old, new in delta.update.values():
        yield _about("changed", new, changed(old, new), delta, memory, seen)
    for thing, inside in _roots(delta.surplus, seen.observed.objects):
        yield _about("leaked", thing, f"{describe(thing)}{_with(inside)}", delta, memory, seen)


def _about(kind: Kind, thing: KernelObject, what: str, delta: Delta, memory: Memory, seen: Seen) -> Finding:
    unit, netns = delta.unit_of(thing.key), thing.key[1]
    return Finding(
        kind=kind,
        unit=unit,
        netns=netns,
        what=plain(what),
        age=_age(seen, netns),
        origin=_origin(memory, unit),
    )


def _with(inside: int) -> str:
    return f", with {inside} object{'s' * (inside != 1)} in it" if inside else ""


def _roots(
    things: Mapping[Key, KernelObject], among: dict[Key, KernelObject]
) -> list[tuple[KernelObject, int]]:
    """What does not lie in another of ``things``, each with how many lie in it, sorted by key."""
    if not things:
        return []
    places = frozenset(netns for thing in among.values() for netns in namespaces_of(thing))
    containment, keys = Containment(among, places), set(things)
    tops: list[Key] = []
    inside: Counter[Key] = Counter()
    for key, thing in things.items():
        top, above = key, containment.root(thing, keys)
        while above is not None:
            top, above = above, containment.root(things[above], keys)
        if top == key:
            tops.append(key)
        else:
            inside[top] += 1
    return [(things[key], inside[key]) for key in sorted(tops)]


def _unclaimed(memory: Memory, seen: Seen) -> Iterator[Finding]:
    counts = Counter(seen.observed.owners[key] for key in seen.observed.objects)
    for unit, count in sorted(counts.items()):
        places = sorted(_places(seen.observed, unit))
        yield Finding(
            kind="unclaimed",
            unit=unit,
            netns=places[0] if places else "",
            what=f"{unit}: {count} object{'s' * (count != 1)} with its mark, and nothing is committed here",
            age=_age(seen, places[0]) if places else None,
            origin=_origin(memory, unit),
            mend=f"{ADOPT}, or deuteron destroy",
        )


def _places(observed: Observed, unit: str) -> set[str]:
    objects = observed.objects.values()
    return {thing.name for thing in objects if isinstance(thing, Netns) and thing.owner == unit}


def _foreign(seen: Seen, halves: Mapping[tuple[str, str], str]) -> Iterator[Finding]:
    for one in seen.observed.foreign:
        if one.kind == "link" and (one.netns, one.what.rpartition(" ")[2]) in halves:
            continue
        yield Finding(
            kind="foreign",
            netns=one.netns,
            what=plain(_foreign_words(one)),
            age=_age(seen, one.netns),
            origin=NOT_OURS,
            mend="it is left alone",
        )


def _foreign_words(one: Foreign) -> str:
    if one.kind == "netns":
        return f"{one.what} has a name of ours, and no mark of ours"
    return f"{one.kind.replace('_', ' ')} {one.what}"


def _origin(memory: Memory, unit: str) -> str:
    record = memory.history.get(unit)
    if record is not None:
        touched = f", last changed {moment(record.changed_at)}" if record.changed_at != record.made_at else ""
        return f"made by {record.verb} of {plain(record.source)}, {moment(record.made_at)}{touched}"
    if memory.pending is not None and any(intent.unit == unit for intent in memory.intents):
        target = memory.pending
        return f"interrupted {target.verb} of {plain(target.source)}, {moment(target.at)}"
    return NO_ORIGIN


def _age(seen: Seen, netns: str) -> float | None:
    born = seen.born.get(netns)
    return None if born is None else _since(born, seen.now)


def _since(then: datetime, now: datetime) -> float:
    """Seconds, never negative: a clock that was set back makes nothing younger than now."""
    return max((now - then).total_seconds(), 0.0)


def tally(findings: Sequence[Finding]) -> dict[str, int]:
    """How many of each kind there are; kinds of which there is none are left out."""
    return dict(Counter(finding.kind for finding in findings))
