"""One process writes to a host at a time, from one state directory."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deuteron.errors import HostError
from deuteron.state.directory import State
from deuteron.state.host import claim, owner_of_host, run_dir_for


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return tmp_path / "run" / "deuteron"


def state_dir(path: Path) -> str:
    with State(path) as state:
        return state.id


def test_another_state_directory_is_refused_with_three_ways_out(run_dir: Path, tmp_path: Path) -> None:
    one, two = state_dir(tmp_path / "one"), state_dir(tmp_path / "two")
    assert one != two
    with claim(run_dir, one, tmp_path / "one") as held:
        held.hold()
    with pytest.raises(HostError) as refused, claim(run_dir, two, tmp_path / "two"):
        pass
    assert refused.value.code == "host-taken"
    for way in (f"--state-dir {tmp_path}/one", f"deuteron destroy --state-dir {tmp_path}/one", "--adopt"):
        assert way in refused.value.message
    with claim(run_dir, one, tmp_path / "one"):
        pass


def test_a_host_that_was_only_looked_at_is_nobodys(run_dir: Path, tmp_path: Path) -> None:
    with claim(run_dir, "1", tmp_path / "one"):
        pass
    assert owner_of_host(run_dir) is None


def test_a_host_with_nothing_left_is_anybodys(run_dir: Path, tmp_path: Path) -> None:
    one, two = state_dir(tmp_path / "one"), state_dir(tmp_path / "two")
    with claim(run_dir, one, tmp_path / "one") as held:
        held.hold()
        held.release()
    with claim(run_dir, two, tmp_path / "two") as held:
        held.hold()
    found = owner_of_host(run_dir)
    assert found is not None
    assert (found.state_id, found.path) == (two, str(tmp_path / "two"))


def test_a_state_directory_that_is_gone_holds_nothing(run_dir: Path, tmp_path: Path) -> None:
    with claim(run_dir, "gone", tmp_path / "gone") as held:
        held.hold()
    with claim(run_dir, state_dir(tmp_path / "two"), tmp_path / "two") as held:
        held.hold()


def test_a_state_directory_that_was_moved_is_the_same(run_dir: Path, tmp_path: Path) -> None:
    one = state_dir(tmp_path / "one")
    with claim(run_dir, one, tmp_path / "one") as held:
        held.hold()
    (tmp_path / "one").rename(tmp_path / "elsewhere")
    with claim(run_dir, one, tmp_path / "elsewhere"):
        pass


def test_a_host_can_be_taken_over(run_dir: Path, tmp_path: Path) -> None:
    one, two = state_dir(tmp_path / "one"), state_dir(tmp_path / "two")
    with claim(run_dir, one, tmp_path / "one") as held:
        held.hold()
    with claim(run_dir, two, tmp_path / "two", take_over=True):
        pass
    with pytest.raises(HostError, match="host is programmed from"), claim(run_dir, one, tmp_path / "one"):
        pass


def test_a_second_process_is_refused_and_a_dead_one_holds_nothing(run_dir: Path, tmp_path: Path) -> None:
    with claim(run_dir, "1", tmp_path):
        assert {stat.S_IMODE(path.stat().st_mode) for path in run_dir.iterdir()} == {0o600}
        assert stat.S_IMODE(run_dir.stat().st_mode) == 0o700
    hold = (
        "import fcntl, sys, time; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX);"
        "print(1, flush=True); time.sleep(60)"
    )
    arguments = [sys.executable, "-c", hold, str(run_dir / "host.lock")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        try:
            with pytest.raises(HostError) as refused, claim(run_dir, "1", tmp_path):
                pass
            assert refused.value.code == "host-locked"
        finally:
            other.kill()
    with claim(run_dir, "1", tmp_path):
        pass


def test_a_link_in_the_place_of_the_lock_is_not_followed(run_dir: Path, tmp_path: Path) -> None:
    run_dir.mkdir(parents=True)
    (run_dir / "host.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(HostError) as refused, claim(run_dir, "1", tmp_path):
        pass
    assert refused.value.code == "unsafe-link"
    assert not (tmp_path / "victim").exists()


def test_it_is_beside_the_namespaces() -> None:
    assert run_dir_for(Path("/run/netns")) == Path("/run/deuteron")
