"""``deuteron recover``, and ``deuteron apply`` without a file."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.command import ONE_HOST, PROGRAM, ROOT, Deuteron, Site, example
from tests.cli.test_apply import NO_CHANGES, many_routers

pytestmark = pytest.mark.kernel

NOTHING = "Nothing to recover. The last change was finished.\n"


def interrupt(site: Site, topology: Path, number: signal.Signals, *, seen: str = "qrouter-") -> str:
    """Apply until the first namespace of a kind is there, then stop it; what it said."""
    with subprocess.Popen(
        [str(PROGRAM), "apply", str(topology)],
        env=site.run.environment(),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        deadline = time.monotonic() + 30
        while not any(name.startswith(seen) for name in site.namespaces()):
            assert time.monotonic() < deadline
            assert child.poll() is None, child.communicate()
            time.sleep(0.0005)
        child.send_signal(number)
        _, err = child.communicate(timeout=60)
    assert child.returncode != 0
    return err


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_first_apply_is_finished_or_taken_back(number: signal.Signals, site: Site) -> None:
    topology = site.file(many_routers())
    before = site.picture()
    interrupt(site, topology, number)
    back = site.run("recover", "--back")
    assert back.status == 0, back.err
    assert back.out.startswith("Destroyed: ")
    assert site.picture() == before
    assert site.host.leaks() == []
    site.run("apply").refused("nothing-applied", 1)
    interrupt(site, topology, number)
    finished = site.run("recover")
    assert finished.status == 0, finished.err
    assert site.run("verify").status == 0
    assert site.run("apply", topology).out == NO_CHANGES
    assert site.run("recover").out == NOTHING


def test_back_is_what_was_applied_before(site: Site) -> None:
    assert site.run("apply", ONE_HOST).status == 0
    before = site.picture()
    interrupt(site, site.file(many_routers()), signal.SIGKILL, seen="net-")
    ended = site.run("recover", "--back", "-o", "json")
    assert ended.status == 0, ended.err
    assert ended.document().keys() == {"version", "ok", "seconds", "units"}
    assert site.picture().keys() == before.keys()
    assert site.run("apply", ONE_HOST).out == NO_CHANGES


def test_nothing_to_recover(site: Site) -> None:
    assert site.run("recover").out == NOTHING
    assert site.run("recover", "-o", "json").document() == {
        "version": 1,
        "ok": True,
        "seconds": 0.0,
        "units": [],
    }


def test_after_a_reboot_apply_without_a_file_makes_all_again(site: Site) -> None:
    site.run("apply", ONE_HOST)
    names = site.namespaces()
    kept = site.folder / "kept"
    shutil.copytree(site.run.state, kept)
    assert site.run("destroy").status == 0  # the kernel after a reboot
    shutil.rmtree(site.run.state)
    kept.rename(site.run.state)
    ended = site.run("apply")
    assert ended.status == 0, ended.err
    assert site.namespaces() == names
    assert site.run("apply", ONE_HOST).out == NO_CHANGES


def test_several_workers_come_to_the_same(site: Site) -> None:
    topology = site.file(many_routers())
    assert site.run("apply", "-p", "3", topology).status == 0
    assert site.run("verify").status == 0
    assert site.run("apply", topology).out == NO_CHANGES
    assert site.run("destroy", "-p", "3").status == 0
    assert site.host.leaks() == []


def test_a_second_state_directory_is_refused_and_told_the_ways_out(site: Site) -> None:
    site.run("apply", ONE_HOST)
    before = site.picture()
    other = Deuteron(site.folder / "other")
    for arguments in (("apply", ONE_HOST), ("destroy",)):
        sentence = other(*arguments).refused("host-taken", 1)
        assert f"deuteron destroy --state-dir {site.run.state}" in sentence
    assert site.picture() == before
    assert site.run("destroy").status == 0
    assert other("apply", ONE_HOST).status == 0


def test_a_state_directory_with_which_nothing_was_done_takes_no_host(site: Site) -> None:
    other = Deuteron(site.folder / "other")
    assert other("destroy", "--dry-run").status == 0
    assert other("apply", site.file("networks: [")).status == 2
    assert site.run("apply", ONE_HOST).status == 0


def disk(path: Path, *options: str) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", *options, "none", str(path)], check=True)


def test_on_a_full_disk_nothing_is_begun(site: Site) -> None:
    disk(site.run.state, "-o", "size=200k,mode=0700")
    try:
        assert site.run("destroy").status == 0  # makes the directory
        before = site.picture()
        big = site.file(many_routers())
        sentence = site.run("apply", big).refused("state-unusable", 1)
        assert "full" in sentence
        assert site.picture() == before
    finally:
        subprocess.run(["umount", str(site.run.state)], check=True)


def test_on_a_read_only_disk_nothing_is_begun(site: Site) -> None:
    site.run("apply", ONE_HOST)
    before = site.picture()
    state = str(site.run.state)
    subprocess.run(["mount", "--bind", state, state], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", state], check=True)
        changed = site.file(example(("203.0.113.51", "203.0.113.52")))
        site.run("apply", changed).refused("state-unusable", 1)
        assert site.picture() == before
    finally:
        subprocess.run(["umount", state], check=True)
