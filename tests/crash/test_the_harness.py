"""The harness itself: processes are real, die where they are told to, and the judge sees what is wrong."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from deuteron.kernel.linux.libc import MS_BIND, mount
from deuteron.kernel.linux.netlink import link
from deuteron.kernel.linux.netns import NetnsDirectory
from tests.crash import worlds
from tests.crash.messages import EFFECTS, Strike
from tests.crash.place import BRIDGE, CLEARED, Place
from tests.crash.process import Program

pytestmark = pytest.mark.kernel


def test_what_it_runs_is_the_command_line(program: Program) -> None:
    ended = program.run("--version")
    assert (ended.status, ended.out.split(",")[0]) == (0, "deuteron")


def test_it_dies_at_the_crossing_it_is_told(place: Place) -> None:
    file = place.file(worlds.distributed())
    killed = place.run("apply", file, strike=Strike(at=40, verbs=EFFECTS))
    assert (killed.killed, killed.report.verbs) == (True, ())


def test_it_stands_still_and_goes_on(place: Place) -> None:
    process = place.start(
        "apply", place.file(worlds.distributed()), strike=Strike(at=40, signal=signal.SIGSTOP)
    )
    assert process.wait_until_stopped()
    assert not process.ends_within(0.05)
    process.send(signal.SIGCONT)
    assert process.wait().status == 0


def test_one_that_does_not_end_is_a_failure_and_does_not_stay(place: Place) -> None:
    process = place.start(
        "apply", place.file(worlds.distributed()), strike=Strike(at=1, signal=signal.SIGSTOP)
    )
    with pytest.raises(AssertionError, match=r"not ended after 0\.1 s"):
        process.wait(0.1)


def test_many_run_at_the_same_time(program: Program) -> None:
    begun = [program.start("--version") for _ in range(8)]
    assert [one.wait().status for one in begun] == [0] * 8
    assert len({one.pid for one in begun}) == 8


def test_the_judge_sees_a_dead_file_and_an_unmarked_link(place: Place) -> None:
    place.host.netns_dir.mkdir(parents=True, exist_ok=True)
    (place.host.netns_dir / "qrouter-1").touch()
    assert "dead file qrouter-1" in place.leaks()
    (place.host.netns_dir / "qrouter-1").unlink()
    with place.host.netlink() as rt:
        (ack,) = rt.batch([link.new_bridge("stray", mac="02:00:00:00:00:77", mtu=1500)])
        assert ack.errno == 0
        assert place.leaks() == ["unmarked link stray in the host"]
        rt.batch([link.delete_link("stray")])
    assert place.leaks() == []


def test_the_judge_sees_a_name_that_is_mounted_twice(place: Place) -> None:
    mount("/proc/thread-self/ns/net", place.host.netns_dir / "vm1", "none", MS_BIND)
    assert "vm1 mounted 2 times" in place.leaks()


def test_the_judge_sees_a_namespace_that_has_no_name_any_more(place: Place) -> None:
    names = NetnsDirectory(place.host.netns_dir)
    place.host.make_netns("lost")
    place.surrounded()
    held = names.open("lost")  # what keeps it alive
    try:
        with place.host.netlink() as rt:
            macs = ("02:00:00:00:00:78", "02:00:00:00:00:79")
            pair = link.new_veth("here", macs[0], 1500, "there", macs[1], peer_netns_fd=held)
            (ack,) = rt.batch([pair])
            assert ack.errno == 0
        place.surrounded()
        assert place.leaks() == []
        names.remove("lost")
        place.patience = 0.1  # nobody clears it up
        (found,) = place.leaks()
        assert "without a name" in found
    finally:
        os.close(held)
    place.patience = CLEARED
    assert place.leaks() == []


def test_the_judge_sees_what_differs(place: Place) -> None:
    place.done("apply", place.file(worlds.distributed()))
    assert place.faults() == []
    before = place.picture(place.committed())
    with place.host.netlink() as rt:
        tap = next(name for name, one in place.host.links().items() if name not in (BRIDGE, "lo"))
        rt.batch([link.delete_link(tap)])
    assert place.faults() != []
    assert place.picture(place.committed()).differences(before) != []


def test_the_server_has_one_thread_whatever_the_test_has(program: Program) -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        assert program.run("--version").status == 0
    finally:
        end.set()
        thread.join()
