"""What stands in the way of a service, told before it fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deuteron.cli.install import _to_run
from deuteron.errors import InputError
from deuteron.install import standing
from deuteron.install.lay import is_untouched, lay, sealed
from deuteron.install.standing import is_roots, out_of_reach
from deuteron.state import State
from tests.support.users import mapped


@pytest.fixture
def program(tmp_path: Path) -> Path:
    made = tmp_path / "bin" / "deuteron"
    made.parent.mkdir()
    made.write_text("#!/bin/sh\n")
    made.chmod(0o755)
    return made


def faults(program: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of the program alone: where pytest itself lies is not asked."""
    monkeypatch.setattr("sys.executable", str(program))
    monkeypatch.setattr(standing, "_package", lambda: program)
    return [one for one in out_of_reach(program) if str(program) in one]


def test_a_program_that_the_service_cannot_reach_is_told(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.parent.chmod(0o700)
    (told,) = faults(program, monkeypatch)
    assert f"{program.parent} has mode 0700" in told


def test_a_program_that_others_can_replace_is_told(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program.chmod(0o777)
    (told,) = faults(program, monkeypatch)
    assert f"chown root {program} && chmod go-w {program}" in told


def test_a_program_that_is_not_there_is_told(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (told,) = faults(program.with_name("gone"), monkeypatch)
    assert "is not there" in told


def test_state_that_root_wrote_before_there_was_a_service_is_told(tmp_path: Path) -> None:
    place = tmp_path / "state"
    assert not is_roots(Path("/"), place)
    with State(place):
        pass
    assert is_roots(Path("/"), place) == (os.geteuid() == 0)
    if os.geteuid() == 0 and mapped(64):
        os.chown(place / "state.sqlite", 64, 64)
        assert not is_roots(Path("/"), place)


def test_the_seal_tells_what_was_changed() -> None:
    content = sealed(b"[Unit]\n")
    assert is_untouched(content)
    others = (b"", b"[Unit]\n", content + b"\n", content[:-1], content[1:])
    assert not any(is_untouched(one) for one in others)


@pytest.mark.parametrize(
    "path", ["/opt/with space/deuteron", "/opt/50%/deuteron", "/opt/$HOME/deuteron", "deuteron", "/opt/a\nb"]
)
def test_a_program_that_a_unit_cannot_name_is_refused(path: str) -> None:
    with pytest.raises(InputError, match="--program"):
        lay(Path(path))


def test_an_image_gets_the_commands_of_its_root() -> None:
    assert all("--root=/image" in one for one in _to_run(Path("/image")))
