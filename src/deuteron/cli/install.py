"""``deuteron install`` and ``deuteron uninstall``: the files of the service, laid down and taken away."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from shlex import quote
from typing import Final

import click

from deuteron.cli import output as out
from deuteron.cli.options import output_option
from deuteron.cli.settings import state_path
from deuteron.errors import HostError
from deuteron.files import absolute
from deuteron.install.lay import (
    API_DIRS,
    API_USER,
    LOG_DIR,
    UNIT,
    UNITS,
    USER,
    Kind,
    commands,
    laid,
    lay,
)
from deuteron.install.put import Outcome, put, remove_tree, take_away, under
from deuteron.install.standing import Standing, enabled, is_roots, out_of_reach, standing
from deuteron.state.directory import default_state_dir
from deuteron.state.host import RUN_DIR

_ROOT: Final = Path("/")
_RUN: Final = Path("/run")
_WHY_KEPT: Final = "with what is in it; --purge removes it"

root_option = click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=_ROOT,
    metavar="DIR",
    help="The directory that stands for / (to make a package or an image).",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
program_option = click.option(
    "--program",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="What the unit starts (default: this program).",
)


@click.command("install")
@click.option(
    "--serve",
    is_flag=True,
    help="The API and the agent of `deuteron serve`, a service each, in the place of the watch.",
)
@root_option
@program_option
@dry_run_option
@output_option
def install_command(serve: bool, root: Path, program: Path | None, dry_run: bool, output: str) -> None:
    """Lay down what makes `apply --watch`, or `serve`, a service of systemd.

    Units, users, directories and a configuration; nothing is started. What somebody has changed
    is not written over. Run again, it does nothing, or lays anew what a newer version has changed.

    \b
    deuteron install --dry-run
    deuteron install
    deuteron install --serve
    deuteron install --root build/tree --program /usr/bin/deuteron
    """
    started = absolute(program) if program is not None else own_program()
    kind: Kind = "serve" if serve else "watch"
    items = lay(started, kind)
    done = put(items, root, dry_run=dry_run)
    to_run = _to_run(absolute(root), kind)
    if output == "json":
        out.json(_document(done, dry_run, to_run))
    else:
        _print(done, dry_run)
        _print_left(done, started, kind)
        changed = any(one.done in ("made", "renewed") for one in done)
        _print_commands(
            "Now run, as root:" if changed else "Where it has not been done yet, as root:", to_run
        )
    if program is None and absolute(root) == _ROOT:
        out.notices(out_of_reach(started))


@click.command("uninstall")
@root_option
@dry_run_option
@click.option("--purge", is_flag=True, help="The changed configuration, the state and the logs as well.")
@output_option
def uninstall_command(root: Path, dry_run: bool, purge: bool, output: str) -> None:
    """Take away what `deuteron install` has laid down.

    What somebody has changed stays, and so do state and logs, unless --purge is given. The service has
    to be stopped first; before --purge also what is applied has to be destroyed.

    \b
    deuteron uninstall --dry-run
    deuteron uninstall
    deuteron uninstall --purge
    """
    state_dir = _state_dir()
    _refuse_while_used(standing(absolute(root), state_dir), dry_run=dry_run, purge=purge)
    done = take_away(laid(own_program(), absolute(root)), root, purge=purge, dry_run=dry_run)
    trees = _trees(absolute(root), state_dir, purge=purge, dry_run=dry_run)
    to_run = _to_run_after(absolute(root), done, purge=purge)
    if output == "json":
        directories = [{"path": str(path), "done": became} for path, became in trees]
        out.json(_document(done, dry_run, to_run) | {"directories": directories})
        return
    _print(done, dry_run, trees)
    _print_commands(
        "What somebody has changed is left; if nobody wants it:", map(_removal, filter(_left, done))
    )
    _print_commands("Now run, as root:", to_run)


def own_program() -> Path:
    """This program, by the path that it was called by: that stays right when what it leads to is replaced."""
    called = Path(sys.argv[0])
    return absolute(called if called.name == "deuteron" else Path(sysconfig.get_path("scripts")) / "deuteron")


def _state_dir() -> Path:
    """The host's: that of the configuration, or root's."""
    found = state_path(None)
    return Path("/var/lib/deuteron") if found == default_state_dir() else absolute(found)


def _to_run(root: Path, kind: Kind = "watch") -> tuple[str, ...]:
    todo = list(commands(root, kind))
    if others := [one for one in enabled(root) if one not in UNITS[kind]]:
        # One at a time programs a host.
        disable = "systemctl disable --now" if root == _ROOT else f"systemctl --root={root} disable"
        todo.insert(len(todo) - 1, f"{disable} {' '.join(others)}")
    if root == _ROOT and is_roots(root, _state_dir()):
        todo.insert(2, f"chown -hR {USER}: {quote(str(_state_dir()))} {RUN_DIR}")
    return tuple(todo)


def _to_run_after(root: Path, done: Iterable[Outcome], *, purge: bool) -> tuple[str, ...]:
    if root != _ROOT or not any(one.done == "removed" for one in done):
        return ()
    users = (USER, API_USER) if Path("/var/lib/deuteron-api").is_dir() else (USER,)
    return ("systemctl daemon-reload", *([f"userdel {one}" for one in users] if purge else []))


def _refuse_while_used(found: Standing, *, dry_run: bool, purge: bool) -> None:
    """Say first what has to be stopped and destroyed.

    Raises:
        HostError: ``still-in-use``.
    """
    first: list[str] = []
    if found.watches or found.enabled:
        units = " ".join(found.enabled or (UNIT,))
        first.append(f"the watch runs or is enabled: systemctl disable --now {units}")
    if found.committed and purge:
        first.append("what is applied would be forgotten: deuteron destroy")
    if first and not dry_run:
        raise HostError("still-in-use", f"{'; '.join(first)}; run that, then uninstall again")
    if found.committed and not purge:
        first.append("what is applied stays, and nobody repairs it; to take it away: deuteron destroy")
    out.notices(first)


def _trees(root: Path, state_dir: Path, *, purge: bool, dry_run: bool) -> list[tuple[Path, str]]:
    """State and logs: kept, or removed with ``--purge``."""
    places = [under(root, one) for one in (state_dir, LOG_DIR, *API_DIRS, RUN_DIR)]
    if purge:
        return [(one, "removed") for one in places if remove_tree(one, dry_run=dry_run)]
    run = under(root, _RUN)
    return [(one, "kept") for one in places if not one.is_relative_to(run) and one.is_dir()]


def _document(done: Iterable[Outcome], dry_run: bool, to_run: Iterable[str]) -> dict[str, object]:
    files = [
        {
            "path": str(one.path),
            "done": one.done,
            "mode": f"{one.item.mode:04o}",
            "owner": one.item.owner,
            "why": one.item.why,
        }
        for one in done
    ]
    return {"version": 1, "dry_run": dry_run, "files": files, "commands": list(to_run)}


def _print(done: Iterable[Outcome], dry_run: bool, trees: Iterable[tuple[Path, str]] = ()) -> None:
    if dry_run:
        click.echo("Nothing is done yet; this would be:")
    rows: list[tuple[str, str, str]] = [(one.done, str(one.path), one.item.why) for one in done]
    rows += [(became, str(path), _WHY_KEPT if became == "kept" else "") for path, became in trees]
    width = max(len(path) for _, path, _ in rows)
    for became, path, why in rows:
        click.echo(f"{became:<9}  {path:<{width}}  {why}".rstrip())


def _left(one: Outcome) -> bool:
    return one.left


def _removal(one: Outcome) -> str:
    return f"rm {quote(str(one.path))}"


def _print_left(done: Iterable[Outcome], program: Path, kind: Kind) -> None:
    left = [one for one in done if one.left]
    if not left:
        return
    serve = " --serve" if kind == "serve" else ""
    beside = f"d=$(mktemp -d); {program} install{serve} --root $d --program {program} >/dev/null"
    differences = (f"diff -u $d{one.item.path} {quote(str(one.path))}" for one in left)
    _print_commands(
        "Somebody has changed these, so they are left; how we would have them:", (beside, *differences)
    )


def _print_commands(title: str, todo: Iterable[str]) -> None:
    lines = [f"  {one}" for one in todo]
    if lines:
        click.echo("\n".join(["", title, *lines]))
