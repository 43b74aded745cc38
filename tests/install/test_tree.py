"""The files that are laid down, and what systemd makes of them without running."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path
from typing import Final

import pytest

from deuteron.config import Config, load
from deuteron.install.defaults import configuration
from deuteron.install.lay import packaged
from tests.cli.command import PROGRAM, Deuteron
from tests.install.unit import nobody_knows, settings, system_calls, tmpfiles, why_no_systemd
from tests.support.users import needs_every_user

UNIT: Final = Path("etc/systemd/system/deuteron-watch.service")
SYSUSERS: Final = Path("etc/sysusers.d/deuteron.conf")
TMPFILES: Final = Path("etc/tmpfiles.d/deuteron.conf")
CONFIG: Final = Path("etc/deuteron/deuteron.toml")

offline = pytest.mark.skipif(bool(why_no_systemd()), reason=why_no_systemd())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def tree(deuteron: Deuteron, root: Path) -> Path:
    """All of it, laid down."""
    root.mkdir(mode=0o755)
    assert deuteron("install", "--root", root).status == 0
    return root


def laid(root: Path) -> dict[Path, bytes]:
    return {one.relative_to(root): one.read_bytes() for one in root.rglob("*") if one.is_file()}


def words(deuteron: Deuteron, *arguments: str | Path) -> dict[str, str]:
    """What becomes of each file."""
    ended = deuteron(*arguments, "-o", "json")
    assert ended.status == 0, ended
    return {Path(one["path"]).name: one["done"] for one in ended.document()["files"]}


def systemd(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done
    return done.stdout + done.stderr


def test_a_dry_run_writes_nothing(deuteron: Deuteron, root: Path) -> None:
    root.mkdir()
    assert set(words(deuteron, "install", "--dry-run", "--root", root).values()) == {"made"}
    assert laid(root) == {}
    assert list(root.iterdir()) == []


def test_files_are_laid_down_as_told(tree: Path) -> None:
    assert laid(tree).keys() == {UNIT, SYSUSERS, TMPFILES, CONFIG}
    modes = {path: stat.S_IMODE((tree / path).stat().st_mode) for path in laid(tree)}
    assert modes == {UNIT: 0o644, SYSUSERS: 0o644, TMPFILES: 0o644, CONFIG: 0o640}
    assert stat.S_IMODE((tree / "etc/deuteron").stat().st_mode) == 0o750
    assert f"ExecStart={PROGRAM} apply --watch /etc/deuteron/topology.yaml\n" in (tree / UNIT).read_text()


def test_a_second_install_changes_nothing(deuteron: Deuteron, tree: Path) -> None:
    before = {path: (tree / path).stat().st_mtime_ns for path in laid(tree)}
    assert set(words(deuteron, "install", "--root", tree).values()) == {"as it was"}
    assert {path: (tree / path).stat().st_mtime_ns for path in laid(tree)} == before


def test_what_somebody_has_changed_is_left_and_told(deuteron: Deuteron, tree: Path) -> None:
    for path in (UNIT, CONFIG):
        (tree / path).write_text((tree / path).read_text() + "# mine\n")
    before = laid(tree)
    told = words(deuteron, "install", "--root", tree)
    assert (told["deuteron-watch.service"], told["deuteron.toml"]) == ("differs", "kept")
    assert laid(tree) == before
    printed = deuteron("install", "--root", tree).out
    commands = printed.partition("have them:\n")[2].partition("\n\n")[0]
    compared = subprocess.run(
        ["bash", "-c", commands], capture_output=True, text=True, timeout=60, check=False
    )
    changes = [line for line in compared.stdout.splitlines() if re.match(r"[+-](?![+-])", line)]
    assert changes == ["+# mine", "+# mine"], compared


def test_what_another_version_laid_down_is_renewed(deuteron: Deuteron, tree: Path) -> None:
    old = deuteron("install", "--root", tree, "--program", "/opt/old/bin/deuteron")
    assert old.status == 0
    assert "ExecStart=/opt/old/bin/deuteron" in (tree / UNIT).read_text()
    assert words(deuteron, "install", "--root", tree)["deuteron-watch.service"] == "renewed"
    assert f"ExecStart={PROGRAM} " in (tree / UNIT).read_text()


def test_a_foreign_file_is_not_written_over(deuteron: Deuteron, root: Path) -> None:
    (root / TMPFILES).parent.mkdir(parents=True)
    (root / TMPFILES).write_text("# somebody else's\n")
    assert words(deuteron, "install", "--root", root)["deuteron.conf"] == "differs"
    assert (root / TMPFILES).read_text() == "# somebody else's\n"


def test_a_link_in_the_place_of_a_file_is_not_followed(
    deuteron: Deuteron, root: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (root / UNIT).parent.mkdir(parents=True)
    (root / UNIT).symlink_to(victim)
    deuteron("install", "--root", root).refused("unsafe-link", 1)
    assert victim.read_text() == "precious"


def test_a_program_that_the_unit_cannot_name_is_a_usage_error(deuteron: Deuteron, root: Path) -> None:
    deuteron("install", "--root", root, "--program", "/opt/50%/deuteron").refused("bad-usage", 2)


def test_uninstall_takes_away_what_nobody_has_changed(deuteron: Deuteron, tree: Path) -> None:
    before = laid(tree)
    words(deuteron, "uninstall", "--dry-run", "--root", tree)
    assert laid(tree) == before
    assert set(words(deuteron, "uninstall", "--root", tree).values()) == {"removed"}
    assert laid(tree) == {}
    assert set(words(deuteron, "uninstall", "--root", tree).values()) == {"absent"}


def test_uninstall_leaves_what_somebody_has_changed_or_written(deuteron: Deuteron, tree: Path) -> None:
    (tree / CONFIG).write_text("interval = 30.0\n")
    (tree / TMPFILES).write_text("# mine\n")
    (tree / "etc/deuteron/topology.yaml").write_text("version: 1\n")
    told = deuteron("uninstall", "--root", tree).out
    assert f"rm {tree / CONFIG}" in told
    assert f"rm {tree / TMPFILES}" in told
    assert words(deuteron, "uninstall", "--purge", "--root", tree)["deuteron.toml"] == "removed"
    assert laid(tree).keys() == {TMPFILES, Path("etc/deuteron/topology.yaml")}


def test_uninstall_keeps_state_and_logs_until_purged(deuteron: Deuteron, tree: Path) -> None:
    state = deuteron.state.relative_to("/")
    for place in (state, Path("var/log/deuteron")):
        (tree / place).mkdir(parents=True)
        (tree / place / "file").write_text("x")
    assert "--purge removes it" in deuteron("uninstall", "--root", tree).out
    assert (tree / state / "file").exists()
    assert deuteron("uninstall", "--purge", "--root", tree).status == 0
    assert not (tree / state).exists()
    assert not (tree / "var/log/deuteron").exists()


def test_a_watch_that_is_enabled_is_to_be_disabled_first(deuteron: Deuteron, tree: Path) -> None:
    wants = tree / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir()
    (wants / UNIT.name).symlink_to(f"/{UNIT}")
    before = laid(tree)
    sentence = deuteron("uninstall", "--root", tree).refused("still-in-use", 1)
    assert "systemctl disable --now" in sentence
    assert laid(tree) == before


def test_the_laid_down_configuration_is_made_of_the_declarations_and_valid(tree: Path) -> None:
    assert packaged("deuteron.toml").decode() == configuration()
    assert load(tree / CONFIG, environment={}).config == Config()
    lines = packaged("deuteron.toml").decode().splitlines()
    every = tree / "etc/deuteron/every.toml"
    every.write_text("\n".join(re.sub(r"^#(\w+ = )", r"\1", line) for line in lines))
    assert load(every, environment={}).config.log.file == Path("/var/log/deuteron/deuteron.log")


def test_the_unit_keeps_its_mounts_on_the_host() -> None:
    """Names of namespaces are mounts: none of what systemd.exec(5) gives a mount namespace for."""
    names = settings(packaged(UNIT.name).decode()).keys()
    mounting = (
        r"Protect(?!$)|Private|ReadOnly|ReadWrite|Inaccessible|Bind|Root|Mount|Temporary|DynamicUser|ProcSub"
    )
    mounting += (
        r"|NetworkNamespacePath|IPCNamespacePath|(No)?ExecPaths|Extension|JoinsNamespaceOf|LogNamespace"
    )
    mounting += r"|(State|Runtime|Cache|Logs|Configuration)Directory"
    assert [name for name in names if re.match(mounting, name)] == []


@offline
def test_systemd_finds_no_fault_with_the_unit(tree: Path, tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    known = re.sub(r"^(User|Group)=.*", r"\1=root", (tree / UNIT).read_text(), flags=re.MULTILINE)
    unit.write_text(known if nobody_knows("deuteron") else (tree / UNIT).read_text())
    assert systemd("systemd-analyze", "verify", "--man=no", unit) == ""


@offline
def test_systemd_scores_the_unit_as_hardened(tree: Path) -> None:
    told = systemd(
        "systemd-analyze", "security", "--offline=yes", "--threshold=40", "--no-pager", tree / UNIT
    )
    assert float(re.search(r"exposure level for \S+: ([\d.]+)", told)[1]) <= 4.0  # type: ignore[index]


@offline
def test_the_filter_lets_nothing_through_that_takes_over_a_host(tree: Path) -> None:
    calls = set(system_calls(settings((tree / UNIT).read_text())))
    assert {"setns", "unshare", "mount", "umount2", "capset", "seccomp", "landlock_restrict_self"} <= calls
    never = "ptrace bpf init_module kexec_load reboot open_by_handle_at chown setuid keyctl io_uring_setup"
    never += " process_vm_writev userfaultfd pivot_root chroot swapon iopl settimeofday perf_event_open"
    assert calls & set(never.split()) == set()


@offline
@needs_every_user
def test_systemd_makes_the_user_and_the_directories(tree: Path) -> None:
    systemd("systemd-sysusers", f"--root={tree}", "deuteron.conf")
    fields = next(
        line.split(":") for line in (tree / "etc/passwd").read_text().splitlines() if "deuteron" in line
    )
    uid, gid = int(fields[2]), int(fields[3])
    assert (fields[5], fields[6]) == ("/var/lib/deuteron", "/usr/sbin/nologin")
    systemd("systemd-tmpfiles", f"--root={tree}", "--create", "deuteron.conf")
    for line in tmpfiles():
        found = (tree / line.path.relative_to("/")).stat()
        owner = (uid if line.user == "deuteron" else 0, gid if line.group == "deuteron" else 0)
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (*owner, line.mode), line


@offline
@needs_every_user
def test_nothing_laid_down_is_the_services_to_write_but_its_own_places(tree: Path) -> None:
    """What decides (unit, user, configuration, FILE) is root's: CVE-2013-6433 was such a file."""
    systemd("systemd-sysusers", f"--root={tree}", "deuteron.conf")
    systemd("systemd-tmpfiles", f"--root={tree}", "--create", "deuteron.conf")
    uid, gid = ((tree / "var/lib/deuteron").stat().st_uid, (tree / "var/lib/deuteron").stat().st_gid)
    writable = set()
    for one in tree.rglob("*"):
        found = one.lstat()
        bits = 0o200 * (found.st_uid == uid) | 0o020 * (found.st_gid == gid) | 0o002
        if found.st_mode & bits:
            writable.add(f"/{one.relative_to(tree)}")
    assert uid != 0
    assert writable == {"/run/netns", "/run/deuteron", "/var/lib/deuteron", "/var/log/deuteron"}
