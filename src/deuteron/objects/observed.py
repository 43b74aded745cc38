"""What a look at the kernel found."""

from __future__ import annotations

import msgspec

from deuteron.objects.base import KernelObject, Key
from deuteron.objects.own_value import OwnValue


class Foreign(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """Something that is not ours, in a namespace of ours or under a name that we want.

    Attributes:
        netns: where, "" for the host's namespace.
        kind: ``netns``, ``link``, ``address``, ``route``, ``rule``, ``neighbour``, ``nft_table``.
        what: one line for people.
    """

    netns: str
    kind: str
    what: str


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What to look at.

    Attributes:
        namespaces: names to look into although they are not ours (instances'); those of
            ours are always looked into.
        sysctls: the paths to read, per namespace of ours.
        own: what each link of ours should say for itself, per namespace of ours; what says
            otherwise is among the observed objects, whether its path is to be read or not.
        only: where not ``None``, look at these namespaces alone (and at the host's links).
    """

    namespaces: frozenset[str] = frozenset()
    sysctls: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    own: dict[str, tuple[OwnValue, ...]] = msgspec.field(default_factory=dict)
    only: frozenset[str] | None = None


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """The kernel's state as far as it concerns us.

    Attributes:
        objects: ours, by key.
        owners: the unit of each of them, by key: the mark of the namespace or link it is in.
        foreign: what is not ours, in our namespaces or with our prefixes.
        netns: every name in the namespace directory, mapped to whether it is alive
            (a mounted namespace, not a left-over file).
        links: per namespace looked into (the host's included), each link's name
            and altnames mapped to its kind (``bridge``, ``veth``, ...).
        unmarked: per namespace looked into (the host's included), each link that bears no mark
            of ours mapped to its MAC address; ``lo`` is not among them.
    """

    objects: dict[Key, KernelObject]
    owners: dict[Key, str]
    foreign: tuple[Foreign, ...] = ()
    netns: dict[str, bool] = msgspec.field(default_factory=dict)
    links: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    unmarked: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
