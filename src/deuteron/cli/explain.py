"""``deuteron explain``: what an error code means, and the next step."""

from __future__ import annotations

import errno
import os
from difflib import get_close_matches
from pathlib import Path

import click

from deuteron.cli import output as out
from deuteron.cli.options import output_option, state_dir_option
from deuteron.cli.sentences import last_sentence
from deuteron.cli.settings import state_path
from deuteron.codes import Code, codes
from deuteron.errors import InputError
from deuteron.reconcile.words import plain


@click.command("explain")
@click.argument("code", metavar="CODE")
@state_dir_option
@output_option
def explain_command(code: str, state_dir: Path | None, output: str) -> None:
    """Tell what CODE, an error code of a message or a log, means and what to do next.

    Who may read the state directory is also told what a watch would have said of it last.

    \b
    deuteron explain foreign-name
    """
    code = code.strip("[]")
    found = codes().get(code) or _of_kernel(code)
    if found is None:
        near = get_close_matches(code, codes(), n=1)
        hint = f"did you mean {near[0]}?" if near else "docs/errors.md lists all of them"
        raise InputError("unknown-code", f"there is no error code {code!r}; {hint}")
    last = last_sentence(state_path(state_dir), code)
    if output == "json":
        out.json({"version": 1, "code": code, "meaning": found.meaning, "next": found.next, "last": last})
        return
    click.echo(f"{code}: {found.meaning}\nnext: {found.next}")
    if last is not None:
        click.echo(f"last here, {last.at.isoformat(timespec='seconds')}: {plain(last.sentence)}")


def _of_kernel(code: str) -> Code | None:
    """An error number's name: the kernel has refused one operation with it, see errno(3)."""
    number = getattr(errno, code.upper(), None)
    if not isinstance(number, int) or not code.islower():
        return None
    return Code(
        section="host",
        meaning=f"the kernel refused an operation: {os.strerror(number)} (error {number})",
        next="`deuteron status` has the sentence that names the operation; then `deuteron doctor`",
    )
