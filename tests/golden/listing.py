"""A wanted host as text: one object per line, tables with their rules below them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from deuteron.objects import KernelObject, Nexthop, NftTable, Sysctl, Unit, Wanted
from deuteron.objects.nft_text import create_table


def listing(wanted: Wanted) -> str:
    """The whole host."""
    return "\n".join(line for unit in wanted.units for line in _unit(unit)) + "\n"


def _unit(unit: Unit) -> Iterator[str]:
    yield f"{unit.name}  # {unit.title}"
    for need in unit.needs:
        yield f"  needs {need.kind} {need.name}, for {need.why}"
    for item in unit.objects:
        yield from _object(item)
    for key, action in unit.announce:
        yield f"  announce {action.address} on {action.dev} in {action.netns} after {key[0]}"
    yield ""


def _object(item: KernelObject) -> Iterator[str]:
    match item:
        case NftTable():
            yield f"  table in {item.netns}"
            yield from (f"    {line}" for line in create_table(item).splitlines())
        case Sysctl():
            yield f"  sysctl {item.path} = {item.value} in {item.netns}"
        case _:
            fields = msgspec.structs.asdict(item).items()
            said = (f"{name}={_value(value)}" for name, value in fields if value not in ("", (), False))
            yield f"  {type(item).__name__.lower()} {' '.join(said)}"


def _value(value: object) -> str:
    match value:
        case Nexthop():
            onlink = " onlink" if value.onlink else ""
            return f"{value.via or 'link'} dev {value.dev}{onlink}"
        case tuple():
            return "[" + ", ".join(map(_value, value)) + "]"
        case _:
            return str(value)
