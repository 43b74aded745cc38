"""A host with the example applied, logs and a configuration: what sabotages are done to."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deuteron.cli.session import committed_view
from deuteron.compile import compile_host
from deuteron.lab.inside import NETNS_DIR, inside
from deuteron.objects import Netns
from tests.cli.command import ONE_HOST
from tests.hands.program import Ended, Program
from tests.support.sandbox import Host


class World:
    """A host that is as wanted, and the program on it, in the test's own process.

    Attributes:
        source: the file that was applied.
        config: the configuration in use.
        log: the log file that it names.
    """

    def __init__(self, host: Host, folder: Path, environment: pytest.MonkeyPatch) -> None:
        self.host = host
        self.folder = folder
        self.state = folder / "state"
        self.run = Program(self.state)
        self.source = self._file("topology.yaml", ONE_HOST.read_text())
        self.log = self._file("deuteron.log", "")
        self.config = self._file("deuteron.toml", f'[log]\nform = "json"\nfile = "{self.log}"\n')
        environment.setenv("DEUTERON_CONFIG", str(self.config))
        environment.setenv("NO_COLOR", "1")
        host.make_bridge("br-ex")
        for name in ("vm1", "vm2", "vm3"):
            host.make_netns(name)
        self.run.well("apply", self.source)

    def _file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def audit(self, *options: str | Path) -> Ended:
        """``deuteron audit -o json``."""
        return self.run("audit", "-o", "json", *options)

    def netns(self, prefix: str) -> str:
        """The first namespace whose name begins so."""
        return min(path.name for path in NETNS_DIR.iterdir() if path.name.startswith(prefix))

    def distributed(self) -> str:
        """The namespace of the router that has floating IPs here."""
        return f"qrouter-{self.netns('snat-').removeprefix('snat-')}"

    def device(self, netns: str, prefix: str) -> str:
        """The first link there whose name begins so."""
        return min(name for name in self.host.links(netns) if name.startswith(prefix))

    def hand(self, netns: str, *commands: str) -> None:
        """Somebody's commands, in a namespace or on the host ("")."""

        def work() -> None:
            for command in commands:
                shell(command)

        if netns:
            inside(NETNS_DIR / netns, work)
        else:
            work()

    def secrets(self) -> set[str]:
        """What a report may never show: names, ids and addresses of all that is there."""
        view = committed_view(self.state)
        units = compile_host(view).units
        spaces = {thing.name for unit in units for thing in unit.objects if isinstance(thing, Netns)}
        ids = {unit.name.partition("/")[2] for unit in units}
        addresses = {one.ip_address for port in view.ports for one in port.fixed_ips}
        macs = {port.mac_address for port in view.ports}
        return spaces | ids | addresses | macs


def shell(command: str) -> None:
    """One command, which has to succeed."""
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, (command, done.stderr)


def child(work: Callable[[], None]) -> Callable[[], None]:
    """A process that does ``work`` and then waits; the answer ends it."""
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:  # nothing of pytest may run here
        try:
            work()
            os.write(tell, b"x")
            signal.pause()
        finally:
            os._exit(1)
    os.close(tell)
    assert os.read(ready, 1) == b"x"
    os.close(ready)

    def end() -> None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    return end
