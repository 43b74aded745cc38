"""An operator's file of the host policy: entries of the package's with other values.

It has the form of ``compile/policy.toml``; an entry needs its path or name and its value.  Without
``netns`` it holds for every kind of namespace that the package has the entry for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal, NoReturn

import msgspec

from deuteron.compile.policy import KINDS, BaseChain, Kind, Knob, Limit, packaged, places
from deuteron.domain.policy import Override
from deuteron.errors import InputError
from deuteron.files import Purpose, read_checked
from deuteron.inputs.reader import nearest

What = Literal["sysctl", "chain", "limit"]
Found = Knob | BaseChain | Limit

_INTEGER: Final = re.compile(r"-?[0-9]{1,10}")
#: TOML's own range: a longer number is a mistake, and Python does not even print the longest.
_Number = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]


class _Sysctl(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    value: _Number | str
    netns: tuple[Kind, ...] = ()
    reason: str = ""


class _Chain(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    policy: Literal["accept", "drop"]
    netns: tuple[Kind, ...] = ()
    reason: str = ""


class _Limit(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    value: _Number
    netns: tuple[Kind, ...] = ()
    reason: str = ""


class _File(msgspec.Struct, frozen=True, kw_only=True):
    sysctl: tuple[_Sysctl, ...] = ()
    chain: tuple[_Chain, ...] = ()
    limit: tuple[_Limit, ...] = ()


_FORMS: Final[dict[str, type[msgspec.Struct]]] = {"sysctl": _Sysctl, "chain": _Chain, "limit": _Limit}


def read_overrides(path: Path) -> tuple[Override, ...]:
    """The overrides of a file, sorted.

    Raises:
        InputError: ``unreadable-file``, ``bad-policy-file``, ``unknown-key``, ``unknown-policy-entry``,
            ``bad-value``, ``looser-without-reason``, ``conflicting-entries``.
        HostError: others than its owner could write the file (``unsafe-file``, ...).
    """
    try:
        content = read_checked(path, Purpose.CONFIG)
    except OSError as error:
        raise InputError("unreadable-file", f"{path}: cannot be read: {error.strerror}") from error
    return parse_overrides(content, str(path))


def parse_overrides(content: bytes, file: str) -> tuple[Override, ...]:
    """The same of a file's content; see :func:`read_overrides`."""
    found: dict[tuple[str, str, str], Override] = {}
    for override in _overrides(_decoded(content, file), file):
        for kind in override.kinds:
            first = found.setdefault((override.what, override.name, kind), override)
            if first is not override:
                _refuse(
                    "conflicting-entries",
                    file,
                    override.what,
                    override.name,
                    f"stands twice for {kind}; keep one of the two entries",
                )
    return tuple(sorted(set(found.values())))


def _decoded(content: bytes, file: str) -> _File:
    try:
        raw: object = msgspec.toml.decode(content)
        _check_keys(raw, file)
        return msgspec.convert(raw, _File)
    except (ValueError, RecursionError) as error:
        sentence = f"{file}: this is not a policy file: {error}; `deuteron policy` lists what may be in one"
        raise InputError("bad-policy-file", sentence) from error


def _check_keys(raw: object, file: str) -> None:
    if not isinstance(raw, dict):
        return
    _known(raw, _FORMS, f"{file}: a policy file")
    for what, form in _FORMS.items():
        entries = raw.get(what)
        for number, entry in enumerate(entries if isinstance(entries, list) else (), 1):
            if isinstance(entry, dict):
                _known(entry, form.__struct_fields__, f"{file}: [[{what}]] number {number}")


def _known(given: dict[str, object], known: object, place: str) -> None:
    names = [str(name) for name in known] if isinstance(known, dict | tuple) else []
    for key in given:
        if key not in names:
            hint = nearest(key, names) or f"; known are {', '.join(sorted(names))}"
            raise InputError("unknown-key", f"{place}: has no key {key!r}{hint}")


def _overrides(read: _File, file: str) -> Iterator[Override]:
    for sysctl in read.sysctl:
        yield _override(file, "sysctl", sysctl.path, str(sysctl.value), sysctl.netns, sysctl.reason)
    for chain in read.chain:
        yield _override(file, "chain", chain.name, chain.policy, chain.netns, chain.reason)
    for limit in read.limit:
        yield _override(file, "limit", limit.name, str(limit.value), limit.netns, limit.reason)


def _override(file: str, what: What, name: str, value: str, kinds: tuple[Kind, ...], reason: str) -> Override:
    """One override, against the entries that it names."""
    entries = {
        kind: entry
        for (entry_what, entry_name, kind), entry in places(packaged().entries).items()
        if (entry_what, entry_name) == (what, name)
    }
    if not entries:
        _unknown(file, what, name)
    for kind in kinds:
        if kind not in entries:
            _refuse(
                "unknown-policy-entry", file, what, name, f"holds for {', '.join(entries)}, not for {kind}"
            )
    chosen = tuple(kind for kind in KINDS if kind in (kinds or entries))
    value = _value(file, what, name, value)
    looser = [kind for kind in chosen if entries[kind].is_looser(value)]
    if looser and not reason.strip():
        sentence = (
            f"{value} is looser than {entries[looser[0]].value}, the value of the package for {looser[0]}:"
            f" add a `reason`, which `deuteron audit` will show"
        )
        _refuse("looser-without-reason", file, what, name, sentence)
    return Override(what=what, name=name, kinds=chosen, value=value, reason=reason.strip())


def _unknown(file: str, what: What, name: str) -> NoReturn:
    names = sorted({known for kind, known, _ in places(packaged().entries) if kind == what})
    hint = nearest(name, names) or "; `deuteron policy` lists them"
    _refuse("unknown-policy-entry", file, what, name, f"the policy has no such entry{hint}")


def _value(file: str, what: What, name: str, value: str) -> str:
    if what == "chain":
        return value
    if not _INTEGER.fullmatch(value.strip()):
        _refuse("bad-value", file, what, name, f"the value {value!r} is no integer of at most ten digits")
    number = int(value)
    if what == "limit" and not 1 <= number < 1 << 31:
        _refuse("bad-value", file, what, name, f"the value {number} is not between 1 and {(1 << 31) - 1}")
    return str(number)


def _refuse(code: str, file: str, what: What | str, name: str, sentence: str) -> NoReturn:
    raise InputError(code, f"{file}: [[{what}]] {name}: {sentence}")
