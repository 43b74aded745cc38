"""Steps: what the engine asks of a kernel, each with its inverse."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from deuteron.objects.action import Announce, FlushFlows
from deuteron.objects.base import KernelObject
from deuteron.objects.sysctl import Sysctl


class Create(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Make ``object``, which is not there; that it exists already is a failure."""

    object: KernelObject


class Delete(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Remove ``object``; that it is gone already is success.

    Attributes:
        contents: what vanishes with it, in the order in which it can be made again.
    """

    object: KernelObject
    contents: tuple[KernelObject, ...] = ()


class Update(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Change ``old``, which is there, into ``new`` of the same key, in place.

    Attributes:
        contents: for a table, the wanted elements, which the replacement makes again
            in the same transaction; for a kernel parameter, the others that the kernel
            writes with it, as far as they were otherwise than ``old``.
        old_contents: the same for the way back, on which parameters are written one by one.
    """

    old: KernelObject
    new: KernelObject
    contents: tuple[KernelObject, ...] = ()
    old_contents: tuple[KernelObject, ...] = ()


class Run(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Do something that leaves no object."""

    action: Announce | FlushFlows


Step = Create | Delete | Update | Run


def inverse(step: Step) -> tuple[Step, ...]:
    """The steps that take ``step`` back, in the order to run them; empty for an action."""
    match step:
        case Create(object=made):
            return (Delete(made),)
        case Delete(object=gone, contents=contents):
            return (Create(gone), *(Create(inner) for inner in contents))
        case Update(old=old, new=new, contents=contents, old_contents=old_contents):
            back = Update(old=new, new=old, contents=old_contents, old_contents=contents)
            return (back, *_apart(old, old_contents))
        case Run():
            return ()


def _apart(old: KernelObject, contents: tuple[KernelObject, ...]) -> Iterator[Update]:
    """What the kernel has written with ``old``, written back."""
    if isinstance(old, Sysctl):
        for thing in contents:
            if isinstance(thing, Sysctl):
                yield Update(old=replace(thing, value=old.value), new=thing)


def objects_of(step: Step) -> tuple[KernelObject, ...]:
    """Every object that a step tells of, as it is to be or as it was."""
    match step:
        case Create(object=made):
            return (made,)
        case Delete(object=gone, contents=contents):
            return (gone, *contents)
        case Update(old=old, new=new, contents=contents, old_contents=old_contents):
            return (old, new, *old_contents, *contents)
        case Run():
            return ()
