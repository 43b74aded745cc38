"""The same of processes: a watch at work, in a storm of refusals, reading bad files, failing, and killed."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.canary import sinks
from tests.canary.room import Room
from tests.canary.running import PATIENCE, Watching, begin, watching
from tests.canary.test_verbs import refused
from tests.cli.command import Deuteron, Site

pytestmark = pytest.mark.kernel

_CORE: Final = "core"


def site(room: Room) -> Site:
    """Somebody's hands."""
    return Site(room.host, Deuteron(room.state), room.folder)


def harm(room: Room) -> None:
    """Somebody takes an instance's address away."""
    site(room).remove_address(room.cloud.instances[0], room.cloud.web4)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_watch_tells_of_no_tenant_whatever_happens_to_it(room: Room, form: str) -> None:
    room.configure(form, to_file=form == "json")
    with watching(room) as watch:
        assert watch.seen() == [], room
        watch.more("unit-repaired", lambda: harm(room))
        for topology in refused(room):
            watch.more("trouble", partial(room.write, topology))
        watch.more("trouble", lambda: room.input(room.file.name, f"networks: [{room.canaries.name()}"))
        watch.more("config-read", room.write)
        assert room("keys", "rotate").status == 0
        watch.more("keys-rotated", lambda: watch.send(signal.SIGHUP))
        assert watch.seen() == [], room
        storm(room, watch)
    assert "[redacted]" not in watch.told, room
    assert room.found() == [], room


def storm(room: Room, watch: Watching) -> None:
    """Refusals of everything, until enough was told; a watch that has to end does so by a code."""
    before = watch.count("error")
    deadline = time.monotonic() + PATIENCE
    watch.send(signal.SIGUSR1)
    while watch.process.poll() is None and watch.count("error") < before + 8:
        assert time.monotonic() < deadline, (room, watch.last)
        room.write()
        time.sleep(0.1)
    if watch.process.poll() is None:
        watch.send(signal.SIGUSR1)
        assert watch.end() == 0, (room, watch.last)
    else:
        assert watch.process.returncode == 1, (room, watch.last)
        assert "watch-ended" in watch.told, (room, watch.last)
    assert watch.count("error") > before or watch.process.returncode == 1, (room, watch.last)


def test_what_fails_unforeseen_is_told_by_its_place_alone_and_kept_for_the_owner(room: Room) -> None:
    room.configure("json", to_file=False)
    with watching(room, "--state-dir", room.state) as watch:
        watch.more("foreign-record", lambda: watch.send(signal.SIGUSR2))
        watch.until(lambda: watch.count("foreign-record") >= 2 and watch.count('"defect"') >= 2, "all of it")
        defects = [one for one in watch.records() if one["event"] == "defect"]
        assert [(one["error"], one["kept"]) for one in defects] == [("ValueError", "yes")] * 2, room
        assert watch.end(signal.SIGRTMIN) == 1, room
        assert "at deuteron/agent/watch.py:" in watch.told, room
        assert "RuntimeError" in watch.told, room
        assert str(room.state / "defects") in watch.told, room
    kept = [path.read_text() for path in (room.state / "defects").iterdir()]
    assert len(kept) == 3, room
    assert all(room.cloud.ids["r1"] in one for one in kept), room
    assert room.found() == [], room


def test_a_crash_leaves_no_memory_behind(room: Room) -> None:
    dumps = Path("/proc/sys/kernel/core_pattern").read_text().startswith(_CORE)
    with watching(room) as watch:
        (broker,) = sinks.children(watch.process.pid)
        limits = [Path(f"/proc/{pid}/limits").read_text() for pid in (watch.process.pid, broker)]
        assert all(_core_limit(one) == ["0", "0"] for one in limits), room
        assert watch.end(signal.SIGABRT) == -signal.SIGABRT
    assert "Fatal Python error" in watch.told, room  # places of the program, no values
    assert dumps is False or not list(room.folder.rglob(f"{_CORE}*")), room
    assert room.found() == [], room


def _core_limit(limits: str) -> list[str]:
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    return line.split()[4:6]


def points(room: Room) -> Iterator[int]:
    """At which crossings it is killed."""
    chance = random.Random(room.canaries.seed)
    yield from (chance.randrange(40, 120), chance.randrange(120, 260))


def test_what_a_kill_leaves_behind_tells_nobody(room: Room) -> None:
    for at in points(room):
        process = begin(room, "apply", room.file, kill_at=at)
        assert process.wait(PATIENCE) == -signal.SIGKILL, (room, at)
        # What apply has printed answers the person who has called it; nothing else is exempt.
        for name in ("out", "err"):
            (room.folder / "log" / name).unlink()
        assert room.found() == [], (room, at)
        assert room("recover").status == 0, (room, at)
        room.write()
    assert room.found() == [], room


def test_what_ends_a_watch_at_its_start_is_not_told_either(room: Room) -> None:
    room.well("apply", room.file)
    for number, topology in enumerate(refused(room)):
        if number % 3 == 0:
            file = room.input(room.canaries.file(), yaml.safe_dump(topology))
            assert begin(room, "apply", file, "--watch").wait(PATIENCE) == 2, room
    room.input("policy.toml", f'[[sysctl]]\npath = "{room.canaries.name()}"\nvalue = 1\n')
    assert begin(room, "apply", room.file, "--watch").wait(PATIENCE) == 2, room
    for text in (f'host = ["{room.canaries.name()}"]', f'interval = "{room.canaries.name()}"'):
        room.input("deuteron.toml", text)
        assert begin(room, "apply", room.file, "--watch").wait(PATIENCE) == 2, room
    assert room.found() == [], room
    assert (room.folder / "log" / "out").stat().st_size > 0
