"""The journal: what is about to be done, unit by unit, written down before the first of it is done.

An intent is a unit's steps as values.  Whoever finds it after a crash knows of each object how it
was and how it was to be, and by which name and MAC address a link that was half made can be told.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from deuteron.domain import HostView
from deuteron.inputs.allocate import Allocations
from deuteron.objects import (
    Address,
    Announce,
    Bridge,
    Create,
    Delete,
    Fdb,
    FlushFlows,
    LinkUp,
    Neighbour,
    NeighbourProxy,
    Netns,
    NftElement,
    NftTable,
    Route,
    Rule,
    Run,
    Step,
    Sysctl,
    Tap,
    Update,
    Veth,
)

Verb = Literal["apply", "destroy"]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where a change is going.

    Attributes:
        view: the desired state; ``None`` where nothing is wanted any more.
        source: the path of the file that it came from, or "".
        at: when it was asked for, UTC.
        allocations: what the view's file left open; empty where nothing is wanted.
    """

    verb: Verb
    view: HostView | None
    source: str
    at: datetime
    allocations: Allocations = Allocations()


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What is about to be done to one unit.

    Attributes:
        unit: ``router/<id>`` and so on.
        title: for people.
        steps: in the order to run them.
    """

    unit: str
    title: str
    steps: tuple[Step, ...]


#: Every kind of object, told from the others by its tag.
Thing = (
    Address
    | Bridge
    | Fdb
    | LinkUp
    | Neighbour
    | NeighbourProxy
    | Netns
    | NftElement
    | NftTable
    | Route
    | Rule
    | Sysctl
    | Tap
    | Veth
)


# As steps are written, with their objects' types in full, which a decoder needs and a step does not say.


class _Create(msgspec.Struct, frozen=True, tag="Create"):
    object: Thing


class _Delete(msgspec.Struct, frozen=True, tag="Delete"):
    object: Thing
    contents: tuple[Thing, ...] = ()


class _Update(msgspec.Struct, frozen=True, tag="Update"):
    old: Thing
    new: Thing
    contents: tuple[Thing, ...] = ()
    old_contents: tuple[Thing, ...] = ()


class _Run(msgspec.Struct, frozen=True, tag="Run"):
    action: Announce | FlushFlows


class _Written(msgspec.Struct, frozen=True):
    unit: str
    title: str
    steps: tuple[_Create | _Delete | _Update | _Run, ...]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Written)


def encode(intent: Intent) -> bytes:
    """An intent as msgpack."""
    return _ENCODER.encode(intent)


def decode(content: bytes) -> Intent:
    """The intent that was encoded, equal in all.

    Raises:
        msgspec.DecodeError: it is not one.
    """
    written = _DECODER.decode(content)
    return Intent(unit=written.unit, title=written.title, steps=tuple(_step(step) for step in written.steps))


def _step(step: _Create | _Delete | _Update | _Run) -> Step:
    match step:
        case _Create(object=made):
            return Create(made)
        case _Delete(object=gone, contents=contents):
            return Delete(gone, contents)
        case _Update(old=old, new=new, contents=contents, old_contents=old_contents):
            return Update(old, new, contents, old_contents)
        case _Run(action=action):
            return Run(action)
