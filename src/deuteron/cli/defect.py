"""An error that nobody foresaw: told by files and lines, kept whole where only the owner reads it.

A traceback quotes values: of an exception's text, of the line that failed.  They may be a tenant's.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from deuteron.cli.settings import last_state_path
from deuteron.edge import crossing
from deuteron.errors import DeuteronError
from deuteron.files import Purpose, check_directory, replace
from deuteron.logs.record import places

#: In the state directory.
DEFECTS: Final = "defects"
#: How many are kept: one that comes again and again does not fill the disk.
KEPT: Final = 100


def tell_defect(error: BaseException) -> None:
    """Print what the error is and where, without a value; keep all of it in a file of mode 0600."""
    for place in places(error.__traceback__):
        click.echo(f"    at {place}", err=True)
    click.echo(f"deuteron: {type(error).__name__}; {_kept(error)} [defect]", err=True)


def tell_defects_elsewhere() -> None:
    """Have what a thread or a destructor fails with told and kept in the same way.

    Python would print the exception's text.  A watch has these as records instead, see
    :func:`deuteron.logs.setup.take_over`.
    """

    def tell(failed: threading.ExceptHookArgs | sys.UnraisableHookArgs) -> None:
        # CPython may have no instance at hand where it was short of memory.
        tell_defect(failed.exc_value if failed.exc_value is not None else failed.exc_type())

    threading.excepthook = tell
    sys.unraisablehook = tell


def keep_defect(state_dir: Path, error: BaseException) -> bool:
    """Keep all of what a thread or a destructor of a process that goes on has failed with.

    Returns:
        Whether it is kept: the disk may be full, or the directory not ours.
    """
    try:
        _keep(error, state_dir)
    except (OSError, DeuteronError):
        return False
    return True


def _kept(error: BaseException) -> str:
    sentence = "this is a defect of deuteron, please report it with the lines above"
    try:
        file = _keep(error, _directory())
    except (OSError, DeuteronError):
        return f"{sentence}; its text could not be kept, the state directory does not take it"
    return f"{sentence}; its whole text, which may hold names and addresses, is in {file}"


def _keep(error: BaseException, state_dir: Path) -> Path:
    """Write the traceback, with its values; the oldest ones go where there are too many.

    Raises:
        DeuteronError: the directory is not safe to use.
        OSError: it cannot be written.
    """
    file = state_dir / DEFECTS / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{os.getpid()}.txt"
    check_directory(file.parent, make=True)
    text = "".join(traceback.format_exception(error))
    replace(file, text.encode("utf-8", "backslashreplace"), Purpose.STATE)
    for old in sorted(file.parent.glob("*.txt"))[:-KEPT]:
        with crossing("file.unlink"):
            old.unlink(missing_ok=True)
    return file


def _directory() -> Path:
    """The state directory, as far as it is known outside of a verb, or before it has asked for it."""
    named = os.environ.get("DEUTERON_STATE_DIR", "")
    return last_state_path(Path(named) if named else None)
