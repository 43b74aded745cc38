"""The watch as a service of a user of its own, who is granted capabilities and nothing else."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from deuteron.kernel.linux.confine import inspect
from deuteron.kernel.linux.netns import NetnsDirectory
from tests.cli.command import Deuteron, Site, example
from tests.confine.running import Running
from tests.support.reach import python_within_reach
from tests.support.sandbox import Host

pytestmark = pytest.mark.kernel

_USER: Final = 65534
#: CAP_NET_BROADCAST, _NET_ADMIN, _NET_RAW, _SYS_ADMIN.
_GRANTED: Final = (11, 12, 13, 21)
_UID_MAP: Final = Path("/proc/self/uid_map")
_PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 47, 2


def become_the_user() -> None:
    """For the child before exec: what a unit with ``User=`` and ``AmbientCapabilities=`` does."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(_USER, _USER, _USER)
    os.setresuid(_USER, _USER, _USER)
    mask = sum(1 << one for one in _GRANTED)
    header, data = (ctypes.c_uint32 * 2)(0x2008_0522, 0), (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    if libc.capset(header, data) != 0:
        os._exit(97)
    for one in _GRANTED:
        if libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, one, 0, 0) != 0:
            os._exit(98)


@pytest.fixture
def site(host: Host) -> Iterator[Site]:
    """A host as the installation leaves it for the user: names, run and state directories."""
    if _UID_MAP.read_text().split()[2] == "1":
        pytest.skip("needs root: this user namespace has no second user to run the watch as")
    host.make_bridge("br-ex")
    for name in ("vm1", "vm2", "vm3"):
        host.make_netns(name)
    os.chown(host.netns_dir, 0, _USER)
    host.netns_dir.chmod(0o775)
    place = Path("/run/t")
    for directory, mode in ((Path("/run/deuteron"), 0o700), (place / "state", 0o700)):
        directory.mkdir(parents=True, mode=mode)
        os.chown(directory, _USER, _USER)
    with python_within_reach():
        yield Site(host, Deuteron(place / "state"), place)


def test_it_programs_and_repairs_the_host(site: Site) -> None:
    file = site.file(example())
    with Running(file, site.run.state, before=become_the_user) as watch:
        names = NetnsDirectory(site.host.netns_dir)
        router = min(name for name in names.list() if name.startswith("qrouter-"))
        snat = min(name for name in names.list() if name.startswith("snat-"))
        parameter = Path("/proc/sys/net/ipv4/ip_forward")
        posture = inspect.posture(watch.process.pid)
        assert (posture.role, posture.confined) == ("watch", True)
        site.remove_address("vm1", "10.0.0.5")
        with site.host.inside(router):
            parameter.write_text("0")
        names.remove(snat)
        watch.until(lambda: bool(names.inode(snat)), "the namespace that was deleted")
        with site.host.inside(router):
            watch.until(lambda: parameter.read_text() == "1\n", "the parameter")
        assert watch.end() == 0
        assert {one["code"] for one in watch.records("unit-failed")} == set()
    assert site.run("verify", file).status == 0
