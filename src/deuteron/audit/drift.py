"""In which objects the host differs from what is wanted, told by pseudonyms and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from deuteron.audit.names import Names
from deuteron.objects import KernelObject, Key, NftTable, Sysctl
from deuteron.reconcile.delta import Delta

#: Whether an object of this kind, the first word of its key, is what a check is about.
Kind = Callable[[str], bool]

_WORDS: Final[dict[str, str]] = {
    "netns": "namespaces",
    "link": "links",
    "up": "links that are up",
    "address": "addresses",
    "route": "routes",
    "rule": "routing rules",
    "neighbour": "neighbour entries",
    "proxy": "neighbour proxies",
    "fdb": "forwarding entries",
    "nft_table": "rule sets",
    "nft_element": "rule set entries",
    "sysctl": "kernel parameters",
}


def is_filter(kind: str) -> bool:
    """What decides which packets pass, and as whom."""
    return kind in ("nft_table", "nft_element")


def is_parameter(kind: str) -> bool:
    """A kernel parameter."""
    return kind == "sysctl"


def is_other(kind: str) -> bool:
    """Everything else."""
    return not is_filter(kind) and not is_parameter(kind)


def missing(delta: Delta, names: Names, kind: Kind) -> Iterator[str]:
    """What is wanted and not there; what went with its namespace is told by the namespace."""
    gone = {key[1] for key in delta.create if key[0] == "netns"}
    keys = (key for key in delta.create if kind(key[0]) and (key[0] == "netns" or key[1] not in gone))
    return _counted(delta, names, keys, "missing")


def surplus(delta: Delta, names: Names, kind: Kind) -> Iterator[str]:
    """What is ours and not wanted."""
    return _counted(delta, names, (key for key in delta.surplus if kind(key[0])), "not wanted")


def changed(delta: Delta, names: Names, kind: Kind) -> Iterator[str]:
    """What is there and other than wanted, as far as that can be said without names."""
    changes = ((key, *pair) for key, pair in delta.update.items() if kind(key[0]))
    lines = {
        f"{names.unit(delta.unit_of(key))}: {line}" for key, old, new in changes for line in _told(old, new)
    }
    yield from sorted(lines)


def _counted(delta: Delta, names: Names, keys: Iterable[Key], what: str) -> Iterator[str]:
    counts = Counter((names.unit(delta.unit_of(key)), key[0]) for key in keys)
    for (unit, kind), count in sorted(counts.items()):
        yield f"{unit}: {_WORDS.get(kind, kind)} {what}: {count}"


def _told(old: KernelObject, new: KernelObject) -> Iterator[str]:
    match old, new:
        case Sysctl(value=value), Sysctl():
            yield f"{new.path.replace(new.dev, '*') if new.dev else new.path} is {value}, not {new.value}"
        case NftTable(), NftTable():
            yield from _parts(old, new)
        case _:
            yield f"{_WORDS.get(new.key[0], new.key[0])} other than wanted"


def _parts(old: NftTable, new: NftTable) -> Iterator[str]:
    """Which chains differ: their names are ours, and the same on every host."""
    have = {one.name: one for one in old.chains}
    want = {one.name: one for one in new.chains}
    for name in sorted(want):
        if name not in have:
            yield f"chain {name} is missing"
        elif have[name] != want[name]:
            yield f"chain {name} is other than wanted"
    if have.keys() - want.keys():
        yield f"chains that are not wanted: {len(have.keys() - want.keys())}"
    if old.sets != new.sets:
        yield "its sets are other than wanted"
    if old.chains == new.chains and old.sets == new.sets:
        yield "its flags are other than wanted"
