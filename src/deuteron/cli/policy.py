"""``deuteron policy``: what rules in the namespaces, and why."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

from deuteron.cli import output as out
from deuteron.cli.options import output_option, policy_option
from deuteron.cli.settings import settings
from deuteron.compile.policy import BaseChain, Entries, Entry, Kind, Knob, Limit, Place, packaged, places
from deuteron.domain.policy import Override
from deuteron.inputs.overrides import read_overrides

_ENDLESS: Final = 10_000

UNWRITTEN: Final = "Neither written nor looked at"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One entry as it rules.

    Attributes:
        package: the value of the package, where an override has another one.
        looser: whether the value protects less than that of the package.
        because: the operator's reason for the override.
        unwritten: why it is neither written nor looked at, "" for all others.
    """

    what: str
    name: str
    netns: tuple[Kind, ...]
    where: str
    value: str
    reason: str
    breaks: str
    test: str
    unwritten: str = ""
    package: str = ""
    looser: bool = False
    because: str = ""


@click.command("policy")
@policy_option
@output_option
@click.option("--markdown", is_flag=True, help="Print the tables of docs/policy.md.")
@click.option(
    "-v", "--verbose", is_flag=True, help="What decides nothing, too, and what breaks without each."
)
def policy_command(policy: Path | None, output: str, *, markdown: bool, verbose: bool) -> None:
    """List every kernel parameter, base chain and limit of the namespaces, with its reason.

    --policy FILE, or the key `policy` of the configuration, takes your values for some entries: a
    TOML file with [[sysctl]] (path, value), [[chain]] (name, policy) and [[limit]] (name, value),
    each with netns where it shall not hold for every kind of namespace. A value that protects less
    than that of the package needs a reason, and is marked.

    \b
    deuteron policy
    deuteron policy --policy policy.toml
    deuteron policy -o json
    """
    if markdown and output == "json":
        raise click.UsageError("--markdown and -o json exclude each other")
    policy = policy or settings().policy
    found = rows(() if policy is None else read_overrides(policy))
    if markdown:
        click.echo(as_markdown(found), nl=False)
    elif output == "json":
        out.json({"version": 1, "entries": found})
    else:
        _print(found, verbose=verbose)


def rows(overrides: tuple[Override, ...]) -> tuple[Row, ...]:
    """The effective policy, in the order of the file."""
    policy = packaged().effective(overrides)
    before = places(packaged().entries)
    return tuple(
        _row(what, entry, before, policy.overrides.get((what, entry.name, entry.netns[0])))
        for what, entry in _entries(policy.entries)
    )


def _entries(entries: Entries) -> Iterator[tuple[str, Knob | BaseChain | Limit]]:
    yield from (("sysctl", entry) for entry in entries.sysctl)
    yield from (("chain", entry) for entry in entries.chain)
    yield from (("limit", entry) for entry in entries.limit)


def _row(
    what: str,
    entry: Knob | BaseChain | Limit,
    before: Mapping[Place, Knob | BaseChain | Limit],
    override: Override | None,
) -> Row:
    package = before[what, entry.name, entry.netns[0]]
    row = Row(
        what=what,
        name=entry.name,
        netns=entry.netns,
        where=_where(entry),
        value=str(entry.value),
        reason=entry.reason,
        breaks=entry.breaks,
        test=entry.test,
        unwritten=entry.unwritten if isinstance(entry, Knob) else "",
    )
    if override is None:
        return row
    looser = package.is_looser(override.value)
    return msgspec.structs.replace(row, package=str(package.value), looser=looser, because=override.reason)


def _where(entry: Entry) -> str:
    """What else is to be known of it: a parameter's links, a chain's hook, a limit's unit."""
    if isinstance(entry, Knob):
        return entry.link
    if isinstance(entry, BaseChain):
        return f"{entry.type} {entry.hook} {entry.priority}"
    return entry.unit if isinstance(entry, Limit) else ""


def _print(found: tuple[Row, ...], *, verbose: bool) -> None:
    console = Console() if sys.stdout.isatty() else Console(width=_ENDLESS)
    for title, group in _groups(found):
        if not group or (title == UNWRITTEN and not verbose):
            continue
        table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for column in ("entry", "in", "", "value", "reason", *(("without it",) if verbose else ())):
            table.add_column(column, overflow="fold")
        for row in group:
            more = (row.breaks,) if verbose else ()
            table.add_row(row.name, " ".join(row.netns), row.where, _value(row), _reason(row), *more)
        console.print(table)
        console.print()
    overridden = [row for row in found if row.package]
    if overridden:
        looser = sum(row.looser for row in overridden)
        click.echo(f"{len(overridden)} overridden, of which {looser} looser than the package's")


def _groups(found: tuple[Row, ...]) -> Iterator[tuple[str, list[Row]]]:
    sysctls = [row for row in found if row.what == "sysctl"]
    yield "Kernel parameters", [row for row in sysctls if not row.unwritten]
    yield "Base chains", [row for row in found if row.what == "chain"]
    yield "Limits", [row for row in found if row.what == "limit"]
    yield UNWRITTEN, [row for row in sysctls if row.unwritten]


def _value(row: Row) -> str:
    if not row.package:
        return row.value
    return f"{row.value} ({'looser than' if row.looser else 'instead of'} {row.package})"


def _reason(row: Row) -> str:
    return row.because or row.unwritten or row.reason


def as_markdown(found: tuple[Row, ...]) -> str:
    """The tables of docs/policy.md."""
    return "\n".join(_tables(found)).rstrip("\n") + "\n"


def _tables(found: tuple[Row, ...]) -> Iterator[str]:
    for title, group in _groups(found):
        if group:
            where = {"sysctl": "links", "chain": "type, hook, priority", "limit": "unit"}[group[0].what]
            last = "why not" if title == UNWRITTEN else "shown by"
            yield f"## {title}\n"
            yield f"| entry | in | {where} | value | reason | without it | {last} |"
            yield "| --- | --- | --- | --- | --- | --- | --- |"
            yield from map(_line, group)
            yield ""


def _line(row: Row) -> str:
    end = row.unwritten or f"`{row.test.rpartition('::')[2]}`"
    kinds, reason = ", ".join(row.netns), row.because or row.reason
    cells = (f"`{row.name}`", kinds, row.where, _value(row), reason, row.breaks, end)
    return f"| {' | '.join(cells)} |"
