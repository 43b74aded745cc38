"""Octets and documents that are nearly right: what was captured, with a few things exchanged.

Hypothesis draws them, for it shrinks what it finds; chance alone draws them too, fifty times as fast.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

#: What lengths, counts and kinds go wrong at.
_NUMBERS: Final = (0, 1, 2, 3, 4, 5, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF)
_WIDE: Final = (*_NUMBERS, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

_VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    -1,
    1 << 31,
    1 << 63,
    1 << 70,
    1.5,
    1e308,
    "",
    "x",
    "é\u2028\u0663",
    "\0",
    "1" * 5000,
    "10.0.0.5",
    "10.0.0.0/33",
    "::/0",
    "fe80::1%eth0",
    "fa:16:3e:00:00:01",
    "5284755a-0000-4000-8000-000000000001",
    [],
    {},
    [[]],
    [None],
    {"": {}},
    {"name": "x"},
)
#: As text: what is put into a document must be its own.
_ODD: Final = tuple(map(json.dumps, _VALUES))
#: Those of the same type, which go further in.
_ALIKE: Final = {
    kind: tuple(json.dumps(one) for one in _VALUES if type(one) is kind) for kind in set(map(type, _VALUES))
}

#: One change: what, where (a share of the length), how much or what for.
Edit = tuple[str, int, int]
_NUMBER: Final = st.integers(0, 0xFFFF)


class Inputs(NamedTuple):
    """What a parser is given.

    Attributes:
        strategy: Hypothesis' way to draw one.
        draw: chance's.
    """

    strategy: st.SearchStrategy[bytes]
    draw: Callable[[Random], bytes]


def _edited(
    kinds: Sequence[str], most: int, count: int, made: Callable[[int, Sequence[Edit]], bytes]
) -> Inputs:
    """One of ``count`` seeds with up to ``most`` changes."""
    edits = st.lists(st.tuples(st.sampled_from(kinds), _NUMBER, _NUMBER), max_size=most)

    def draw(random: Random) -> bytes:
        chosen = [
            (random.choice(kinds), random.randrange(1 << 16), random.randrange(1 << 16))
            for _ in range(random.randint(0, most))
        ]
        return made(random.randrange(count), chosen)

    return Inputs(st.builds(made, st.integers(0, count - 1), edits), draw)


def _either(*ways: Inputs) -> Inputs:
    return Inputs(st.one_of([way.strategy for way in ways]), lambda random: random.choice(ways).draw(random))


_BYTES: Final = Inputs(st.binary(max_size=200), lambda random: random.randbytes(random.randrange(200)))


def octets(seeds: Sequence[bytes]) -> Inputs:
    """Seeds as they are and with up to five changes, and sometimes octets that nobody thought of."""
    near = _edited(tuple(_EDITS), 5, len(seeds), lambda at, edits: _changed(seeds, at, edits))
    return _either(near, near, near, _BYTES)


def _changed(seeds: Sequence[bytes], at: int, edits: Sequence[Edit]) -> bytes:
    data = bytearray(seeds[at])
    for what, where, value in edits:
        _EDITS[what](data, where * (len(data) + 1) >> 16, value, seeds[value % len(seeds)])
    return bytes(data)


def _flip(data: bytearray, at: int, value: int, _other: bytes) -> None:
    if data:
        data[at % len(data)] ^= 1 << value % 8


def _u8(data: bytearray, at: int, value: int, _other: bytes) -> None:
    data[at : at + 1] = bytes([value & 0xFF])


def _u16(data: bytearray, at: int, value: int, _other: bytes) -> None:
    """Where a length or a kind is: netlink aligns to four."""
    at &= ~1
    data[at : at + 2] = _NUMBERS[value % len(_NUMBERS)].to_bytes(2, "little")


def _u32(data: bytearray, at: int, value: int, _other: bytes) -> None:
    at &= ~3
    data[at : at + 4] = _WIDE[value % len(_WIDE)].to_bytes(4, "little")


def _cut(data: bytearray, at: int, _value: int, _other: bytes) -> None:
    del data[at:]


def _drop(data: bytearray, at: int, value: int, _other: bytes) -> None:
    del data[at : at + 1 + value % 64]


def _repeat(data: bytearray, at: int, value: int, _other: bytes) -> None:
    data[at:at] = data[at : at + 64] * (value % 20)


def _zeros(data: bytearray, at: int, value: int, _other: bytes) -> None:
    data[at:at] = bytes(value % 40)


def _splice(data: bytearray, at: int, value: int, other: bytes) -> None:
    data[at:] = other[len(other) * value >> 16 :]


_EDITS: Final[dict[str, Callable[[bytearray, int, int, bytes], None]]] = {
    "flip": _flip,
    "u8": _u8,
    "u16": _u16,
    "u32": _u32,
    "cut": _cut,
    "drop": _drop,
    "repeat": _repeat,
    "zeros": _zeros,
    "splice": _splice,
}


def documents(seeds: Sequence[bytes]) -> Inputs:
    """JSON (which is YAML too) with up to four values exchanged, removed, repeated or put elsewhere."""
    trees = [json.loads(seed) for seed in seeds]
    kinds = ("put", "put", *["alike"] * 5, "remove", "remove", "rename", "copy", "wrap", "deep")
    return _edited(kinds, 4, len(trees), lambda at, edits: _grown(trees[at], edits))


def _grown(tree: Any, edits: Sequence[Edit]) -> bytes:
    root = [tree]
    for what, where, value in edits:
        root = json.loads(json.dumps(root))  # nothing is in two places, or what holds itself would never end
        places = _places(root)
        holder, key = places[where % len(places)]
        there = holder[key]
        match what:
            case "put":
                holder[key] = json.loads(_ODD[value % len(_ODD)])
            case "alike":
                holder[key] = json.loads(_ALIKE[type(there)][value % len(_ALIKE[type(there)])])
            case "remove" if holder is not root:
                del holder[key]
            case "rename" if isinstance(holder, dict):
                keys = sorted({name for one, name in places if isinstance(one, dict)})
                holder[keys[value % len(keys)]] = holder.pop(key)
            case "copy":
                other, name = places[value % len(places)]
                holder[key] = json.loads(json.dumps(other[name]))
            case "wrap":
                holder[key] = [there] * (value % 4)
            case "deep":
                holder[key] = "deep below"
                text = json.dumps(root[0])
                depth = 1 + value % 3000
                return text.replace('"deep below"', "[" * depth + "]" * depth).encode()
    return json.dumps(root[0]).encode()


def _places(tree: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    left = [tree]
    while left:
        holder = left.pop()
        keys = holder.keys() if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                left.append(holder[key])
    return found


def texts(seeds: Sequence[bytes], words: Sequence[str]) -> Inputs:
    """Text with changes, and text put together from words that mean something there."""
    return _either(octets(seeds), _written(words), _repeated(words), _inserted(seeds, words))


def _written(words: Sequence[str]) -> Inputs:
    some = st.lists(st.sampled_from(words) | st.text(max_size=4), max_size=30)
    return Inputs(some.map(_joined), lambda random: _joined(random.choices(words, k=random.randrange(30))))


def _joined(words: Sequence[str]) -> bytes:
    return "".join(words).encode("utf-8", "surrogatepass")


def _repeated(words: Sequence[str]) -> Inputs:
    """The same a few thousand times, and then something else: where a search goes back and forth."""
    word = st.sampled_from(words)
    return Inputs(
        st.builds(_storm, word, st.integers(1, 5000), word),
        lambda random: _storm(random.choice(words), random.randrange(5000), random.choice(words)),
    )


def _storm(word: str, count: int, last: str) -> bytes:
    return (word * min(count, 20_000 // len(word)) + last).encode()


def _inserted(seeds: Sequence[bytes], words: Sequence[str]) -> Inputs:
    text = _written(words)
    return Inputs(
        st.builds(_put, st.sampled_from(seeds), _NUMBER, text.strategy),
        lambda random: _put(random.choice(seeds), random.randrange(1 << 16), text.draw(random)),
    )


def _put(seed: bytes, where: int, text: bytes) -> bytes:
    place = where * (len(seed) + 1) >> 16
    return seed[:place] + text + seed[place:]
