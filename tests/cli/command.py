"""``deuteron`` as a user calls it: the installed program, in the private host of the test."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from deuteron.kernel.linux.netlink import address
from tests.support.sandbox import Host

ROOT: Final = Path(__file__).parents[2]
PAYLOADS: Final = ROOT / "tests" / "data" / "neutron-payloads"
ONE_HOST: Final = ROOT / "examples" / "one-host.yaml"
PROGRAM: Final = Path(sys.executable).parent / "deuteron"

_SENTENCE: Final = re.compile(r"deuteron: (?P<sentence>\S.*\S) \[(?P<code>[a-z]+(-[a-z0-9]+)*)\]\n")
_PR_CAPBSET_DROP: Final = 24
_LAST_CAP: Final = Path("/proc/sys/kernel/cap_last_cap")


class Ended(msgspec.Struct, frozen=True):
    """How a command ended."""

    status: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        """Standard output, which is one JSON document."""
        decoded: dict[str, Any] = msgspec.json.decode(self.out)
        return decoded

    def last_line(self) -> str:
        return self.out.splitlines()[-1]

    def refused(self, code: str, status: int) -> str:
        """The one sentence of a refusal; anything else on the way fails the test."""
        match = _SENTENCE.fullmatch(self.err)
        assert match is not None, self.err
        assert (match["code"], self.status, self.out) == (code, status, ""), self
        return match["sentence"]


def without_privilege() -> None:
    """For the child before exec: user 0 as it may be in a locked-down container, with no capability."""
    libc = ctypes.CDLL(None)
    for capability in range(int(_LAST_CAP.read_text()) + 1):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


class Deuteron(msgspec.Struct, frozen=True):
    """The program with a state directory of its own."""

    state: Path

    def environment(self) -> dict[str, str]:
        return {**os.environ, "DEUTERON_STATE_DIR": str(self.state), "COLUMNS": "80", "NO_COLOR": "1"}

    def __call__(
        self, *arguments: str | Path, preexec: Callable[[], None] | None = None, **environment: str
    ) -> Ended:
        done = subprocess.run(
            [str(PROGRAM), *map(str, arguments)],
            env=self.environment() | environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            preexec_fn=preexec,
        )
        return Ended(done.returncode, done.stdout, done.stderr)


class Site(msgspec.Struct, frozen=True):
    """A host with a provider bridge and instances' namespaces, and the program on it."""

    host: Host
    run: Deuteron
    folder: Path

    def file(self, text: str, name: str = "topology.yaml") -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def namespaces(self) -> list[str]:
        directory = self.host.netns_dir
        return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []

    def picture(self) -> dict[str, list[str]]:
        """All links of all namespaces, and the addresses on them (but those that a link gives itself)."""
        return {netns: self._inside(netns) for netns in ["", *self.namespaces()]}

    def _inside(self, netns: str) -> list[str]:
        with self.host.netlink(netns) as rt:
            found = [address.parse_address(payload) for payload in rt.dump(address.dump_addresses())]
        links = self.host.links(netns).values()
        lines = [f"{link.index} {link.name} {link.kind} {link.mac} {link.up}" for link in links]
        return sorted(
            lines + [f"{one.index} {one.address}" for one in found if not one.address.startswith("fe80:")]
        )

    def address_of(self, netns: str, prefix: str) -> tuple[int, str]:
        """Link and address of the first one in ``netns`` that begins so."""
        with self.host.netlink(netns) as rt:
            found = [address.parse_address(payload) for payload in rt.dump(address.dump_addresses())]
        return next((one.index, one.address) for one in found if one.address.startswith(prefix))

    def remove_address(self, netns: str, prefix: str) -> str:
        """What somebody does by hand."""
        index, found = self.address_of(netns, prefix)
        with self.host.netlink(netns) as rt:
            (ack,) = rt.batch([address.delete_address(index, found)])
        assert ack.errno == 0
        return found


def example(*changes: tuple[str, str]) -> str:
    """The example's text with a few words replaced."""
    text = ONE_HOST.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text
