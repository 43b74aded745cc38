"""Private namespaces for the tests: nothing they do is seen by the host."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from deuteron.errors import HostError
from deuteron.kernel.linux import sandbox
from deuteron.kernel.linux.libc import setns
from deuteron.kernel.linux.netlink import link
from deuteron.kernel.linux.netlink.socket import NetlinkSocket
from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.kernel.linux.worker import Worker, open_own_netns
from deuteron.objects import HOST
from deuteron.objects.ownership import may_be_ours, owner_of

_STATE = "DEUTERON_TEST_SANDBOX"
_ENTERED = "entered"


def enter_once() -> None:
    """Put this process, and all that it starts, in a sandbox; xdist's workers inherit it."""
    if _STATE in os.environ:
        return
    try:
        sandbox.enter_sandbox()
    except HostError as error:
        os.environ[_STATE] = error.message
    else:
        os.environ[_STATE] = _ENTERED


def why_not() -> str:
    """Why tests on a real kernel cannot run here, "" where they can."""
    state = os.environ.get(_STATE, "the sandbox was never entered")
    return "" if state == _ENTERED else state


def why_no_tun() -> str:
    """Why taps cannot be made here, "" where they can."""
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"/dev/net/tun cannot be opened: {error.strerror}"
    return ""


class Host(msgspec.Struct, frozen=True):
    """A host of a test's own: an empty network namespace for the test's thread, an empty ``/run``."""

    netns_dir: Path = Path("/run/netns")

    def make_netns(self, name: str) -> None:
        """A namespace that is not ours, such as an instance's, with ``lo`` up."""
        directory = NetnsDirectory(self.netns_dir)
        worker = Worker()

        def make() -> None:
            directory.keep_own(name)
            with NetlinkSocket() as rt:
                _check(rt, link.set_link(1, up=True))

        try:
            directory.prepare()
            worker.in_new_netns(make)
        finally:
            worker.close()

    def make_bridge(self, name: str, netns: str = HOST) -> None:
        """A bridge that is not ours, up."""
        with self.netlink(netns) as rt:
            _check(rt, link.new_bridge(name, mac="02:00:00:00:be:01", mtu=1500))
            _check(rt, link.set_link(name, up=True))

    @contextmanager
    def netlink(self, netns: str = HOST) -> Iterator[NetlinkSocket]:
        """A netlink socket in ``netns``."""
        with self.inside(netns):
            rt = NetlinkSocket()
        with rt:
            yield rt

    @contextmanager
    def inside(self, netns: str) -> Iterator[None]:
        """Put the test's thread in ``netns`` for a while."""
        home = open_own_netns()
        fd = os.dup(home) if netns == HOST else NetnsDirectory(self.netns_dir).open(netns)
        try:
            setns(fd)
            yield
        finally:
            setns(home)
            os.close(fd)
            os.close(home)

    def links(self, netns: str = HOST) -> dict[str, link.LinkRecord]:
        """The links of ``netns`` by name."""
        with self.netlink(netns) as rt:
            records = [link.parse_link(payload) for payload in rt.dump(link.dump_links())]
        return {record.name: record for record in records}

    def leaks(self) -> list[str]:
        """What of ours is left: namespaces with our prefixes, links with our mark on the host."""
        names = [f"netns {name}" for name in NetnsDirectory(self.netns_dir).list() if may_be_ours(name)]
        ours = [name for name, record in self.links().items() if owner_of(record.alias) is not None]
        return names + [f"link {name}" for name in ours]


def _check(rt: NetlinkSocket, message: bytes) -> None:
    (ack,) = rt.batch([message])
    if ack.errno:
        raise OSError(ack.errno, ack.text or os.strerror(ack.errno))


@contextmanager
def private_host() -> Iterator[Host]:
    """A host for one test; the test's thread is back where it was afterwards."""
    home = open_own_netns()
    try:
        sandbox.private_network()
        with NetlinkSocket() as rt:
            _check(rt, link.set_link(1, up=True))
        try:
            yield Host()
        finally:
            sandbox.leave_private_run()
    finally:
        setns(home)
        os.close(home)
