"""A reboot: all kernel state is gone and ``/run`` is empty, the state directory is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.crash import worlds
from tests.crash.aftermath import idle
from tests.crash.messages import EFFECTS, Strike
from tests.crash.place import Place
from tests.support.sandbox import private_host

pytestmark = pytest.mark.kernel


@contextmanager
def rebooted(place: Place) -> Iterator[Place]:
    """The same state directory on a host that knows nothing."""
    with private_host() as host:
        after = Place(host, place.program, place.folder)
        after.furnish()
        yield after


def test_apply_without_a_file_brings_all_of_it_back(place: Place) -> None:
    file = place.file(worlds.distributed())
    place.done("apply", file)
    before = place.picture(place.committed())
    with rebooted(place) as after:
        assert after.faults() != [], "the host has forgotten nothing"
        after.done("apply")
        assert after.faults() == []
        assert after.picture(after.committed()).differences(before) == []
        assert idle(after, file) == []


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("back", [False, True], ids=["forward", "back"])
def test_a_reboot_in_mid_change_ends_in_one_of_the_two_topologies(
    place: Place, share: float, back: bool
) -> None:
    old, new = place.file(worlds.centralised()), place.file(worlds.distributed(port="vm2"))
    place.done("apply", old)
    verbs = place.done("apply", new).report.verbs
    count = sum(verb in EFFECTS for verb in verbs)
    place.done("apply", old)
    killed = place.run("apply", new, strike=Strike(at=int(count * share), verbs=EFFECTS))
    assert killed.killed, str(killed)
    assert place.pending()
    with rebooted(place) as after:
        after.done(*(("recover", "--back") if back else ("apply",)))
        assert after.source() == str(old if back else new)
        assert not after.pending()
        # Going back mends what the change had begun; what the reboot took is for apply.
        after.done("apply")
        assert after.faults() == []


def test_nothing_was_ever_applied_before_the_reboot(place: Place) -> None:
    file = place.file(worlds.distributed())
    count = sum(verb in EFFECTS for verb in place.done("apply", file).report.verbs)
    place.done("destroy")
    killed = place.run("apply", file, strike=Strike(at=count // 2, verbs=EFFECTS))
    assert killed.killed
    with rebooted(place) as after:
        after.done("recover", "--back")
        assert after.source() == ""
        assert after.faults() == []
