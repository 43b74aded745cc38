"""Two processes want one state directory, or one host: one of them does it, the other says why not."""

from __future__ import annotations

import random
import re
import signal

import pytest

from tests.crash import worlds
from tests.crash.messages import Strike
from tests.crash.place import Place
from tests.crash.process import Ended, Process

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(300)]

ROUNDS = 6
#: Where a process waits, standing still, for the other: after it has the locks, and has written a little.
_WRITES = ("netlink.batch", "nft.commit", "sysctl.write", "netns.unshare", "netns.mount")


def other(place: Place) -> Place:
    """A second state directory on the same host."""
    return Place(place.host, place.program, place.folder, "other-state")


def refused(ended: Ended, *codes: str) -> None:
    """One sentence with one of these codes, and a mend in it; nothing else was said."""
    assert ended.status == 1, str(ended)
    match = re.fullmatch(r"deuteron: (\S.*) \[([a-z-]+)\]\n", ended.err)
    assert match is not None, str(ended)
    assert match[2] in codes, str(ended)
    assert ended.out == ""


def stopped(place: Place, *arguments: object, at: int) -> Process | None:
    """A process that stands still at its n-th write; ``None`` where it has ended before."""
    words = tuple(map(str, arguments))
    process = place.start(*words, strike=Strike(at=at, signal=signal.SIGSTOP, verbs=_WRITES))
    if process.wait_until_stopped():
        return process
    process.wait()
    return None


@pytest.mark.parametrize("seed", range(2))
def test_the_second_on_one_state_directory_is_refused_and_does_nothing(place: Place, seed: int) -> None:
    chance = random.Random(seed)
    one, two = place.file(worlds.distributed()), place.file(worlds.centralised())
    for turn in range(ROUNDS):
        said = f"seed {seed}, turn {turn}"
        place.done("destroy")
        # The first writes are those of trying out what the kernel can do, before any lock is taken.
        process = stopped(place, "apply", one, at=chance.randint(20, 60))
        assert process is not None, said
        for verb in ("apply", "destroy", "recover"):
            arguments = (verb, two) if verb == "apply" else (verb,)
            refused(place.run(*arguments), "state-locked")
        process.send(signal.SIGCONT)
        ended = process.wait()
        assert ended.status == 0, f"{said}: {ended}"
        assert place.source() == str(one), said
        assert place.faults() == [], said


@pytest.mark.parametrize("seed", range(2))
def test_the_second_on_one_host_is_refused_and_does_nothing(place: Place, seed: int) -> None:
    chance = random.Random(seed)
    one, two = place.file(worlds.distributed()), place.file(worlds.centralised())
    second = other(place)
    for turn in range(ROUNDS):
        said = f"seed {seed}, turn {turn}"
        place.done("destroy")
        process = stopped(place, "apply", one, at=chance.randint(20, 60))
        assert process is not None, said
        refused(second.run("apply", two), "host-locked", "host-taken")
        process.send(signal.SIGCONT)
        assert process.wait().status == 0, said
        assert place.faults() == [], said


def test_a_host_belongs_to_one_state_directory_until_it_is_destroyed_there(place: Place) -> None:
    one, two = place.file(worlds.distributed()), place.file(worlds.centralised())
    second = other(place)
    place.done("apply", one)
    before = place.picture(place.committed())
    ended = second.run("apply", two)
    refused(ended, "host-taken")
    assert str(place.state) in ended.err, str(ended)
    assert place.picture(place.committed()).differences(before) == []
    assert place.faults() == []
    place.done("destroy")
    second.done("apply", two)
    assert second.faults() == []
    refused(place.run("apply", one), "host-taken")
    assert second.faults() == []


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("same", [True, False], ids=["one-state-directory", "two-state-directories"])
def test_both_let_go_at_once_end_as_if_one_had_come_alone(place: Place, seed: int, same: bool) -> None:
    chance = random.Random(seed)
    files = [place.file(worlds.distributed()), place.file(worlds.centralised())]
    places = [place, place if same else other(place)]
    for turn in range(ROUNDS):
        for each in places:
            if each.source():
                each.done("destroy")
        # Both stand at the door: neither has taken a lock yet.
        pair = [
            stopped(each, "apply", file, at=chance.randint(1, 3))
            for each, file in zip(places, files, strict=True)
        ]
        for process in pair:
            assert process is not None
            process.send(signal.SIGCONT)
        ended = [process.wait() for process in pair if process is not None]
        said = f"seed {seed}, turn {turn}: " + " | ".join(map(str, ended))
        done = [number for number, one in enumerate(ended) if one.status == 0]
        assert done, said
        for one in ended:
            if one.status != 0:
                refused(one, "state-locked", "host-locked", "host-taken")
        _whole(places, [str(file) for file in files], done, said)


def _whole(places: list[Place], files: list[str], done: list[int], said: str) -> None:
    """What is on the host is one of the files, wholly, and its state directory says so."""
    sources = {number: places[number].source() for number in done}
    assert all(source in files for source in sources.values()), said
    owner = places[done[-1]] if len({id(one) for one in places}) > 1 else places[0]
    assert owner.faults() == [], said
