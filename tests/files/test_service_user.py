"""A service runs as its own user, root runs single commands there: both can go on (LP 1907695)."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from deuteron.config import Config
from deuteron.config.paths import check_paths, unsafe
from deuteron.files import Purpose, check_directory, open_checked, read_checked, replace
from deuteron.kernel.linux.libc import CLONE_NEWUSER, unshare
from deuteron.state import State
from deuteron.state.host import claim
from tests.files.unsafe import STRANGER as SERVICE
from tests.files.unsafe import in_child, needs_root, refusal
from tests.support.sandbox import Host
from tests.unit.compile.world import distributed

pytestmark = [needs_root, pytest.mark.kernel]

#: ``host`` has a ``/run`` of its own, below which everything is root's; a test's folder is in nobody's reach.
LIB = Path("/run/lib")
RUN = Path("/run/deuteron")


@pytest.fixture
def state_dir(host: Host) -> Path:
    """As tmpfiles.d makes it: 0700, the service's, in a directory of root's."""
    if in_child(lambda: None):
        pytest.skip(f"uid {SERVICE} cannot be taken here (a user namespace without it)")
    path = LIB / "deuteron"
    path.mkdir(parents=True, mode=0o755)
    path.chmod(0o700)
    os.chown(path, SERVICE, SERVICE)
    return path


def change(path: Path, source: str) -> None:
    """What an apply does with its files."""
    with State(path) as state, state.locked(), claim(RUN, state.id, path) as held:
        held.hold()
        state.commit(distributed().view(), source)


def owners(*directories: Path) -> set[int]:
    return {one.stat().st_uid for path in directories for one in path.rglob("*")}


def test_what_root_makes_is_the_services_and_the_service_goes_on(state_dir: Path) -> None:
    change(state_dir, "by root")
    assert owners(state_dir, RUN) == {SERVICE}
    assert RUN.stat().st_uid == SERVICE
    assert in_child(lambda: change(state_dir, "by the service")) == ""
    change(state_dir, "by root again")
    assert in_child(lambda: change(state_dir, "by the service again")) == ""
    with State(state_dir) as state:
        assert state.committed() == distributed().view()


def test_the_log_of_the_database_that_root_makes_is_the_services_while_both_have_it_open(
    state_dir: Path,
) -> None:
    change(state_dir, "by root")
    with State(state_dir) as state:
        state.commit(distributed().view(), "by root")
        assert {"state.sqlite", "state.sqlite-wal"} <= {one.name for one in state_dir.iterdir()}
        assert owners(state_dir) == {SERVICE}
        assert in_child(lambda: change(state_dir, "by the service")) == ""
        assert state.committed() is not None


def test_a_log_a_key_and_a_new_directory_are_the_services_too(state_dir: Path) -> None:
    owner = check_directory(state_dir).st_uid
    replace(state_dir / "log.key", b"secret", Purpose.SECRET)
    os.close(open_checked(state_dir / "audit.log", Purpose.LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
    check_directory(state_dir / "defects", make=True, owner=owner)
    replace(state_dir / "defects" / "1.txt", b"trace", Purpose.STATE, owner=owner)
    assert owners(state_dir) == {SERVICE}

    def service() -> None:
        assert read_checked(state_dir / "log.key", Purpose.SECRET) == b"secret"
        os.close(open_checked(state_dir / "audit.log", Purpose.LOG, os.O_WRONLY | os.O_APPEND))
        replace(state_dir / "defects" / "2.txt", b"trace", Purpose.STATE)

    assert in_child(service) == ""


def test_what_the_service_leaves_root_can_use(state_dir: Path) -> None:
    RUN.mkdir(mode=0o700)
    os.chown(RUN, SERVICE, SERVICE)
    assert in_child(lambda: change(state_dir, "by the service")) == ""
    change(state_dir, "by root")
    config = Config(state_dir=state_dir)
    assert unsafe(check_paths(config, config_file=None, state_dir=state_dir, run_dir=RUN)) is None


def test_a_directory_that_a_user_made_himself_is_not_roots_to_use(host: Host, state_dir: Path) -> None:
    home = LIB / "home"
    home.mkdir(mode=0o755)
    os.chown(home, SERVICE, SERVICE)
    assert in_child(lambda: change_state_only(home / "state")) == ""
    error = refusal(lambda: State(home / "state"))
    assert error.code == "unsafe-parent"
    assert str(home) in error.message


def change_state_only(path: Path) -> None:
    with State(path) as state, state.locked():
        state.commit(distributed().view(), "by a user")


def test_a_hijacked_service_cannot_have_root_follow_a_link(state_dir: Path) -> None:
    victim = LIB / "victim"
    victim.write_bytes(b"")
    victim.chmod(0o600)
    for name in ("lock", "state.sqlite", "log.key"):
        (state_dir / name).unlink(missing_ok=True)
        (state_dir / name).symlink_to(victim)
        os.chown(state_dir / name, SERVICE, SERVICE, follow_symlinks=False)
    assert refusal(lambda: change(state_dir, "by root")).code == "unsafe-link"
    assert refusal(lambda: read_checked(state_dir / "log.key", Purpose.SECRET)).code == "unsafe-link"
    (state_dir / "state.sqlite").unlink()
    assert refusal(lambda: change(state_dir, "by root")).code == "unsafe-link"
    assert victim.read_bytes() == b""
    assert victim.stat().st_uid == 0


def test_to_the_service_a_directory_of_roots_is_not_its_own(host: Host, state_dir: Path) -> None:
    os.chown(state_dir, 0, 0)
    state_dir.chmod(0o755)
    told = in_child(lambda: State(state_dir))
    assert "HostError" in told
    assert f"chown {SERVICE} {state_dir}" in told


def enter_user_namespace() -> None:
    """In which the calling user is root, and the true root is nobody; user_namespaces(7)."""
    uid = os.geteuid()
    # A process that changed its user is not dumpable, and /proc/self is not its own then; prctl(2).
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
    unshare(CLONE_NEWUSER)
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")


def test_in_a_user_namespace_without_root_the_true_roots_directories_are_roots(state_dir: Path) -> None:
    def look() -> None:
        enter_user_namespace()
        assert os.geteuid() == 0
        # His own directory, on a way of the true root's, is accepted; what is not his own is not.
        assert check_directory(state_dir).st_uid == 0
        change_state_only(state_dir)
        assert refusal(lambda: check_directory(LIB)).code == "unsafe-file"

    if why := in_child(enter_user_namespace):
        pytest.skip(f"no user namespace for uid {SERVICE}: {why}")
    assert in_child(look) == ""
