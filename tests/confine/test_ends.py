"""How a confined watch ends: with its broker, and never in a core dump."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from deuteron.kernel.linux.confine import inspect
from tests.cli.command import Deuteron, Site, example
from tests.confine.running import PATIENCE, Running
from tests.support.sandbox import Host

pytestmark = pytest.mark.kernel


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Site:
    made = Site(host, Deuteron(tmp_path / "state"), tmp_path)
    host.make_bridge("br-ex")
    for name in ("vm1", "vm2", "vm3"):
        host.make_netns(name)
    return made


def broker_of(watch: Running) -> int:
    pid = watch.process.pid
    (broker,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert inspect.posture(int(broker)).role == "broker"
    return int(broker)


def test_the_watch_ends_with_its_broker_and_names_the_code(site: Site) -> None:
    with Running(site.file(example()), site.run.state) as watch:
        os.kill(broker_of(watch), signal.SIGKILL)
        assert watch.process.wait(PATIENCE) == 1
        assert watch.records("watch-ended")[-1]["code"] == "broker-gone"
    assert site.run("verify").status == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_broker_ends_with_the_watch(site: Site, number: signal.Signals) -> None:
    with Running(site.file(example()), site.run.state) as watch:
        broker = broker_of(watch)
        os.kill(broker, number)  # as Ctrl-C and a service manager do: it is for the watch to decide
        assert watch.end(number) == 0
        assert not Path(f"/proc/{broker}").exists()


def test_the_broker_ends_where_the_watch_is_killed(site: Site) -> None:
    with Running(site.file(example()), site.run.state) as watch:
        place = Path(f"/proc/{broker_of(watch)}/stat")
        watch.process.kill()
        watch.process.wait(PATIENCE)
        for _ in range(500):
            try:
                state = place.read_text().rpartition(")")[2].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                break
            if state == "Z":  # whoever inherits it may be slow to bury it
                break
            signal.sigtimedwait([], 0.01)
        else:
            pytest.fail("the broker lives on")


def test_a_crash_leaves_no_core(site: Site) -> None:
    with Running(site.file(example()), site.run.state) as watch:
        os.kill(watch.process.pid, signal.SIGABRT)
        _pid, status = os.waitpid(watch.process.pid, 0)
        assert (os.WTERMSIG(status), os.WCOREDUMP(status)) == (signal.SIGABRT, False)


def test_a_file_that_is_replaced_is_applied_by_the_confined_watch(site: Site) -> None:
    file = site.file(example())
    with Running(file, site.run.state) as watch:
        new = site.folder / "new.yaml"
        new.write_text(example(("203.0.113.51", "203.0.113.52")))
        new.replace(file)
        watch.until(
            lambda: any(one.get("noticed") == "file" for one in watch.records("unit-done")),
            "the change of FILE",
        )
        assert watch.end() == 0
    assert site.run("verify", file).status == 0
