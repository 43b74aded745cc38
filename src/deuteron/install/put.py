"""Laying files down and taking them away: what somebody has changed is never written over."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

import msgspec

from deuteron.edge import crossing
from deuteron.errors import HostError
from deuteron.files import Purpose, absolute, check_directory, read_checked, replace
from deuteron.install.lay import Item, is_untouched

#: What became of a file::
#:
#:     made       it was not there                  removed     it was as it was laid down
#:     renewed    it was as another version laid it  absent      it was not there
#:     as it was  it needed nothing
#:     kept       it is the operator's to change, and he has
#:     differs    somebody has changed it, or it is somebody else's: left
Done = Literal["made", "renewed", "as it was", "kept", "differs", "removed", "absent"]

_LEFT: Final = frozenset({"kept", "differs"})


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one file.

    Attributes:
        item: the file.
        path: where it is, the root that was named included.
        done: see :data:`Done`; of a dry run, what would have been done.
    """

    item: Item
    path: Path
    done: Done

    @property
    def left(self) -> bool:
        """Whether it is there and is not what we would have laid down."""
        return self.done in _LEFT


def put(items: Iterable[Item], root: Path, *, dry_run: bool = False) -> tuple[Outcome, ...]:
    """Lay files down.

    Args:
        items: the files.
        root: the directory that stands for ``/``.
        dry_run: say what would be done.

    Raises:
        HostError: ``unsafe-file`` and its like, others could change what is there; ``not-laid``.
    """
    return tuple(_put(item, root, dry_run) for item in items)


def take_away(
    items: Iterable[Item], root: Path, *, purge: bool = False, dry_run: bool = False
) -> tuple[Outcome, ...]:
    """Take away what is as it was laid down, the last one first.

    Args:
        items: the files.
        root: the directory that stands for ``/``.
        purge: what is there to be changed, and was, as well.
        dry_run: say what would be done.

    Raises:
        HostError: as :func:`put`.
    """
    return tuple(_take(item, root, purge, dry_run) for item in reversed(tuple(items)))


def remove_tree(directory: Path, *, dry_run: bool = False) -> bool:
    """Take a directory away with all that is in it, no link followed; false where there is none.

    Raises:
        HostError: ``unsafe-parent`` and its like; ``not-laid``.
    """
    with _refused(directory):
        try:
            check_directory(directory)
        except FileNotFoundError:
            return False
        if not dry_run:
            with crossing("file.unlink"):
                shutil.rmtree(directory)
        return True


def under(root: Path, path: Path) -> Path:
    """A host's path, below the directory that stands for its ``/``."""
    return absolute(root) / path.relative_to("/")


def _put(item: Item, root: Path, dry_run: bool) -> Outcome:
    path = under(root, item.path)
    with _refused(path):
        done = _due(item, _content(path))
        if done in ("made", "renewed") and not dry_run:
            _make_directory(path.parent, item.directory_mode)
            replace(path, item.content, Purpose.CONFIG, item.mode)
    return Outcome(item=item, path=path, done=done)


def _due(item: Item, found: bytes | None) -> Done:
    if found is None:
        return "made"
    if found == item.content:
        return "as it was"
    if is_untouched(found):
        return "renewed"
    return "kept" if item.operators else "differs"


def _take(item: Item, root: Path, purge: bool, dry_run: bool) -> Outcome:
    path = under(root, item.path)
    with _refused(path):
        found = _content(path)
        if found is None:
            return Outcome(item=item, path=path, done="absent")
        ours = found == item.content or is_untouched(found)
        if not ours and not (purge and item.operators):
            return Outcome(item=item, path=path, done="kept" if item.operators else "differs")
        if not dry_run:
            with crossing("file.unlink"):
                path.unlink()
            if item.operators:
                with suppress(OSError):  # the operator's other files stay, and with them the directory
                    path.parent.rmdir()
    return Outcome(item=item, path=path, done="removed")


def _content(path: Path) -> bytes | None:
    try:
        return read_checked(path, Purpose.CONFIG)
    except FileNotFoundError:
        return None


def _make_directory(path: Path, mode: int) -> None:
    """Make a directory and what leads to it, each in one that nobody else can change."""
    missing = [one for one in (path, *path.parents) if not os.path.lexists(one)]
    for one in reversed(missing):
        check_directory(one.parent)
        with crossing("file.open"):
            one.mkdir(mode=0o700)
        one.chmod(mode if one == path else 0o755)  # whatever the umask


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    """Say in a sentence what the system refuses.

    Raises:
        HostError: ``not-laid``.
    """
    try:
        yield
    except OSError as error:
        raise HostError(
            "not-laid",
            f"{path} cannot be read or written: {error.strerror or error}; run as root,"
            " or name another place (--root DIR)",
        ) from error
