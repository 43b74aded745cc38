"""The configuration that holds for this run of a verb, and reading it again."""

from __future__ import annotations

import socket
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

import click

from deuteron.config import Config, Loaded, load
from deuteron.config.paths import Checked, check_paths, unsafe
from deuteron.state.directory import default_state_dir
from deuteron.state.host import RUN_DIR

#: Verbs that touch nothing of ours, or tell of the configuration themselves.
_WITHOUT: Final = frozenset({"audit", "config", "demo", "review", "explain"})
#: Parameters of verbs that a key of the configuration is the default of.
_DEFAULTS: Final = ("parallel", "interval", "state_dir")
#: Where the root context keeps what was read.
_KEPT: Final = "deuteron.settings"
#: What a verb has asked for, for whoever tells how the process has ended.
_IN_USE: Final[ContextVar[Path | None]] = ContextVar("state directory", default=None)


def begin(context: click.Context, file: Path | None) -> None:
    """Read the configuration before a verb runs; its keys become the defaults of the verb's options.

    Raises:
        InputError: it is not acceptable; see :func:`deuteron.config.read.load`.
        HostError: it is not safe.
    """
    context.meta[_KEPT] = Loaded(config=Config(), file=file, sources={})
    if context.invoked_subcommand in _WITHOUT:
        return
    context.meta[_KEPT] = load(file)
    if isinstance(context.command, click.Group):
        context.default_map = _default_map(context.command, _values(context.meta[_KEPT]))


def loaded() -> Loaded:
    """What was read for this run; the defaults outside of one (a program that uses the package)."""
    context = click.get_current_context(silent=True)
    kept = None if context is None else context.meta.get(_KEPT)
    return kept if isinstance(kept, Loaded) else Loaded(config=Config(), file=None, sources={})


def settings() -> Config:
    """The configuration of this run."""
    return loaded().config


def host_name() -> str:
    """This host, as in ``binding:host_id``: as configured, or its own name."""
    return settings().host or socket.gethostname()


def state_path(state_dir: Path | None) -> Path:
    """The state directory that was named, the configuration's, or this user's."""
    path = state_dir or settings().state_dir or default_state_dir()
    _IN_USE.set(path)
    return path


def last_state_path(state_dir: Path | None) -> Path:
    """The state directory of the verb that has run, its context being gone.

    Args:
        state_dir: the one to take where it had not asked for it yet.
    """
    return _IN_USE.get() or state_dir or default_state_dir()


def checked_paths(of: Loaded, state_dir: Path | None) -> tuple[Checked, ...]:
    """Every path that this configuration leads to, looked at."""
    path = state_dir or of.config.state_dir or default_state_dir()
    return check_paths(of.config, config_file=of.file, state_dir=path, run_dir=RUN_DIR)


def check_now(state_dir: Path | None) -> None:
    """Refuse to go on where somebody else could change or read what decides.

    Raises:
        HostError: ``unsafe-file`` and its like, with the command that mends it.
    """
    trouble = unsafe(checked_paths(loaded(), state_dir))
    if trouble is not None:
        raise trouble


def reload(state_dir: Path | None) -> Config:
    """Read the configuration again from where it was read, and look at all paths again (SIGHUP).

    Args:
        state_dir: the one in use.

    Returns:
        What holds from now on, also for :func:`settings`.

    Raises:
        DeuteronError: it is not acceptable or not safe; what held before still holds.
    """
    context = click.get_current_context(silent=True)
    # None where there was no file: there may be one at the default place by now.
    new = load(loaded().file)
    trouble = unsafe(checked_paths(new, state_dir))
    if trouble is not None:
        raise trouble
    if context is not None:
        context.meta[_KEPT] = new
    return new.config


def _values(of: Loaded) -> dict[str, Any]:
    """What the configuration says of options; a key at its default leaves the option its own."""
    return {name: getattr(of.config, name) for name in _DEFAULTS if of.sources.get(name) != "default"}


def _default_map(group: click.Group, values: dict[str, Any]) -> dict[str, Any]:
    """Click's form: for each verb what its options are by default."""
    return {
        name: _default_map(command, values) if isinstance(command, click.Group) else values
        for name, command in group.commands.items()
    }
