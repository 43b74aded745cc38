"""The program is started again and again while packets pass: none is lost, and nothing is written."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from deuteron.inputs import Allocations, load
from deuteron.lab import probe
from deuteron.lab.payload_world import PayloadWorld
from deuteron.lab.scene import INTERNET
from deuteron.lab.world import LinuxWorld
from tests.crash.messages import Strike
from tests.crash.place import Place
from tests.crash.process import Program
from tests.crash.traffic import Traffic
from tests.netns.site import floating, instance, merge, public, router, tenant
from tests.support.sandbox import Host

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(300)]

DISTRIBUTED, CENTRALISED = "203.0.113.50", "203.0.113.51"
PACKETS = 10_000
RATE = 1000.0

BOTH = merge(
    public(),
    tenant(),
    tenant("db", "10.0.1.0/24"),
    {"routers": [router("r1", "web-v4", distributed=True), router("r2", "db-v4", address="203.0.113.20")]},
    {"ports": [instance("vm1", "10.0.0.5"), instance("vm3", "10.0.1.5", "db")]},
    {"floatingips": [floating(DISTRIBUTED, "vm1"), floating(CENTRALISED, "vm3")]},
)


@pytest.fixture
def running(host: Host, program: Program, tmp_path: Path) -> Iterator[tuple[Place, Path]]:
    """Both kinds of router with a floating IP each, reached from the internet."""
    place = Place(host, program, tmp_path)
    file = place.file(BOTH)
    with LinuxWorld() as ground:
        around = PayloadWorld(ground, load(file, host=None, allocations=Allocations()).view)
        around.prepare()
        place.surrounded()
        place.done("apply", file)
        around.populate()
        place.surrounded()
        for address in (DISTRIBUTED, CENTRALISED):
            assert probe.ping(INTERNET, address, tries=5).ok, address
        yield place, file


def test_a_new_process_loses_no_packet_and_writes_nothing(running: tuple[Place, Path]) -> None:
    place, file = running
    restarts = 0
    with Traffic([DISTRIBUTED, CENTRALISED], PACKETS, RATE) as traffic:
        while traffic.flowing:
            ended = place.done("apply", *([file] if restarts % 2 else []))
            assert (ended.report.messages, ended.report.transactions) == (0, 0), str(ended)
            assert "sysctl.write" not in ended.report.verbs
            restarts += 1
        assert traffic.lost() == []
    assert traffic.sent == PACKETS
    assert restarts >= 10
    print(f"{traffic.sent} packets, {restarts} restarts")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_watching_process_that_comes_and_goes_loses_no_packet(
    running: tuple[Place, Path], end: signal.Signals
) -> None:
    place, file = running
    statuses = []
    with Traffic([DISTRIBUTED, CENTRALISED], PACKETS, RATE) as traffic:
        while traffic.flowing:
            process = place.start("apply", file, "--watch")
            process.says("units=0 failed=0")
            assert process.catches(signal.SIGTERM)
            process.send(end)
            ended = process.wait()
            assert ended.status == (0 if end == signal.SIGTERM else -signal.SIGKILL), str(ended)
            assert (ended.report.messages, ended.report.transactions) == (0, 0), str(ended)
            statuses.append(ended.status)
        assert traffic.lost() == []
    assert len(statuses) >= 5
    assert place.faults() == []


def test_a_process_killed_at_any_moment_loses_no_packet(running: tuple[Place, Path]) -> None:
    place, file = running
    count = len(place.done("apply", file).report.verbs)
    killed = 0
    with Traffic([DISTRIBUTED, CENTRALISED], PACKETS // 4, RATE) as traffic:
        while traffic.flowing:
            place.run("apply", file, strike=Strike(at=1 + killed * 7 % count, signal=signal.SIGKILL))
            killed += 1
        assert traffic.lost() == []
    assert killed >= 5
    assert place.faults() == []
