"""The matrix of unsafe files: each is refused, and the command in the refusal mends it."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from deuteron.files import Purpose, check, check_directory, open_checked, read_checked, replace
from tests.files.unsafe import STRANGER, mend, needs_root, refusal

FILES = [one for one in Purpose if one.value.type == stat.S_IFREG]
#: Files in directories that others may look into, so that a permission to read means something.
OPEN = 0o755


@pytest.fixture
def place(tmp_path: Path) -> Path:
    made = tmp_path / "place"
    made.mkdir()
    made.chmod(OPEN)
    return made


def good(place: Path, what: Purpose) -> Path:
    path = place / "file"
    path.write_bytes(b"good")
    path.chmod(what.value.mode)
    return path


def opened(path: Path, what: Purpose) -> bytes:
    return read_checked(path, what)


@pytest.mark.parametrize("what", FILES)
def test_a_file_as_it_should_be_is_opened(place: Path, what: Purpose) -> None:
    assert opened(good(place, what), what) == b"good"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o777])
@pytest.mark.parametrize("what", FILES)
def test_a_file_that_others_may_write_is_refused(place: Path, what: Purpose, mode: int) -> None:
    path = good(place, what)
    path.chmod(mode)
    error = refusal(lambda: opened(path, what))
    assert error.code == "unsafe-file"
    mend(error)
    assert opened(path, what) == b"good"


@pytest.mark.parametrize(
    ("what", "mode"),
    [(Purpose.SECRET, 0o640), (Purpose.SECRET, 0o604), *((one, 0o604) for one in FILES[1:])],
)
def test_a_file_that_others_may_read_is_refused_where_it_is_not_for_them(
    place: Path, what: Purpose, mode: int
) -> None:
    path = good(place, what)
    path.chmod(mode)
    error = refusal(lambda: opened(path, what))
    assert error.code == "unsafe-file"
    mend(error)
    assert opened(path, what) == b"good"


def test_in_a_directory_of_ours_alone_a_lock_that_others_could_read_is_no_trouble(place: Path) -> None:
    path = good(place, Purpose.LOCK)
    path.chmod(0o644)
    place.chmod(0o700)
    assert opened(path, Purpose.LOCK) == b"good"
    path.chmod(0o664)
    assert refusal(lambda: opened(path, Purpose.LOCK)).code == "unsafe-file"
    path.chmod(0o644)
    assert refusal(lambda: opened(path, Purpose.SECRET)).code == "unsafe-file"


@needs_root
@pytest.mark.parametrize("what", FILES)
def test_a_file_of_another_user_is_refused(place: Path, what: Purpose) -> None:
    path = good(place, what)
    os.chown(path, STRANGER, STRANGER)
    error = refusal(lambda: opened(path, what))
    assert error.code == "unsafe-file"
    assert f"uid {STRANGER}" in error.message
    mend(error)
    assert opened(path, what) == b"good"


@pytest.mark.parametrize("what", FILES)
def test_a_symbolic_link_is_not_followed(place: Path, what: Purpose) -> None:
    target = good(place, what)
    link = place / "link"
    link.symlink_to(target)
    error = refusal(lambda: opened(link, what))
    assert error.code == "unsafe-link"
    mend(error)
    assert not link.is_symlink()
    assert target.read_bytes() == b"good"


@pytest.mark.parametrize("what", FILES)
def test_a_link_to_nothing_is_not_made_a_file(place: Path, what: Purpose) -> None:
    link = place / "link"
    link.symlink_to(place / "victim")
    assert refusal(lambda: open_checked(link, what, os.O_WRONLY | os.O_CREAT)).code == "unsafe-link"
    assert not (place / "victim").exists()


@pytest.mark.parametrize("what", FILES)
def test_a_file_with_a_second_name_is_refused(place: Path, what: Purpose) -> None:
    path = good(place, what)
    (place / "other").hardlink_to(path)
    error = refusal(lambda: opened(path, what))
    assert error.code == "unsafe-link"
    mend(error)
    assert opened(path, what) == b"good"


def make_fifo(path: Path) -> None:
    os.mkfifo(path, 0o600)


def make_directory(path: Path) -> None:
    path.mkdir(mode=0o700)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
    path.chmod(0o600)


@pytest.mark.parametrize("make", [make_fifo, make_directory, make_socket])
@pytest.mark.parametrize("what", FILES)
def test_what_is_no_file_is_refused_without_being_opened(
    place: Path, what: Purpose, make: Callable[[Path], None]
) -> None:
    path = place / "file"
    make(path)
    # Opening a FIFO would wait for a writer, for ever.
    error = refusal(lambda: opened(path, what))
    assert error.code == "unsafe-type"
    mend(error)
    assert not path.exists()


@pytest.mark.parametrize("what", FILES)
def test_a_device_is_refused(what: Purpose) -> None:
    error = refusal(lambda: opened(Path("/dev/null"), what))
    assert error.code == "unsafe-type"
    assert "character device" in error.message


def test_a_socket_is_looked_at_without_being_opened(place: Path) -> None:
    path = place / "socket"
    make_socket(path)
    assert stat.S_ISSOCK(check(path, Purpose.SOCKET).st_mode)
    path.chmod(0o666)
    error = refusal(lambda: check(path, Purpose.SOCKET))
    assert error.code == "unsafe-file"
    mend(error)
    check(path, Purpose.SOCKET)
    assert refusal(lambda: check(good(place, Purpose.STATE), Purpose.SOCKET)).code == "unsafe-type"


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("what", [Purpose.CONFIG, Purpose.SECRET, Purpose.STATE])
def test_a_directory_on_the_way_that_others_may_write_is_refused(
    place: Path, what: Purpose, depth: int, mode: int
) -> None:
    deep = place.joinpath(*["below"] * depth)
    deep.mkdir(parents=True, exist_ok=True)
    path = good(deep, what)
    place.chmod(mode)
    error = refusal(lambda: opened(path, what))
    assert error.code == "unsafe-parent"
    assert str(place) in error.message
    mend(error)
    assert opened(path, what) == b"good"


def test_in_a_sticky_directory_only_what_is_ours_is_taken(place: Path) -> None:
    path = good(place, Purpose.CONFIG)
    place.chmod(0o1777)
    assert opened(path, Purpose.CONFIG) == b"good"


@needs_root
def test_in_a_sticky_directory_what_is_anothers_is_refused(place: Path) -> None:
    place.chmod(0o1777)
    below = place / "below"
    below.mkdir()
    path = good(below, Purpose.STATE)
    os.chown(below, STRANGER, STRANGER)
    assert refusal(lambda: opened(path, Purpose.STATE)).code == "unsafe-parent"
    assert refusal(lambda: check_directory(below)).code == "unsafe-file"


@needs_root
@pytest.mark.parametrize("what", [Purpose.CONFIG, Purpose.SECRET, Purpose.STATE])
def test_a_directory_of_another_user_on_the_way_is_refused(place: Path, what: Purpose) -> None:
    below = place / "below"
    below.mkdir()
    path = good(below, what)
    os.chown(place, STRANGER, STRANGER)
    error = refusal(lambda: opened(path, what))
    assert error.code == "unsafe-parent"
    mend(error)
    assert opened(path, what) == b"good"


@needs_root
def test_a_configuration_in_a_services_directory_is_refused(place: Path) -> None:
    # The service could give itself what root would then read.
    path = good(place, Purpose.CONFIG)
    os.chown(place, STRANGER, STRANGER)
    assert refusal(lambda: opened(path, Purpose.CONFIG)).code == "unsafe-parent"


@pytest.mark.parametrize("what", FILES)
def test_a_link_on_the_way_is_not_followed(place: Path, what: Purpose) -> None:
    target = place / "target"
    target.mkdir()
    good(target, what)
    (place / "link").symlink_to(target)
    error = refusal(lambda: opened(place / "link" / "file", what))
    assert error.code == "unsafe-link"
    assert f"realpath {place / 'link'}" in error.message


def test_dots_lead_where_they_say(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = good(place, Purpose.CONFIG)
    monkeypatch.chdir(place)
    assert opened(Path("file"), Purpose.CONFIG) == b"good"
    assert opened(place / ".." / place.name / "." / "file", Purpose.CONFIG) == b"good"
    assert opened(Path("/..") / path.relative_to("/"), Purpose.CONFIG) == b"good"


def test_a_name_with_spaces_and_quotes_is_mended_as_well(place: Path) -> None:
    odd = place / 'it\'s a "place" $HOME'
    odd.mkdir()
    path = good(odd, Purpose.SECRET)
    path.chmod(0o644)
    mend(refusal(lambda: opened(path, Purpose.SECRET)))
    assert opened(path, Purpose.SECRET) == b"good"


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
@pytest.mark.parametrize("what", FILES)
def test_a_file_is_made_with_its_mode_whatever_the_umask(place: Path, what: Purpose, umask: int) -> None:
    before = os.umask(umask)
    try:
        os.close(open_checked(place / "made", what, os.O_WRONLY | os.O_CREAT))
        replace(place / "replaced", b"all of it", what)
        check_directory(place / "a" / "b", make=True)
    finally:
        os.umask(before)
    assert stat.S_IMODE((place / "made").stat().st_mode) == what.value.mode
    assert stat.S_IMODE((place / "replaced").stat().st_mode) == what.value.mode
    assert stat.S_IMODE((place / "a" / "b").stat().st_mode) == 0o700
    assert opened(place / "replaced", what) == b"all of it"


def test_a_link_in_the_place_of_what_is_replaced_is_replaced_itself(place: Path) -> None:
    victim = good(place, Purpose.STATE)
    (place / "link").symlink_to(victim)
    replace(place / "link", b"new", Purpose.STATE)
    assert victim.read_bytes() == b"good"
    assert opened(place / "link", Purpose.STATE) == b"new"
    assert sorted(one.name for one in place.iterdir()) == ["file", "link"]


def test_what_is_too_large_is_no_configuration(place: Path) -> None:
    path = good(place, Purpose.CONFIG)
    with path.open("wb") as stream:
        stream.truncate((1 << 20) + 1)
    assert refusal(lambda: opened(path, Purpose.CONFIG)).code == "unsafe-type"


def test_what_is_not_there_is_just_not_there(place: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        opened(place / "none" / "file", Purpose.CONFIG)
    assert missing.value.filename == str(place / "none")
    with pytest.raises(NotADirectoryError):
        opened(good(place, Purpose.CONFIG) / "file", Purpose.CONFIG)
