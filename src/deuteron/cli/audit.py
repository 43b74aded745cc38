"""``deuteron audit``: does this host keep what is promised, and with which evidence?"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from deuteron.audit.baseline import Baseline, read_baseline
from deuteron.audit.facts import Facts, Places
from deuteron.audit.run import all_checks, audit
from deuteron.cli.options import state_dir_option
from deuteron.cli.session import real_kernel
from deuteron.cli.settings import loaded
from deuteron.config import Config, load
from deuteron.config.read import VARIABLE, default_file
from deuteron.errors import DeuteronError
from deuteron.files import Purpose, replace
from deuteron.report import FORMS, Form, Report, render
from deuteron.report.text import MARKS
from deuteron.state.directory import default_state_dir, utc_now

_COLOURS: Final[Mapping[str, str]] = {
    MARKS["fail"]: "red",
    MARKS["unknown"]: "yellow",
    MARKS["accepted"]: "magenta",
    MARKS["pass"]: "green",
}


@click.command("audit")
@click.option(
    "-o",
    "--output",
    type=click.Choice(tuple(FORMS)),
    default="text",
    show_default=True,
    help="How to tell it.",
)
@click.option(
    "--output-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it there, mode 0600, instead of to standard output.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What is known and accepted, each with a reason and an end.",
)
@state_dir_option
def audit_command(
    output: Form, output_file: Path | None, baseline: Path | None, state_dir: Path | None
) -> None:
    """Check whether this host keeps what is promised, and write nothing.

    Leaks and half-made objects, kernel parameters and rules, locks and the state, logs, the
    installed code, files and processes: docs/audit.md lists every check. Evidence is pseudonyms
    and counts, so that a report can be handed on. What cannot be found out is unknown, never passed.

    The baseline is a TOML file with [[accepted]] tables: check, reason, until (a date), and evidence,
    a line of it or a pattern. After its last day it is a finding again.

    Exit status: 0 nothing failed, 3 something did.

    \b
    deuteron audit
    deuteron audit -o html --output-file audit.html
    deuteron audit -o sarif --baseline /etc/deuteron/baseline.toml
    """
    report = examine(state_dir, baseline)
    text = render(report, output)
    if output_file is not None:
        replace(output_file, text.encode(), Purpose.STATE)
    elif output == "text":
        for line in text.splitlines():
            click.secho(line, fg=_COLOURS.get(line[:1]))
    else:
        click.echo(text, nl=False)
    sys.exit(0 if report.clean else 3)


def examine(state_dir: Path | None, baseline: Path | None = None) -> Report:
    """Make every check on this host.

    Raises:
        InputError: ``bad-baseline``.
    """
    found = places(state_dir)
    accepted = baseline or found.config.audit.baseline
    known = [check.id for check in all_checks()]
    return audit(
        Facts(found, real_kernel, utc_now()),
        Baseline() if accepted is None else read_baseline(accepted, known),
    )


def places(state_dir: Path | None) -> Places:
    """Where things are; a configuration that is refused is a finding, and not the end."""
    file = loaded().file or _config_file(os.environ)
    config, trouble = Config(), None
    try:
        config = load(loaded().file).config
    except DeuteronError as refused:
        trouble = refused
    return Places(
        state_dir=(state_dir or config.state_dir or default_state_dir()).absolute(),
        config=config,
        config_file=file,
        config_trouble=trouble,
    )


def _config_file(environment: Mapping[str, str]) -> Path | None:
    named = environment.get(VARIABLE)
    if named is None:
        return default_file(environment)
    return Path(named) if named else None
