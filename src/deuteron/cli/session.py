"""What the verbs of the engine have in common: reading the input, opening the kernel and the state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from deuteron.apply import State, default_state_dir
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.errors import HostError
from deuteron.inputs import Loaded, load
from deuteron.inputs.allocate import Allocations
from deuteron.kernel.linux import LinuxKernel, probe
from deuteron.kernel.linux.announce import Announcer
from deuteron.objects import Wanted

#: Seconds after the first at which a command that is about to end announces an address again:
#: a frame that was lost while the bridge learned its ports is made good, and nobody waits long.
ONE_SHOT_REPEATS: Final = (0.1, 0.3)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Which input to read, and how."""

    file: Path
    host: str | None = None
    external_bridges: Sequence[str] = ()


def read(request: Request, allocations: Allocations) -> Loaded:
    """The input as a view; earlier allocations are kept.

    Raises:
        InputError: the file is not acceptable.
    """
    return load(
        request.file,
        host=request.host,
        external_bridges=request.external_bridges,
        allocations=allocations,
    )


@contextmanager
def real_kernel() -> Iterator[LinuxKernel]:
    """This host's kernel, once it is known to have what we need.

    Raises:
        HostError: a privilege or a feature is missing.
    """
    probe.probe()
    kernel = LinuxKernel()
    try:
        yield kernel
    finally:
        kernel.close()


@contextmanager
def kernel_and_state(state_dir: Path | None) -> Iterator[tuple[LinuxKernel, State]]:
    """The kernel, and the state directory held against every other apply.

    Raises:
        HostError: a privilege or a feature is missing, or the directory is in use or unusable.
    """
    probe.probe()
    with State(state_path(state_dir)) as state, state.locked():
        kernel = LinuxKernel(announcer=Announcer(repeats=ONE_SHOT_REPEATS), rulesets=state.rulesets())
        try:
            yield kernel, state
        finally:
            kernel.close()


def state_path(state_dir: Path | None) -> Path:
    """The state directory that was named, or this user's."""
    return state_dir or default_state_dir()


@contextmanager
def known_state(state_dir: Path | None) -> Iterator[State | None]:
    """What earlier applies left, ``None`` where there is nothing; nothing is made.

    Raises:
        HostError: it cannot be read.
    """
    path = state_path(state_dir)
    try:
        there = (path / "state.sqlite").exists()
    except OSError as error:
        message = (
            f"the state directory {path} cannot be read ({error.strerror});"
            " run as its owner, or use another --state-dir"
        )
        raise HostError("state-unusable", message) from error
    if not there:
        yield None
        return
    with State(path) as state:
        yield state


def known_allocations(state_dir: Path | None) -> Allocations:
    """What earlier applies allocated."""
    with known_state(state_dir) as state:
        return Allocations() if state is None else state.allocations()


def committed_view(state_dir: Path | None) -> HostView:
    """What was applied last.

    Raises:
        HostError: ``nothing-applied``.
    """
    with known_state(state_dir) as state:
        view = None if state is None else state.committed()
    if view is None:
        path = state_path(state_dir)
        raise HostError(
            "nothing-applied",
            f"nothing has been applied with the state directory {path}; apply a file first"
            " (deuteron apply FILE), or name another --state-dir",
        )
    return view


def earlier_wanted(state: State | None, view: HostView | None = None) -> tuple[Wanted, ...]:
    """What was wanted before, for a look that sees all of it.

    Args:
        state: the state directory, ``None`` where there is none yet.
        view: what is wanted now; where it is what was wanted before there is nothing earlier to see.
    """
    before = None if state is None else state.committed()
    return () if before is None or before == view else (compile_host(before),)
