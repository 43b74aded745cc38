"""``deuteron keys``: the keys that pseudonyms are made with."""

from __future__ import annotations

from pathlib import Path

import click

from deuteron.cli import output as out
from deuteron.cli.options import output_option, state_dir_option
from deuteron.cli.records import configured, key_file_option, key_path, known_keys
from deuteron.cli.settings import state_path
from deuteron.logs import key
from deuteron.logs.key import Keys
from deuteron.logs.trail import TRAIL_FILE, Asked, note, who
from deuteron.state.directory import utc_now


@click.group("keys")
def keys_command() -> None:
    """The keys of the pseudonyms in logs."""


@keys_command.command("list")
@key_file_option
@state_dir_option
@output_option
def list_command(key_file: Path | None, state_dir: Path | None, output: str) -> None:
    """Since when there is each key, the one in use last; never the keys."""
    _print(known_keys(configured(), state_path(state_dir), key_file), output)


@keys_command.command("rotate")
@key_file_option
@state_dir_option
@output_option
def rotate_command(key_file: Path | None, state_dir: Path | None, output: str) -> None:
    """Make a new key; things have other pseudonyms from then on.

    The keys of before are kept, so that `deuteron reveal` still tells the old pseudonyms.  A watch
    takes the new key when it reads its file again (SIGHUP).
    """
    directory = state_path(state_dir)
    path = key_path(configured(), directory, key_file)
    note(directory / TRAIL_FILE, Asked(at=utc_now(), who=who(), what="rotate"))
    _print(key.rotate(path), output)


def _print(keys: Keys, output: str) -> None:
    made = [one.made.isoformat(timespec="seconds") for one in keys.keys]
    if output == "json":
        out.json({"version": 1, "keys": [{"made": at, "in_use": at is made[-1]} for at in made]})
        return
    for number, at in enumerate(made, 1):
        click.echo(f"{number} since {at}{'  in use' if number == len(made) else ''}")
