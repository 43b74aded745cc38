"""The watch as its unit runs it: a user of its own, four capabilities, the unit's filters, nothing else."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from deuteron.kernel.linux.confine import inspect
from deuteron.kernel.linux.netns import NetnsDirectory
from tests.cli.command import Site, example
from tests.install.service import Installed, Service
from tests.support.reach import python_within_reach

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(
        Path("/proc/self/uid_map").read_text().split()[2] == "1",
        reason="needs root: this user namespace has no second user to run a service as",
    ),
]

#: What looks at the command lines of this whole machine, other tests' as well.
_COMMAND_LINES = "DTN-405"
_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")


@pytest.fixture
def installed(site: Site) -> Iterator[Installed]:
    """Installed, with a topology; nothing applied."""
    with python_within_reach():
        made = Installed()
        made.file.write_text(example())
        yield made


def namespaces(site: Site, prefix: str) -> list[str]:
    return sorted(one for one in NetnsDirectory(site.host.netns_dir).list() if one.startswith(prefix))


def hurt(site: Site, service: Service) -> None:
    """A namespace is deleted, a parameter flipped, an address removed; until all is mended."""
    router, snat = namespaces(site, "qrouter-")[0], namespaces(site, "snat-")[0]
    names = NetnsDirectory(site.host.netns_dir)
    site.remove_address("vm1", "10.0.0.5")
    with site.host.inside(router):
        _FORWARD.write_text("0")
    names.remove(snat)
    service.until(lambda: bool(names.inode(snat)), "the namespace that was deleted")
    with site.host.inside(router):
        service.until(lambda: _FORWARD.read_text() == "1\n", "the parameter")
    service.until(
        lambda: any(" 10.0.0.5/" in f" {line.split()[1]}" for line in site.picture()["vm1"] if "/" in line),
        "the address",
    )


def test_the_service_applies_repairs_and_reloads_as_its_unit_starts_it(
    site: Site, installed: Installed
) -> None:
    with Service(installed) as service:
        posture = inspect.posture(service.process.pid)
        assert (posture.role, posture.confined) == ("watch", True)
        hurt(site, service)

        installed.file.write_text(example(("203.0.113.50", "203.0.113.60")))
        service.process.send_signal(signal.SIGHUP)
        service.until_told("RELOADING=1")
        service.until_told("READY=1", times=2)
        service.until(lambda: installed.root("verify", installed.file).status == 0, "the new topology")

        assert "WATCHDOG=1" in service.told
        assert service.end() == 0
        assert service.told[-1] == "STOPPING=1"
        assert "unit-failed" not in service.output()
    assert installed.not_the_services() == []


def test_nothing_that_root_does_beside_it_is_in_its_way(site: Site, installed: Installed) -> None:
    file = str(installed.file)
    assert installed.root("plan", file).status == 3
    assert installed.root("apply", file).status == 0
    assert installed.not_the_services() == []
    with Service(installed) as service:
        for verb in ("status", f"verify {file}", "doctor", "keys rotate"):
            done = installed.root(*verb.split())
            assert done.status == 0, (verb, done, service.output())
            assert installed.not_the_services() == [], verb
        installed.root("apply", file).refused("state-locked", 1)
        assert installed.not_the_services() == []
        found = installed.root("audit", "-o", "json").document()["findings"]
        failed = {one["check"]: one["evidence"] for one in found if one["status"] == "fail"}
        assert failed.keys() <= {_COMMAND_LINES}, failed
        assert installed.not_the_services() == []
        hurt(site, service)
        told = installed.root("uninstall", "--dry-run")
        assert "the watch runs or is enabled" in told.err, told
        assert service.end() == 0
    assert installed.root("destroy").status == 0
    assert installed.not_the_services() == []
    assert site.host.leaks() == []
