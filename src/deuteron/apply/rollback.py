"""What a unit's objects are before and after its steps, derived from the steps alone.  Pure.

A step tells of everything that it touches what that was and what it becomes.  So from the
steps that a journal holds, and from what is in the kernel now, both ends of the transaction
follow: recovery compares the unit with them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from deuteron.objects import Create, Delete, KernelObject, Key, LinkUp, Netns, Observed, Run, Step, Update

Objects = dict[Key, KernelObject]


def after(objects: Mapping[Key, KernelObject], steps: Iterable[Step]) -> Objects:
    """``objects`` with every step done; what no step touches stays.

    Applied to any state between, it yields the same as from the beginning.
    """
    made = dict(objects)
    advance(made, steps)
    return made


def advance(objects: Objects, steps: Iterable[Step]) -> None:
    """The same in place."""
    for step in steps:
        match step:
            case Create(object=thing):
                _put(objects, thing, *_implied(thing))
            case Delete(object=thing, contents=contents):
                _drop(objects, thing, *contents, *_implied(thing))
            case Update(old=old, new=new, contents=contents, old_contents=old_contents):
                _drop(objects, old, *old_contents)
                _put(objects, new, *contents)
            case Run():
                pass


def before(objects: Mapping[Key, KernelObject], steps: Sequence[Step]) -> Objects:
    """``objects`` with every step taken back; the inverse of :func:`after`."""
    made = dict(objects)
    for step in reversed(steps):
        match step:
            case Create(object=thing):
                _drop(made, thing, *_implied(thing))
            case Delete(object=thing, contents=contents):
                _put(made, thing, *contents)
            case Update(old=old, new=new, contents=contents, old_contents=old_contents):
                _drop(made, new, *contents)
                _put(made, old, *old_contents)
            case Run():
                pass
    return made


def touched(steps: Iterable[Step]) -> frozenset[Key]:
    """The keys of everything that the steps make, change or remove."""
    keys: set[Key] = set()
    for step in steps:
        match step:
            case Create(object=thing):
                keys.update(one.key for one in (thing, *_implied(thing)))
            case Delete(object=thing, contents=contents):
                keys.update(one.key for one in (thing, *contents, *_implied(thing)))
            case Update(old=old, new=new, contents=contents, old_contents=old_contents):
                keys.update(one.key for one in (old, new, *contents, *old_contents))
            case Run():
                pass
    return frozenset(keys)


class Concerns:
    """What concerns each of many units, found without going through all that is there for each.

    Args:
        observed: what is there.
    """

    def __init__(self, observed: Observed) -> None:
        self._objects = observed.objects
        self._owned: defaultdict[str, list[Key]] = defaultdict(list)
        for key in observed.objects:
            self._owned[observed.owners[key]].append(key)

    def of(self, unit: str, steps: Iterable[Step]) -> Objects:
        """The objects that a unit owns, and those that its steps touch."""
        keys = (*self._owned.get(unit, ()), *touched(steps))
        return {key: self._objects[key] for key in keys if key in self._objects}


def of_unit(observed: Observed, unit: str, steps: Iterable[Step]) -> Objects:
    """What concerns a unit: the objects that it owns, and those that its steps touch."""
    return Concerns(observed).of(unit, steps)


def _implied(thing: KernelObject) -> tuple[KernelObject, ...]:
    """A namespace comes with ``lo`` up."""
    return (LinkUp(netns=thing.name, dev="lo"),) if isinstance(thing, Netns) else ()


def _put(objects: Objects, *things: KernelObject) -> None:
    objects.update((thing.key, thing) for thing in things)


def _drop(objects: Objects, *things: KernelObject) -> None:
    for thing in things:
        objects.pop(thing.key, None)
