"""Somebody runs code in the watch: nothing of the host is in reach, and the watch goes on with its work."""

from __future__ import annotations

from pathlib import Path

import pytest

from deuteron.kernel.linux.confine import inspect
from deuteron.kernel.linux.confine.inspect import ProcessPosture
from tests.confine.hostile import PRECIOUS
from tests.confine.running import Running
from tests.hands.case import Case
from tests.hands.cases import CASES
from tests.hands.grounds import Scene
from tests.support.sandbox import why_no_tun

pytestmark = pytest.mark.kernel

#: CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN; the broker has no use for the second.
_WATCH = 1 << 12 | 1 << 13 | 1 << 21
_BROKER = 1 << 12 | 1 << 21


def cases() -> list[Case]:
    """The first hand laid on each kind of object of ours."""
    found = [next(one for one in of if one.hand in ("deleted", "changed")) for of in CASES.values()]
    return [case for case in found if case.unit != "tap" or not why_no_tun()]


def assert_repairs(scene: Scene, watch: Running, case: Case) -> None:
    """A hand is laid on something, and the watch puts it back."""
    repairs = len(watch.records("unit-repaired"))
    scene.lay_hands(case.by, scene.victim(case, case.kinds[-1]))
    watch.until(lambda: len(watch.records("unit-repaired")) > repairs, f"a repair after {case.name}")
    watch.until(lambda: scene.ground.run("verify").status == 0, f"the host as wanted after {case.name}")


def postures(watch: Running) -> dict[str, ProcessPosture]:
    pids = {watch.process.pid, *_children(watch.process.pid)}
    return {one.role: one for one in inspect.processes() if one.pid in pids}


def _children(pid: int) -> set[int]:
    return {int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def test_every_attempt_is_refused_in_every_thread(scene: Scene, watch: Running) -> None:
    PRECIOUS.write_text("as it was")
    answers = watch.turn_hostile()
    came_through = {
        f"{name} ({thread})": came for thread, of in answers.items() for name, came in of.items() if came
    }
    assert came_through == {}
    assert PRECIOUS.read_text() == "as it was"
    assert all(len(of) > 80 for of in answers.values())
    assert scene.ground.run("verify").status == 0


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.name}-{case.hand}")
def test_it_repairs_each_kind_of_object_still(scene: Scene, watch: Running, case: Case) -> None:
    assert_repairs(scene, watch, case)


def test_every_thread_of_both_processes_has_given_up_the_rest(watch: Running) -> None:
    found = postures(watch)
    assert found.keys() == {"watch", "broker"}
    for role, kept in (("watch", _WATCH), ("broker", _BROKER)):
        posture = found[role]
        assert posture.threads
        for thread in posture.threads:
            assert (thread.effective, thread.permitted, thread.bounding) == (kept, kept, kept)
            assert (thread.ambient, thread.no_new_privs, thread.seccomp) == (0, True, "filter")
        assert (posture.core_limit, posture.umask, posture.confined) == (0, 0o077, True)
    assert len(found["watch"].threads) > 1
    assert len(found["broker"].threads) == 1


def test_the_broker_has_nothing_open_but_its_socket(watch: Running) -> None:
    broker = postures(watch)["broker"]
    opened = {str(one.readlink()) for one in Path(f"/proc/{broker.pid}/fd").iterdir()}
    kinds = {one.partition(":")[0] for one in opened}
    assert kinds <= {"/dev/null", "socket", "net", "/sys", "/proc/sys"}, opened
    assert sum(one.startswith("socket") for one in opened) == 1


def test_it_says_what_holds(watch: Running) -> None:
    (record,) = watch.records("confined")
    mechanisms = {"broker", "capabilities", "core-dumps", "landlock", "no-new-privs", "seccomp", "umask"}
    assert (set(record["held"]), record.get("missing")) == (mechanisms, None)
