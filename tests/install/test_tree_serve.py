"""``deuteron install --serve``: two units, two users, what systemd makes of them without running."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path
from typing import Final

import pytest

from deuteron.config import load
from deuteron.install.lay import packaged
from tests.cli.command import PROGRAM, Deuteron
from tests.install.unit import nobody_knows, settings, system_calls, tmpfiles, why_no_systemd
from tests.support.users import needs_every_user

SYSTEM: Final = Path("etc/systemd/system")
API: Final = SYSTEM / "deuteron-api.service"
AGENT: Final = SYSTEM / "deuteron-agent.service"
CONFIG: Final = Path("etc/deuteron/deuteron.toml")

offline = pytest.mark.skipif(bool(why_no_systemd()), reason=why_no_systemd())


@pytest.fixture
def tree(deuteron: Deuteron, tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir(mode=0o755)
    assert deuteron("install", "--serve", "--root", root).status == 0
    return root


def laid(root: Path) -> set[str]:
    return {str(one.relative_to(root)) for one in root.rglob("*") if one.is_file()}


def systemd(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done
    return done.stdout + done.stderr


def test_both_units_are_laid_down_and_start_one_process_each(tree: Path) -> None:
    assert laid(tree) == {
        *map(str, (API, AGENT, CONFIG)),
        "etc/sysusers.d/deuteron.conf",
        "etc/tmpfiles.d/deuteron.conf",
    }
    for unit, only in ((API, "api"), (AGENT, "agent")):
        assert f"ExecStart={PROGRAM} serve --only {only}\n" in (tree / unit).read_text()
    # It holds no secret, and both users read it.
    assert stat.S_IMODE((tree / CONFIG).stat().st_mode) == 0o644
    assert stat.S_IMODE((tree / CONFIG).parent.stat().st_mode) == 0o751


def test_roots_commands_go_where_the_units_say(tree: Path) -> None:
    api = load(tree / CONFIG, environment={}).config.api
    said = dict(
        word.split("=", 1)
        for unit in (API, AGENT)
        for line in settings((tree / unit).read_text())["Environment"]
        for word in line.split()
    )
    assert str(api.directory) == said["DEUTERON_API_DIRECTORY"] == "/var/lib/deuteron-api"
    assert str(api.feed) == said["DEUTERON_API_FEED"] == "/run/deuteron-api/feed"
    places = {str(line.path) for line in tmpfiles("serve")}
    assert {str(api.directory), str(Path(said["DEUTERON_API_FEED"]).parent)} <= places


def test_uninstall_takes_all_of_it_away(deuteron: Deuteron, tree: Path) -> None:
    for place in ("var/lib/deuteron-api", "var/log/deuteron-api"):
        (tree / place).mkdir(parents=True)
        (tree / place / "file").write_text("x")
    kept = deuteron("uninstall", "--root", tree).out
    assert "--purge removes it" in kept
    assert laid(tree) == {"var/lib/deuteron-api/file", "var/log/deuteron-api/file"}
    assert deuteron("install", "--serve", "--root", tree).status == 0
    assert deuteron("uninstall", "--purge", "--root", tree).status == 0
    assert laid(tree) == set()


def test_of_two_kinds_one_is_enabled(deuteron: Deuteron, tree: Path) -> None:
    wants = tree / SYSTEM / "multi-user.target.wants"
    wants.mkdir()
    for unit in (API, AGENT):
        (wants / unit.name).symlink_to(f"/{unit}")
    told = deuteron("install", "--root", tree).out
    assert re.search(r"systemctl --root=\S+ disable deuteron-api.service deuteron-agent.service", told)
    assert "disable" not in deuteron("install", "--serve", "--root", tree).out
    sentence = deuteron("uninstall", "--root", tree).refused("still-in-use", 1)
    assert "disable --now deuteron-api.service deuteron-agent.service" in sentence


@offline
@pytest.mark.parametrize(("unit", "most"), [(API, 2.5), (AGENT, 4.0)])
def test_systemd_scores_the_units_as_hardened(tree: Path, unit: Path, most: float) -> None:
    command = ("systemd-analyze", "security", "--offline=yes", f"--threshold={int(most * 10)}", "--no-pager")
    told = systemd(*command, tree / unit)
    score = re.search(r"exposure level for \S+: ([\d.]+)", told)
    assert score is not None
    assert float(score[1]) <= most


@offline
@pytest.mark.parametrize("unit", [API, AGENT])
def test_systemd_finds_no_fault_with_the_units(tree: Path, tmp_path: Path, unit: Path) -> None:
    text = (tree / unit).read_text()
    if nobody_knows("deuteron") or nobody_knows("deuteron-api"):
        text = re.sub(r"^(User|Group)=.*", r"\1=root", text, flags=re.MULTILINE)
    (tmp_path / unit.name).write_text(text)
    assert systemd("systemd-analyze", "verify", "--man=no", tmp_path / unit.name) == ""


def test_the_agents_unit_grants_what_the_watchs_does(tree: Path) -> None:
    differing = {"Description", "After", "Wants", "Conflicts", "ExecStart", "Environment"}
    agent, watch = (
        settings(text) for text in ((tree / AGENT).read_text(), packaged("deuteron-watch.service").decode())
    )
    assert {name for name in agent.keys() | watch.keys() if agent.get(name) != watch.get(name)} == differing


@offline
def test_the_filter_of_the_api_lets_nothing_through_that_takes_over_a_host(tree: Path) -> None:
    unit = settings((tree / API).read_text())
    calls = set(system_calls(unit))
    assert {"socket", "capset", "seccomp", "landlock_restrict_self"} <= calls
    never = "setns unshare ptrace bpf init_module kexec_load reboot open_by_handle_at chown setuid keyctl"
    never += (
        " io_uring_setup mount umount2 fsopen process_vm_writev userfaultfd pivot_root chroot swapon iopl"
    )
    assert calls & (set(never.split()) - {"unshare", "setns"}) == set()
    assert unit["RestrictNamespaces"] == ["yes"]
    assert (unit["CapabilityBoundingSet"], unit["AmbientCapabilities"]) == ([""], [""])


@offline
@needs_every_user
def test_each_user_may_write_to_its_own_places_alone(tree: Path) -> None:
    systemd("systemd-sysusers", f"--root={tree}", "deuteron.conf")
    systemd("systemd-tmpfiles", f"--root={tree}", "--create", "deuteron.conf")
    found = {
        user: {
            f"/{one.relative_to(tree)}"
            for one in tree.rglob("*")
            if one.lstat().st_uid == (tree / home).stat().st_uid and not one.is_symlink()
        }
        for user, home in (("agent", "var/lib/deuteron"), ("api", "var/lib/deuteron-api"))
    }
    assert found == {
        "agent": {"/run/netns", "/run/deuteron", "/var/lib/deuteron", "/var/log/deuteron"},
        "api": {"/run/deuteron-api", "/var/lib/deuteron-api", "/var/log/deuteron-api"},
    }
    meeting = (tree / "run/deuteron-api").stat()
    assert (meeting.st_gid, oct(stat.S_IMODE(meeting.st_mode))) == (
        (tree / "var/lib/deuteron").stat().st_gid,
        oct(0o2710),
    )
