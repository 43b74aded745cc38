"""The same of processes: a watch at work, in a storm of refusals, reading bad files, failing, and killed."""

from __future__ import annotations

import random
import signal
import time
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import pytest
import yaml

from deuteron.cli.defect import keep_defect
from deuteron.cli.sentences import keep_sentence
from deuteron.errors import HostError
from tests.canary import sinks
from tests.canary.room import Room
from tests.canary.running import Watching, begin, killed, watching
from tests.canary.test_verbs import crossings, refused
from tests.cli.command import Deuteron, Site
from tests.support.waiting import PATIENCE

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
    watch.send(signal.SIGUSR1)
    read = watch.count("config-read")
    room.write()
    # One that is on its way out does not read it again.
    while watch.process.poll() is None and watch.count("config-read") == read:
        assert time.monotonic() < deadline + PATIENCE, (room, watch.last)
        time.sleep(0.02)
    if watch.process.poll() is None:
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


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGKILL])
def test_a_crash_leaves_no_memory_behind(room: Room, number: signal.Signals) -> None:
    dumps = Path("/proc/sys/kernel/core_pattern").read_text().startswith(_CORE)
    with watching(room) as watch:
        (broker,) = sinks.children(watch.process.pid)
        limits = [Path(f"/proc/{pid}/limits").read_text() for pid in (watch.process.pid, broker)]
        assert all(_core_limit(one) == ["0", "0"] for one in limits), room
        assert watch.end(number) == -number
    # Places of the program, no values.
    assert ("Fatal Python error" in watch.told) == (number == signal.SIGABRT), room
    assert dumps is False or not list(room.folder.rglob(f"{_CORE}*")), room
    assert room.found() == [], room


def _core_limit(limits: str) -> list[str]:
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    return line.split()[4:6]


def test_a_verb_that_fails_unforeseen_tells_no_value_of_any_of_its_threads(room: Room) -> None:
    room.well("apply", room.file)
    assert begin(room, "status", fail_at=3).wait(PATIENCE) == 1, room
    said = (room.folder / "log" / "err").read_text()
    assert said.count("[defect]") == 3, (room, said)  # a thread, a destructor, the verb itself
    kept = [path.read_text() for path in (room.state / "defects").iterdir()]
    assert [room.cloud.ids["r1"] in one for one in kept] == [True] * 3, room
    assert room.found() == [], room


def test_what_fails_in_a_watch_that_has_no_log_yet_is_told_by_its_place_and_kept(room: Room) -> None:
    watch = begin(room, "apply", room.file, "--watch", "-o", "json", fail_at=1, fail_verb="sqlite.open")
    assert watch.wait(PATIENCE) == 1, room
    lines = (room.folder / "log" / "out").read_text().splitlines()
    records = [msgspec.json.decode(line) for line in lines]
    assert [(one["event"], one["error"], one["kept"]) for one in records] == [
        ("defect", "ValueError", "yes")
    ] * 2, (room, records)
    assert (room.folder / "log" / "err").read_text().count("[defect]") == 1, room
    assert len(list((room.state / "defects").iterdir())) == 3, room
    assert room.found() == [], room


def test_what_a_killed_process_leaves_behind_tells_nobody(room: Room) -> None:
    at = random.Random(room.canaries.seed).randrange(40, 260)
    process = begin(room, "apply", room.file, kill_at=at)
    assert process.wait(PATIENCE) == -signal.SIGKILL, (room, at)
    # What apply has printed answers the person who has called it; nothing else is exempt.
    for name in ("out", "err"):
        (room.folder / "log" / name).unlink()
    assert room.found() == [], (room, at)
    assert room("recover").status == 0, (room, at)
    assert room.found() == [], room


#: Where a kill leaves something behind; the others are drawn.
_ALWAYS: Final = frozenset({"file.write", "file.rename", "sqlite.commit", "netns.mount", "nft.commit"})


def test_a_kill_at_any_passage_of_the_edge_tells_nobody(room: Room) -> None:
    chance = random.Random(room.canaries.seed)
    passed = crossings(room, ["apply", room.file])
    room.well("destroy")
    drawn = chance.sample(sorted(passed.keys() - _ALWAYS), 4)
    for verb in sorted(_ALWAYS & passed.keys()) + drawn:
        at = chance.randrange(passed[verb]) // 2 + 1  # what is there already is not made again
        (room.state / "log.key").unlink(missing_ok=True)
        died = killed(lambda: room("apply", room.file), verb, at)
        assert room.found() == [], (room, verb, at)
        assert room("recover").status == 0, (room, verb, at)
        assert died or verb not in _ALWAYS, (room, verb, at)
        room("destroy")
    assert room.found() == [], room


@pytest.mark.parametrize("verb", ["file.write", "file.sync", "file.rename"])
def test_a_text_for_the_owner_that_was_not_finished_is_the_owners_as_well(room: Room, verb: str) -> None:
    room.well("apply", room.file)
    words = f"no way to {room.cloud.ids['r1']} by {room.cloud.public4}50"
    for keep in (
        lambda: keep_sentence(room.state, HostError("kernel-refused", words)),
        lambda: keep_defect(room.state, ValueError(words)),
    ):
        assert killed(keep, verb, 1), (room, verb)
    left = [path for path in room.state.rglob(".*.new-*") if words.encode() in path.read_bytes()]
    assert len(left) == (0 if verb == "file.write" else 2), (room, left)
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
