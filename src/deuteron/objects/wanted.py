"""The wanted state of a host, as one value."""

from __future__ import annotations

from typing import Literal

import msgspec

from deuteron.objects.action import Announce
from deuteron.objects.base import KernelObject, Key


class Need(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """Something that is not ours and must be there: a provider bridge, an instance's namespace.

    Attributes:
        name: of the bridge in the host's namespace, or of the namespace.
        why: who asks, for the error message: ``network public (physnet1)``.
    """

    kind: Literal["bridge", "netns"]
    name: str
    why: str


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs together: applied as one transaction, all of it or none.

    Attributes:
        name: ``network/<id>``, ``fip/<network id>``, ``router/<id>`` or ``port/<id>``.
        title: for people, ``router r1``.
        objects: sorted by key.
        announce: to be sent when the object of that key has been made or changed.
        needs: what must exist beforehand.
    """

    name: str
    title: str
    objects: tuple[KernelObject, ...]
    announce: tuple[tuple[Key, Announce], ...] = ()
    needs: tuple[Need, ...] = ()


class RefusedUnit(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """A unit whose part of the model is not acceptable: what it has stays as it is, the others go on.

    Attributes:
        unit: its name.
        title: for people.
        code: of the error.
        error: one sentence with the place and the mend.
    """

    unit: str
    title: str
    code: str
    error: str


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """All units of a host, in the order to make them; depends on the model alone.

    Attributes:
        refused: units that are not among them, although the model names them.
    """

    units: tuple[Unit, ...]
    refused: tuple[RefusedUnit, ...] = ()
