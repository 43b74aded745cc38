"""The host policy: every kernel parameter, base chain and limit of a namespace, from ``policy.toml``.

The file is the policy and its documentation: each entry has a value, the reason, what breaks
without it and a test.  :class:`Policy` is the same as values, with an operator's overrides in it.

Parameters are written before any link exists in the namespace, since a new namespace
starts with the host's IPv4 settings (``net.core.devconf_inherit_init_net``), and a
link starts with its namespace's ``default``.  Which of ``all`` and ``default`` decides
differs (``include/linux/inetdevice.h``): the larger of ``all`` and the link's own
(``IN_DEV_MAXCONF``), either of both (``IN_DEV_ORCONF``), both (``IN_DEV_ANDCONF``); in IPv6 the
link's own alone.  What decides is written, and nothing else: each costs an open and a read
per look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Final, Literal, TypeVar, get_args

import msgspec
from msgspec.structs import replace

from deuteron.domain.policy import Override
from deuteron.objects import Sysctl

Kind = Literal["network", "router", "fip"]

#: ``fg``: on ``fg-`` ports.  ``ndp-gateway``: on ``fg-`` and ``qg-`` where NDP proxies may be.
LinkKind = Literal["fg", "ndp-gateway"]

#: An entry by list, name and kind of namespace.
Place = tuple[str, str, Kind]

#: Path and value, ``{dev}`` standing for a link.
Pairs = tuple[tuple[str, str], ...]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
LINK_KINDS: Final[tuple[LinkKind, ...]] = get_args(LinkKind)

#: The kind of a namespace, by the prefix of its name.
_PREFIXES: Final[Mapping[str, Kind]] = {
    "qrouter-": "router",
    "snat-": "router",
    "fip-": "fip",
    "net-": "network",
}


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all entries have.

    Attributes:
        netns: the kinds of namespaces that it holds for.
        reason: why it has this value.
        breaks: what goes wrong without it.
        test: ``file::function`` of a test that shows it.
    """

    netns: tuple[Kind, ...]
    reason: str
    breaks: str
    test: str


class Knob(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kernel parameter.

    Attributes:
        path: below ``/proc/sys``; ``{conf}`` stands for ``all`` and ``default``,
            ``{dev}`` for a link.
        link: the kind of links that it is for, "" for one of the whole namespace.
        value: an integer, as the kernel prints it.
        looser: values that protect less: the value itself, or ``>N`` or ``<N``.
        unwritten: why it need not be written: then it is neither written nor looked at, unless
            an override gives it a value.
    """

    path: str
    value: str
    link: LinkKind | Literal[""] = ""
    looser: tuple[str, ...] = ()
    unwritten: str = ""

    @property
    def name(self) -> str:
        """By what an override names it."""
        return self.path

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that it stands for, ``{dev}`` left in them."""
        if "{conf}" in self.path:
            return tuple(self.path.replace("{conf}", conf) for conf in ("all", "default"))
        return (self.path,)

    def is_looser(self, value: str) -> bool:
        """Whether a value protects less than this entry's."""
        return value != self.value and any(_matches(int(value), pattern) for pattern in self.looser)

    def given(self, value: str) -> Knob:
        """The same with another value."""
        return replace(self, value=value, unwritten="")


class BaseChain(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One base chain of a namespace's table.

    Attributes:
        priority: dstnat is -100, srcnat 100, mangle -150, raw -300, filter 0.
        policy: what becomes of a packet that no rule decides on.
    """

    name: str
    type: Literal["filter", "nat"]
    hook: Literal["prerouting", "input", "forward", "output", "postrouting"]
    priority: int
    policy: Literal["accept", "drop"]

    @property
    def value(self) -> str:
        """What an override may change."""
        return self.policy

    def is_looser(self, value: str) -> bool:
        """Whether a policy protects less than this entry's."""
        return self.policy == "drop" and value != "drop"

    def given(self, value: str) -> BaseChain:
        """The same with another policy."""
        return replace(self, policy="accept" if value == "accept" else "drop")


class Limit(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of something a namespace lets others make it do or remember; more is looser."""

    name: str
    value: int
    unit: str

    def is_looser(self, value: str) -> bool:
        """Whether a value protects less than this entry's."""
        return int(value) > self.value

    def given(self, value: str) -> Limit:
        """The same with another value."""
        return replace(self, value=int(value))


class Entries(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The three lists; in one, at most one entry has a name for a kind of namespace."""

    sysctl: tuple[Knob, ...] = ()
    chain: tuple[BaseChain, ...] = ()
    limit: tuple[Limit, ...] = ()


class Policy(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The entries, looked up by kind.

    Attributes:
        overrides: the operator's values that are in it.
        of_netns: the parameters that are written for a whole namespace.
        of_link: those for a link, by kind of namespace and of link.
    """

    entries: Entries
    overrides: Mapping[Place, Override]
    of_netns: Mapping[Kind, Pairs]
    of_link: Mapping[tuple[Kind, LinkKind], Pairs]
    chains: Mapping[tuple[Kind, str], BaseChain]
    limits: Mapping[tuple[Kind, str], int]

    def effective(self, overrides: tuple[Override, ...]) -> Policy:
        """The policy with an operator's values; one of an entry that is not here decides nothing."""
        return _effective(self, overrides) if overrides else self

    def netns_sysctls(self, kind: Kind, netns: str) -> Iterator[Sysctl]:
        """The parameters of a whole namespace."""
        return (Sysctl(netns=netns, path=path, value=value) for path, value in self.of_netns[kind])

    def link_sysctls(self, link: LinkKind, netns: str, dev: str) -> Iterator[Sysctl]:
        """The parameters of one link, in a namespace whose name tells its kind."""
        kind = kind_of(netns)
        for path, value in self.of_link.get((kind, link), ()) if kind else ():
            yield Sysctl(netns=netns, path=path.replace("{dev}", dev), value=value, dev=dev)

    def chain(self, kind: Kind, name: str) -> BaseChain:
        """A base chain of a kind of namespace."""
        return self.chains[kind, name]

    def limit(self, kind: Kind, name: str) -> int:
        """A limit of a kind of namespace, in its unit."""
        return self.limits[kind, name]


@lru_cache(maxsize=1)
def packaged() -> Policy:
    """The policy of the package, without overrides."""
    content = (files("deuteron.compile") / "policy.toml").read_bytes()
    return _policy(msgspec.toml.decode(content, type=Entries), {})


def kind_of(netns: str) -> Kind | None:
    """What kind of namespace a name is; ``None`` for one that is not ours."""
    return next((kind for prefix, kind in _PREFIXES.items() if netns.startswith(prefix)), None)


def places(entries: Entries) -> Mapping[Place, Knob | BaseChain | Limit]:
    """Every entry, by list, name and kind of namespace."""
    lists: tuple[tuple[str, tuple[Knob | BaseChain | Limit, ...]], ...] = (
        ("sysctl", entries.sysctl),
        ("chain", entries.chain),
        ("limit", entries.limit),
    )
    return {(what, one.name, kind): one for what, items in lists for one in items for kind in one.netns}


def _policy(entries: Entries, overrides: Mapping[Place, Override]) -> Policy:
    netns: dict[Kind, Pairs] = dict.fromkeys(KINDS, ())
    links: dict[tuple[Kind, LinkKind], Pairs] = {}
    for knob in entries.sysctl:
        pairs = () if knob.unwritten else tuple((path, knob.value) for path in knob.paths)
        for kind in knob.netns:
            if knob.link:
                links[kind, knob.link] = (*links.get((kind, knob.link), ()), *pairs)
            else:
                netns[kind] += pairs
    return Policy(
        entries=entries,
        overrides=overrides,
        of_netns=netns,
        of_link=links,
        chains={(kind, chain.name): chain for chain in entries.chain for kind in chain.netns},
        limits={(kind, limit.name): limit.value for limit in entries.limit for kind in limit.netns},
    )


@lru_cache(maxsize=16)
def _effective(policy: Policy, overrides: tuple[Override, ...]) -> Policy:
    known = places(policy.entries)
    given: dict[Place, Override] = {}
    for one in overrides:
        for kind in KINDS:
            if kind in one.kinds and (one.what, one.name, kind) in known:
                given[one.what, one.name, kind] = one
    entries = Entries(
        sysctl=tuple(_split("sysctl", policy.entries.sysctl, given)),
        chain=tuple(_split("chain", policy.entries.chain, given)),
        limit=tuple(_split("limit", policy.entries.limit, given)),
    )
    return _policy(entries, given)


_E = TypeVar("_E", Knob, BaseChain, Limit)


def _split(what: str, entries: tuple[_E, ...], given: Mapping[Place, Override]) -> Iterator[_E]:
    """Each entry for the kinds that keep its value, and for those of each override."""
    for entry in entries:
        for override, kinds in _groups(what, entry.name, entry.netns, given).items():
            part = replace(entry, netns=kinds)
            yield part if override is None else part.given(override.value)


def _groups(
    what: str, name: str, kinds: tuple[Kind, ...], given: Mapping[Place, Override]
) -> dict[Override | None, tuple[Kind, ...]]:
    groups: dict[Override | None, tuple[Kind, ...]] = {}
    for kind in kinds:
        override = given.get((what, name, kind))
        groups[override] = (*groups.get(override, ()), kind)
    return groups


def _matches(value: int, pattern: str) -> bool:
    if pattern[0] == ">":
        return value > int(pattern[1:])
    if pattern[0] == "<":
        return value < int(pattern[1:])
    return value == int(pattern)
