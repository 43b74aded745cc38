"""Somebody changes what a name leads to while it is opened: it is what was looked at, or it is refused."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from deuteron.edge import guarded
from deuteron.errors import HostError
from deuteron.files import Purpose, open_checked, read_checked, replace, walk
from deuteron.state import State

#: Openings for each race; a check by name is caught within a few of them.
TIMES: Final = 2000


@contextmanager
def meanwhile(swap: Callable[[], None]) -> Iterator[None]:
    """Swap for as long as the block runs."""
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            swap()

    thread = threading.Thread(target=run, name="swapper")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def make_good(path: Path) -> None:
    path.write_bytes(b"good")
    path.chmod(0o600)


def make_open(path: Path) -> None:
    path.write_bytes(b"evil")
    path.chmod(0o666)


def make_link(path: Path) -> None:
    path.symlink_to(path.parent / "evil")


def make_fifo(path: Path) -> None:
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize("evil", [make_open, make_link, make_fifo])
def test_a_file_that_is_swapped_is_the_good_one_or_refused(
    tmp_path: Path, evil: Callable[[Path], None]
) -> None:
    make_good(tmp_path / "evil")  # what the link leads to: acceptable in itself
    (tmp_path / "evil").write_bytes(b"evil")
    path, new = tmp_path / "file", tmp_path / "new"
    make_good(path)

    def swap() -> None:
        for make in (evil, make_good):
            make(new)
            new.rename(path)

    seen: dict[str, int] = {}
    with meanwhile(swap):
        for _ in range(TIMES):
            try:
                outcome = read_checked(path, Purpose.SECRET).decode()
            except HostError as refused:
                outcome = refused.code
            seen[outcome] = seen.get(outcome, 0) + 1
    assert set(seen) <= {"good", "unsafe-file", "unsafe-link", "unsafe-type"}, seen
    assert seen["good"], seen
    assert len(seen) > 1, f"the race never came about: {seen}"


def test_a_directory_that_is_swapped_for_a_link_is_not_gone_through(tmp_path: Path) -> None:
    for name, content in (("real", b"good"), ("evil", b"evil")):
        (tmp_path / name).mkdir(mode=0o700)
        make_good(tmp_path / name / "file")
        (tmp_path / name / "file").write_bytes(content)
    way = tmp_path / "way"

    def swap() -> None:
        (tmp_path / "real").rename(way)
        way.rename(tmp_path / "real")
        way.symlink_to(tmp_path / "evil")
        way.unlink()

    seen: dict[str, int] = {}
    with meanwhile(swap):
        for attempt in range(20 * TIMES):
            if attempt >= TIMES and {"good", "unsafe-link"} <= set(seen):
                break
            try:
                outcome = read_checked(way / "file", Purpose.SECRET).decode()
            except HostError as refused:
                outcome = refused.code
            except FileNotFoundError:
                outcome = "gone"
            seen[outcome] = seen.get(outcome, 0) + 1
    assert set(seen) <= {"good", "gone", "unsafe-link"}, seen
    assert {"good", "unsafe-link"} <= set(seen), f"the race never came about: {seen}"


def test_what_is_made_is_never_what_somebody_else_has_put_there(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "file"
    make_good(victim)

    def swap() -> None:
        with suppress(FileExistsError, FileNotFoundError):
            path.symlink_to(victim)
            path.unlink()

    with meanwhile(swap):
        for _ in range(TIMES // 4):
            try:
                fd = open_checked(path, Purpose.LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            except (HostError, FileNotFoundError, FileExistsError):
                continue
            os.write(fd, b"x")
            os.close(fd)
            path.unlink(missing_ok=True)
    assert victim.read_bytes() == b"good"


def after_the_look(monkeypatch: pytest.MonkeyPatch, swap: Callable[[], None]) -> None:
    """Have the swap happen once, between opening the file by its name and looking at it."""
    look, left = walk.look, [swap]

    def looking(name: str, fd: int, path: Path) -> int:
        opened = look(name, fd, path)
        if name == "file" and left:
            left.pop()()
        return opened

    monkeypatch.setattr(walk, "look", looking)


def test_a_hard_link_that_loses_its_name_is_not_taken_for_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_good(tmp_path / "victim")
    path = tmp_path / "file"
    path.hardlink_to(tmp_path / "victim")
    # The victim's file has one name from here on: not the one that was opened.
    after_the_look(monkeypatch, path.unlink)
    with pytest.raises(FileNotFoundError):
        read_checked(path, Purpose.SECRET)


def test_a_file_that_is_replaced_while_it_is_looked_at_is_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    replace(path, b"old", Purpose.SECRET)
    after_the_look(monkeypatch, lambda: replace(path, b"new", Purpose.SECRET))
    assert read_checked(path, Purpose.SECRET) == b"new"


def test_a_reader_sees_the_file_of_before_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([letter]) * 5000 for letter in b"ab"]
    replace(path, contents[0], Purpose.STATE)

    def swap() -> None:
        for content in contents:
            replace(path, content, Purpose.STATE)

    with meanwhile(swap):
        for _ in range(TIMES // 8):
            assert read_checked(path, Purpose.STATE) in contents
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


class Swap:
    """Puts another file in the place of one, just before an effect."""

    def __init__(self, verb: str, swap: Callable[[], None]) -> None:
        self._verb, self._swap = verb, swap

    def before(self, verb: str) -> None:
        if verb == self._verb:
            self._swap()

    def after(self, verb: str) -> None: ...

    def spoiled(self, verb: str, count: int) -> tuple[int, int] | None: ...


def test_a_database_that_is_replaced_before_it_is_opened_is_refused(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    for path in (mine, other):
        State(path).close()
    before = (other / "state.sqlite").read_bytes()

    def swap() -> None:
        (mine / "state.sqlite").unlink()
        (mine / "state.sqlite").symlink_to(other / "state.sqlite")

    with guarded(Swap("sqlite.open", swap)), pytest.raises(HostError) as refused:
        State(mine)
    assert refused.value.code == "unsafe-link"
    assert (other / "state.sqlite").read_bytes() == before


def test_a_process_that_was_killed_while_it_named_the_database_does_no_harm(tmp_path: Path) -> None:
    State(tmp_path / "state").close()
    file = tmp_path / "state" / "state.sqlite"
    (file.parent / "state.sqlite.new-0123").hardlink_to(file)
    State(file.parent).close()
    assert [one.name for one in file.parent.iterdir()] == ["state.sqlite"]
