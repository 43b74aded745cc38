"""One kernel under test, with somebody else on its host: the same words for the fake and the real one."""

from __future__ import annotations

import subprocess
from typing import Protocol

from deuteron.kernel.fake import FakeKernel
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.protocol import Kernel
from tests.support.sandbox import Host


class Rig(Protocol):
    """A kernel, and what others do to the host."""

    @property
    def kernel(self) -> Kernel: ...

    def netns(self, name: str) -> None:
        """A namespace that is not ours."""

    def dead_netns(self, name: str) -> None:
        """A left-over file."""

    def remove_netns(self, name: str) -> None:
        """Somebody removes a namespace."""

    def bridge(self, name: str) -> None:
        """A bridge of the host."""

    def link(self, netns: str, name: str) -> None:
        """A bridge that is not ours, up."""

    def remove_link(self, netns: str, name: str) -> None:
        """Somebody removes a link."""

    def address(self, netns: str, dev: str, address: str) -> None:
        """An address that is not ours."""

    def route(self, netns: str, destination: str, dev: str) -> None:
        """A route that is not ours."""

    def rule(self, netns: str, priority: int, table: int) -> None:
        """A rule that is not ours."""

    def table(self, netns: str, name: str) -> None:
        """An nftables table that is not ours."""

    def show(self, netns: str) -> str:
        """Everything in a namespace as text, to compare before and after."""


class FakeRig:
    """The fake plays everybody."""

    def __init__(self) -> None:
        self.kernel = FakeKernel()
        self.netns = self.kernel.add_instance_netns
        self.dead_netns = self.kernel.add_dead_netns
        self.remove_netns = self.kernel.remove_netns
        self.remove_link = self.kernel.remove_link
        self.address = self.kernel.add_foreign_address
        self.table = self.kernel.add_foreign_table

    def bridge(self, name: str) -> None:
        self.kernel.add_host_bridge(name)

    def link(self, netns: str, name: str) -> None:
        self.kernel.add_foreign_link(netns, name, kind="bridge")

    def route(self, netns: str, destination: str, dev: str) -> None:
        self.kernel.add_foreign_route(netns, destination, dev)

    def rule(self, netns: str, priority: int, table: int) -> None:
        self.kernel.add_foreign_rule(netns, priority, table)

    def show(self, netns: str) -> str:
        return repr(self.kernel.snapshot()[netns])


class LinuxRig:
    """Everybody else uses ``ip`` and ``nft``."""

    def __init__(self, kernel: LinuxKernel, host: Host) -> None:
        self.kernel = kernel
        self._host = host
        self.netns = host.make_netns

    def dead_netns(self, name: str) -> None:
        self._host.netns_dir.mkdir(parents=True, exist_ok=True)
        (self._host.netns_dir / name).touch()

    def remove_netns(self, name: str) -> None:
        self._run("", "ip", "netns", "del", name)

    def bridge(self, name: str) -> None:
        self._host.make_bridge(name)

    def link(self, netns: str, name: str) -> None:
        self._host.make_bridge(name, netns)

    def remove_link(self, netns: str, name: str) -> None:
        self._run(netns, "ip", "link", "del", "dev", name)

    def address(self, netns: str, dev: str, address: str) -> None:
        self._run(netns, "ip", "address", "add", address, "dev", dev)

    def route(self, netns: str, destination: str, dev: str) -> None:
        self._run(netns, "ip", "route", "add", destination, "dev", dev)

    def rule(self, netns: str, priority: int, table: int) -> None:
        self._run(netns, "ip", "rule", "add", "priority", str(priority), "table", str(table))

    def table(self, netns: str, name: str) -> None:
        self._run(netns, "nft", "add", "table", "inet", name)

    def show(self, netns: str) -> str:
        looks = (
            "address",
            "route show table all",
            "-6 route show table all",
            "rule",
            "neigh show nud permanent",
        )
        shown = [self._run(netns, "ip", *look.split()) for look in looks]
        return "\n".join([*shown, self._run(netns, "nft", "list", "ruleset")])

    def _run(self, netns: str, *argv: str) -> str:
        with self._host.inside(netns):
            return subprocess.run(argv, check=True, capture_output=True, text=True).stdout
