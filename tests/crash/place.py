"""A host with a state directory, the program on it, and what must hold there whenever it has ended."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from msgspec.structs import replace

from deuteron.apply.look import look_for
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.linux.lifecycle import FALLBACK_DEVICES
from deuteron.kernel.linux.netlink import nsid
from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.objects import HOST, KernelObject, Look, Wanted
from deuteron.objects.base import Key
from deuteron.objects.observed import Foreign
from deuteron.objects.ownership import owner_of
from deuteron.reconcile import make_plan
from deuteron.reconcile.render import line
from deuteron.state.directory import State
from tests.crash.messages import Strike
from tests.crash.process import Ended, Process, Program
from tests.support.sandbox import Host

#: The provider bridge and the instances' namespaces of every topology here.
BRIDGE: Final = "br-ex"
INSTANCES: Final = ("vm1", "vm2", "vm3", "vm4")

_NOTHING: Final = Wanted(units=())
_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
#: Seconds for the kernel to clear a namespace up after its last user is gone; all tests share its one worker.
CLEARED: Final = 30.0


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """All that can be seen of a host, but for numbers that the kernel chooses anew each time."""

    objects: dict[Key, KernelObject]
    owners: dict[Key, str]
    foreign: tuple[Foreign, ...]
    netns: dict[str, bool]
    links: dict[str, tuple[tuple[Any, ...], ...]]

    def differences(self, other: Picture) -> list[str]:
        """What is not the same in both, a line each."""
        keys = sorted(self.objects.keys() | other.objects.keys())
        pairs = [(key, self.objects.get(key), other.objects.get(key)) for key in keys]
        lines = [f"{one!r} != {two!r}" for _, one, two in pairs if one != two]
        lines += [
            f"owner of {key}: {self.owners.get(key)} != {other.owners.get(key)}"
            for key in sorted(self.owners.keys() & other.owners.keys())
            if self.owners[key] != other.owners[key]
        ]
        for name in ("foreign", "netns", "links"):
            one, two = getattr(self, name), getattr(other, name)
            lines += [f"{name}: {one!r} != {two!r}"] if one != two else []
        return lines


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """What a state directory says.

    Attributes:
        source: the file of what is committed; "" where nothing is.
        view: what is committed.
        pending: whether the journal tells of an unfinished change.
    """

    source: str = ""
    view: HostView | None = None
    pending: bool


class Place:
    """One host, one state directory."""

    def __init__(self, host: Host, program: Program, folder: Path, state: str = "state") -> None:
        self.host = host
        self.program = program
        self.folder = folder
        self.state = folder / state
        self.patience = CLEARED
        self._files = 0
        self._surroundings: dict[str, frozenset[str]] = {}
        self.surrounded()

    def furnish(self) -> None:
        """What must be there before anything is applied: a provider bridge, instances' namespaces."""
        self.host.make_bridge(BRIDGE)
        for name in INSTANCES:
            self.host.make_netns(name)
        self.surrounded()

    def surrounded(self) -> None:
        """Whatever is on the host now without a mark is somebody else's."""
        for name in (HOST, *NetnsDirectory(self.host.netns_dir).list()):
            records = self.host.links(name).values()
            self._surroundings[name] = frozenset(one.name for one in records if owner_of(one.alias) is None)

    # The program.

    def file(self, topology: dict[str, Any] | str) -> Path:
        """A file with this topology."""
        self._files += 1
        path = self.folder / f"topology-{self._files}.yaml"
        path.write_text(topology if isinstance(topology, str) else yaml.dump(topology, Dumper=_DUMPER))
        return path

    def start(self, *arguments: str | Path, strike: Strike | None = None) -> Process:
        return self.program.start(*arguments, "--state-dir", self.state, strike=strike)

    def run(self, *arguments: str | Path, strike: Strike | None = None) -> Ended:
        return self.start(*arguments, strike=strike).wait()

    def done(self, *arguments: str | Path) -> Ended:
        """The same where it must succeed."""
        ended = self.run(*arguments)
        assert ended.status == 0, str(ended)
        return ended

    # The judge.

    def ledger(self) -> Ledger:
        """What the state directory says, as the next process would read it."""
        with State(self.state) as state:
            record, pending = state.record(), state.pending()
        known = Ledger(pending=pending is not None)
        return known if record is None else replace(known, source=record.source, view=record.view)

    def committed(self) -> HostView | None:
        return self.ledger().view

    def source(self) -> str:
        return self.ledger().source

    def pending(self) -> bool:
        return self.ledger().pending

    def picture(self, *views: HostView | None) -> Picture:
        """All that can be seen, where ``views`` (and what is committed) look."""
        with self._kernel() as kernel:
            seen = kernel.observe(_everywhere(*views))
        return Picture(
            objects=seen.objects,
            owners=seen.owners,
            foreign=seen.foreign,
            netns=seen.netns,
            links={name: self._links(name) for name in (HOST, *seen.netns) if seen.netns.get(name, True)},
        )

    def _links(self, netns: str) -> tuple[tuple[Any, ...], ...]:
        records = self.host.links(netns).values()
        rows = [(one.name, one.kind, one.mac, one.up, one.mtu, one.alias, one.altnames) for one in records]
        return tuple(sorted(rows))

    def faults(self, ledger: Ledger | None = None) -> list[str]:
        """What is not as was committed, and what is left of anything else; a line each."""
        view = (ledger or self.ledger()).view
        wanted = _NOTHING if view is None else compile_host(view)
        with self._kernel() as kernel:
            plan = make_plan(wanted, kernel.observe(_everywhere(view)))
        differing = [f"{unit.title}: {line(step)}" for unit in plan.units for step in unit.steps]
        return differing + self.leaks(nothing_wanted=view is None)

    def leaks(self, *, nothing_wanted: bool = False) -> list[str]:
        """What nobody would ever find or take away again."""
        found = list(self.host.leaks()) if nothing_wanted else []
        directory = NetnsDirectory(self.host.netns_dir)
        names = directory.list()
        found += [f"dead file {name}" for name, inode in names.items() if not inode]
        mounted = Counter(_mount_points(self.host.netns_dir))
        found += [f"{name} mounted {count} times" for name, count in mounted.items() if count > 1]
        live = [HOST, *(name for name, inode in names.items() if inode)]
        for name in live:
            found += self._unmarked(name)
        return found + self._nameless(live)

    def _unmarked(self, netns: str) -> list[str]:
        around = self._surroundings.get(netns, frozenset({"lo"})) | FALLBACK_DEVICES
        return [
            f"unmarked link {name} in {netns or 'the host'}"
            for name, record in self.host.links(netns).items()
            if name not in around and owner_of(record.alias) is None
        ]

    def _nameless(self, live: list[str]) -> list[str]:
        """Namespaces that others have links to, but no name leads to."""
        deadline = time.monotonic() + self.patience
        while (found := self._strangers(live)) and time.monotonic() < deadline:
            time.sleep(0.005)  # they are being cleared up
        return found

    def _strangers(self, live: list[str]) -> list[str]:
        files = [self._open(name) for name in live]
        found: list[str] = []
        try:
            for name in live:
                with self.host.netlink(name) as rt:
                    numbers = {nsid.parse_nsid(one) for one in rt.dump(nsid.dump_nsids())}
                    known = {nsid.parse_nsid(rt.request(nsid.get_nsid(file))) for file in files}
                found += [
                    f"a namespace without a name, {one} to {name or 'the host'}" for one in numbers - known
                ]
        finally:
            for file in files:
                os.close(file)
        return found

    def _open(self, netns: str) -> int:
        path = self.host.netns_dir / netns if netns else Path("/proc/thread-self/ns/net")
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    @contextmanager
    def _kernel(self) -> Iterator[LinuxKernel]:
        kernel = LinuxKernel(self.host.netns_dir)
        try:
            yield kernel
        finally:
            kernel.close()


def _everywhere(*views: HostView | None) -> Look:
    wanted = [compile_host(view) for view in views if view is not None]
    look = look_for(_NOTHING, *wanted)
    return replace(look, namespaces=look.namespaces | frozenset(INSTANCES))


def _mount_points(directory: Path) -> list[str]:
    """Names in ``directory`` that a namespace is mounted on, once for each mount (proc_pid_mountinfo(5)).

    Mounts that another one of the directory hides, those of before a reboot, are not counted.
    """
    if not directory.is_dir():
        return []
    rows = [row.split() for row in Path("/proc/thread-self/mountinfo").read_text().splitlines()]
    inside = {_mount_of(directory)}
    points: list[str] = []
    for number, parent, _device, _root, point, *rest in rows:
        if parent in inside and rest[rest.index("-") + 1] == "nsfs":
            inside.add(number)  # one on top of another is inside as well
            points.append(Path(point).name)
    return points


def _mount_of(directory: Path) -> str:
    """The number of the mount that is seen at ``directory`` (proc_pid_fdinfo(5))."""
    file = os.open(directory, os.O_PATH | os.O_CLOEXEC)
    try:
        rows = Path(f"/proc/thread-self/fdinfo/{file}").read_text().splitlines()
    finally:
        os.close(file)
    return next(row.split()[1] for row in rows if row.startswith("mnt_id:"))
