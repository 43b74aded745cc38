"""How things are printed: colours by a line's first character, notices, JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import click
import msgspec

from deuteron.apply import Refusal

_COLOURS: Final = {"+": "green", "~": "yellow", "-": "red", ">": "cyan"}


def lines(text: str) -> None:
    """Print a drawn plan, coloured where the terminal can."""
    for line in text.splitlines():
        click.secho(line, fg=_COLOURS.get(line[:1]), bold=bool(line[:1].strip()) and line[:1] not in _COLOURS)


def notices(sentences: Iterable[str]) -> None:
    """What the reader should know about the input, on standard error."""
    for sentence in sentences:
        click.secho(f"note: {sentence}", fg="yellow", err=True)


def refusals(refused: Iterable[Refusal]) -> None:
    """Each unit that cannot be tried, on standard error."""
    for one in refused:
        click.echo(f"deuteron: {one.title} is refused: {one.error} [{one.code}]", err=True)


def json(document: object) -> None:
    """Print a value as one JSON document."""
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
