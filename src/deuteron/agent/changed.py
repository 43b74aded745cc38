"""In which fields an object is other than it should be, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from deuteron.objects import Bridge, KernelObject, NftElement, NftTable, Route, Rule, Sysctl, Tap, Veth
from deuteron.reconcile.words import describe, place

#: What people call the fields.
_CALLED: Final = {
    "mac": "MAC address",
    "peer_mac": "MAC address of the inner end",
    "mtu": "MTU",
    "master": "bridge it is plugged in",
    "altname": "second name",
    "peer_altname": "second name of the inner end",
    "peer_netns": "namespace of the inner end",
    "peer_name": "name of the inner end",
    "owner": "owner",
}


def changed(is_now: KernelObject, should_be: KernelObject) -> str:
    """One line: the object, and each field that differs with its value now and as wanted."""
    match should_be:
        case Sysctl(path=path):
            was = is_now.value if isinstance(is_now, Sysctl) else "something else"
            return f"kernel parameter {path} {place(should_be.netns)} is {was}, not {should_be.value}"
        case NftTable():
            return f"{describe(should_be)}: {_tables(is_now, should_be)}"
        case Route() | Rule() | NftElement():
            return f"{describe(is_now)}, and not {_without_place(should_be)}"
        case _:
            return f"{_called(should_be)}: {', '.join(_fields(is_now, should_be))}"


def _without_place(thing: Route | Rule | NftElement) -> str:
    return describe(thing).removesuffix(f" {place(thing.netns)}")


def _called(thing: KernelObject) -> str:
    if isinstance(thing, Bridge | Tap | Veth):
        word = "link" if isinstance(thing, Veth) else type(thing).__name__.lower()
        return f"{word} {thing.name} {place(thing.netns)}"
    return describe(thing)


def _fields(is_now: KernelObject, should_be: KernelObject) -> Iterator[str]:
    if type(is_now) is not type(should_be):
        yield f"it is a {type(is_now).__name__.lower()}"
        return
    now, wanted = msgspec.structs.asdict(is_now), msgspec.structs.asdict(should_be)
    for name, value in wanted.items():
        if now[name] == value:
            continue
        if name == "mtu" and now[name] == 0:  # the mark of a look: see kernel/linux/observe.py and pairs.py
            yield _other_settings(should_be, value)
        else:
            yield f"{_CALLED.get(name, name)} is {now[name] or 'none'}, not {value or 'none'}"


def _other_settings(thing: KernelObject, mtu: int) -> str:
    if isinstance(thing, Bridge):
        return "spanning tree, forward delay or multicast snooping is on"
    return f"its ends have different MTUs, not {mtu}"


def _tables(is_now: KernelObject, should_be: NftTable) -> str:
    if not isinstance(is_now, NftTable):
        return "it is something else"
    parts = [
        *_parts("chain", ((c.name, c) for c in is_now.chains), ((c.name, c) for c in should_be.chains)),
        *_parts("set", ((s.name, s) for s in is_now.sets), ((s.name, s) for s in should_be.sets)),
    ]
    return ", ".join(parts) or "the order of its parts differs"


def _parts(word: str, now: Iterable[tuple[str, object]], wanted: Iterable[tuple[str, object]]) -> list[str]:
    have, want = dict(now), dict(wanted)
    return [
        *(f"{word} {name} is missing" for name in sorted(want.keys() - have.keys())),
        *(f"{word} {name} is too many" for name in sorted(have.keys() - want.keys())),
        *(f"{word} {name} differs" for name in sorted(have.keys() & want.keys()) if have[name] != want[name]),
    ]
