"""``deuteron config``: is the configuration acceptable and safe, what holds, what can be said."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from deuteron.cli import output as out
from deuteron.cli.options import output_option, state_dir_option
from deuteron.cli.settings import checked_paths, loaded
from deuteron.config import Config, Loaded, load
from deuteron.config.document import markdown, written
from deuteron.config.keys import keys
from deuteron.config.paths import Checked
from deuteron.inputs.overrides import read_overrides


@click.group("config")
def config_group() -> None:
    """Check, show or explain the configuration (--config FILE, before the verb, names another)."""


@config_group.command("check")
@state_dir_option
@output_option
def check_command(state_dir: Path | None, output: str) -> None:
    """Check the file, and owner, mode, type and parents of every path that it leads to.

    Exit status: 0 all is well, 2 the file is not acceptable, 3 a path is not safe.

    \b
    deuteron config check
    deuteron --config ./deuteron.toml config check
    """
    of = _read()
    checked = checked_paths(of, state_dir)
    troubles = [one for one in checked if one.trouble is not None]
    if output == "json":
        out.json(
            {"version": 1, "safe": not troubles, "file": _text(of.file), "paths": [*map(_document, checked)]}
        )
    else:
        _print(of, checked)
    sys.exit(3 if troubles else 0)


@config_group.command("show")
@output_option
def show_command(output: str) -> None:
    """Print what holds, key by key, and where each value comes from.

    \b
    deuteron config show
    deuteron config show -o json
    """
    of = _read()
    if output == "json":
        out.json({"version": 1, "file": _text(of.file), "keys": [*_keys(of)]})
        return
    rows = [
        (str(key["key"]), written(_value(of.config, key["key"])) or "-", key["from"]) for key in _keys(of)
    ]
    wide = max(len(name) for name, _value, _from in rows)
    for name, value, source in rows:
        click.echo(f"{name:<{wide}}  {value}  ({source})")


@config_group.command("doc")
def doc_command() -> None:
    """Print every key with its meaning, type, default and an example, in Markdown.

    \b
    deuteron config doc
    """
    click.echo(markdown(), nl=False)


def _read() -> Loaded:
    """The configuration, and the policy that it names."""
    of = load(loaded().file)
    if of.config.policy is not None:
        read_overrides(of.config.policy)
    return of


def _document(one: Checked) -> dict[str, Any]:
    trouble = one.trouble
    return {
        "path": str(one.path),
        "what": one.what,
        "safe": trouble is None,
        "code": trouble.code if trouble else "",
        "error": trouble.message if trouble else "",
    }


def _print(of: Loaded, checked: tuple[Checked, ...]) -> None:
    click.echo(
        f"Configuration: {of.file}" if of.file else "Configuration: no file; all keys have their defaults"
    )
    for one in checked:
        if one.trouble is None:
            click.echo(f"  safe    {one.what} {one.path}")
        else:
            click.secho(f"  UNSAFE  {one.trouble.message} [{one.trouble.code}]", fg="red")


def _keys(of: Loaded) -> list[dict[str, Any]]:
    return [
        {
            "key": key.name,
            "value": _text(_value(of.config, key.name)),
            "from": of.sources[key.name],
            "place": _place(of, key.environment, of.sources[key.name]),
        }
        for key in keys()
    ]


def _place(of: Loaded, variable: str, source: str) -> str:
    return variable if source == "environment" else str(of.file) if source == "file" else ""


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _value(config: Config, name: str) -> Any:
    table, _, key = name.rpartition(".")
    return getattr(getattr(config, table) if table else config, key)
