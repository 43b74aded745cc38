"""``deuteron review``: the six considerations over somebody's Python files."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import click

from deuteron.errors import HostError
from deuteron.report import Form, Report, render


@click.command("review")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "sarif", "html"]),
    default="text",
    show_default=True,
    help="How to print.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    help="A report of before (-o json): what is in it is only counted.",
)
@click.option(
    "--settings",
    type=click.Path(path_type=Path),
    help="A pyproject.toml with [tool.bandit], or Bandit's YAML file.",
)
@click.option("--with-bandit", is_flag=True, help="Bandit's own tests too.")
def review_command(
    paths: tuple[Path, ...], output: Form, baseline: Path | None, settings: Path | None, with_bandit: bool
) -> None:
    """Look for faults of network services in Python files.

    What is not released in every case, settings by command line, state beside its lock, addresses
    in logs, open work, files without care. Nothing is run of what is reviewed. A place
    that is as it should be is marked in its line: # nosec R101 # the reason.

    Exit status 3 where something is found.

    \b
    deuteron review src
    deuteron review -o sarif src > review.sarif
    """
    report = reviewed(paths, baseline, settings, with_bandit=with_bandit)
    click.echo(render(report, output), nl=False)
    sys.exit(0 if report.clean else 3)


def reviewed(
    paths: tuple[Path, ...], baseline: Path | None, settings: Path | None, *, with_bandit: bool
) -> Report:
    """The report on these paths.

    Raises:
        HostError: ``review-missing``: Bandit is not installed.
        InputError: a path, the baseline or the settings are not acceptable.
    """
    try:
        from deuteron.review.baseline import read_baseline
        from deuteron.review.run import review
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("bandit", "stevedore"):
            raise
        raise HostError(
            "review-missing",
            "Bandit, which walks the files, is not installed: `pip install 'deuteron[review]'`",
        ) from None
    accepted = read_baseline(baseline) if baseline else frozenset()
    return review(
        paths, version=version("deuteron"), settings=settings, others=with_bandit, accepted=accepted
    )
