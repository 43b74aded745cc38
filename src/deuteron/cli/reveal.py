"""``deuteron reveal``: what the pseudonyms of a log stand for, for who may read the state."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from deuteron.agent.known_things import things_in_state
from deuteron.agent.reveal import Revealed, reveal
from deuteron.cli import output as out
from deuteron.cli.options import output_option, state_dir_option
from deuteron.cli.records import configured, key_file_option, revealing_keys
from deuteron.cli.session import known_state, nothing_applied
from deuteron.cli.settings import state_path
from deuteron.errors import InputError
from deuteron.logs.pseudonym import kind_of
from deuteron.logs.trail import TRAIL_FILE, Asked, note, who
from deuteron.reconcile.words import plain
from deuteron.state.directory import utc_now
from deuteron.state.quarantine import Quarantined


@click.command("reveal")
@click.argument("tokens", metavar="TOKEN...", nargs=-1, required=True)
@key_file_option
@state_dir_option
@output_option
def reveal_command(
    tokens: tuple[str, ...], key_file: Path | None, state_dir: Path | None, output: str
) -> None:
    """Tell what TOKEN, a pseudonym of a log, stands for, and why it is not as wanted.

    All that was applied or is about to be is looked through, under the key in use and those of
    before.  That you have asked is written to reveal.log in the state directory first.

    \b
    deuteron reveal router-7f3k9q2mvd
    journalctl -u deuteron -o cat | grep unit-failed
    """
    kinds = {kind for token in tokens if (kind := kind_of(token)) is not None}
    refused = [token for token in tokens if kind_of(token) is None]
    if refused:
        raise InputError(
            "bad-pseudonym",
            f"{refused[0]!r} is no pseudonym; one is a kind and ten letters, like router-7f3k9q2mvd",
        )
    with known_state(state_dir) as state:
        if state is None:
            raise nothing_applied(state_path(state_dir))
        keys = revealing_keys(configured(), state.path, key_file)
        note(state.path / TRAIL_FILE, Asked(at=utc_now(), who=who(), what="reveal", tokens=tokens))
        found = reveal(tokens, things_in_state(state, kinds), keys, state.quarantine())
    if output == "json":
        out.json({"version": 1, "tokens": found})
    else:
        for one in found:
            click.echo("\n".join(_lines(one)))
    sys.exit(0 if all(one.value for one in found) else 1)


def _lines(one: Revealed) -> Iterator[str]:
    if not one.value:
        yield f"{one.token}: nothing that is known here; it may be gone, or of another host"
        return
    yield f"{one.token}: {plain(one.known_as[0])}"
    for more in one.known_as[1:]:
        yield f"    {plain(more)}"
    for failure in one.failures:
        yield from _failure(failure)


def _failure(failure: Quarantined) -> Iterator[str]:
    since, following = (at.isoformat(timespec="seconds") for at in (failure.since, failure.next))
    yield f"    failed: {plain(failure.error)} [{failure.code}]"
    yield f"    since {since}, attempts: {failure.attempts}, next not before {following}"
    for line in failure.left:
        yield f"    left: {plain(line)}"
