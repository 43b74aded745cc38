"""The keys of the configuration one by one, as their declarations say."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from deuteron.config.model import Config

_PATH: Final = "absolute path"

#: The command line's options that say the same as a key.
_OPTIONS: Final = {
    "state_dir": "--state-dir",
    "parallel": "--parallel",
    "interval": "--interval",
    "host": "--host",
    "external_bridges": "--external-bridge",
    "bridge_mappings": "--bridge-mapping",
    "policy": "--policy",
    "api.listen": "--listen",
    "audit.baseline": "--baseline",
}


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key.

    Attributes:
        name: with the table that it stands in, ``log.level``.
        type: what its value is, in words.
        default: what it is where nobody says otherwise.
        about: what it means.
        example: of a value, as it is written in the file.
        option: of the command line, "" where there is none.
    """

    name: str
    type: str
    default: object
    about: str
    example: object
    option: str

    @property
    def environment(self) -> str:
        """The variable that says the same."""
        return "DEUTERON_" + self.name.upper().replace(".", "_")

    @property
    def is_path(self) -> bool:
        """Whether its value names a file or a directory."""
        return self.type == _PATH


@lru_cache(maxsize=1)
def keys() -> tuple[Key, ...]:
    """All keys, those of the tables after the others."""
    return tuple(_keys(Config, ""))


def _keys(table: type[msgspec.Struct], prefix: str) -> Iterator[Key]:
    hints = get_type_hints(table, include_extras=True)
    defaults = table()
    for field in table.__struct_fields__:
        hint, meta = _parts(hints[field])
        name, default = f"{prefix}{field}", getattr(defaults, field)
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            yield from _keys(hint, f"{name}.")
            continue
        examples = meta.examples or [default]
        yield Key(
            name=name,
            type=_type(hint, meta),
            default=default,
            about=meta.description or "",
            example=tuple(examples) if hint == tuple[str, ...] else examples[0],
            option=_OPTIONS.get(name, ""),
        )


def _parts(hint: Any) -> tuple[Any, Meta]:
    if get_origin(hint) is not Annotated:
        return hint, Meta()
    of, *extras = get_args(hint)
    return of, next((extra for extra in extras if isinstance(extra, Meta)), Meta())


def _type(hint: Any, meta: Meta) -> str:
    hint = _parts(hint)[0]
    if get_origin(hint) in (Union, UnionType):
        return _type(next(of for of in get_args(hint) if of is not type(None)), meta)
    if get_origin(hint) is Literal:
        return " or ".join(f"`{one}`" for one in get_args(hint))
    names = {Path: _PATH, str: "text", int: "whole number", float: "number", bool: "true or false"}
    name = names.get(hint, "list of texts")
    if meta.ge is not None and meta.le is not None:
        return f"{name}, {meta.ge:g} to {meta.le:g}"
    return name
