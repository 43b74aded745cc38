"""What the verbs of the engine have in common: reading the input, opening the kernel and the state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from deuteron.apply import State, default_state_dir
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.errors import HostError
from deuteron.inputs import Loaded, load
from deuteron.inputs.allocate import Allocations
from deuteron.kernel.linux import LinuxKernel, probe
from deuteron.objects import Wanted


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


def state_path(state_dir: Path | None) -> Path:
    """The state directory that was named, or this user's."""
    return state_dir or default_state_dir()


def known_allocations(state_dir: Path | None) -> Allocations:
    """What earlier applies allocated; nothing is made where there is no state directory yet."""
    path = state_path(state_dir)
    if not (path / "state.sqlite").exists():
        return Allocations()
    with State(path) as state:
        return state.allocations()


def committed_view(state_dir: Path | None) -> HostView:
    """What was applied last.

    Raises:
        HostError: ``nothing-applied``.
    """
    path = state_path(state_dir)
    if (path / "state.sqlite").exists():
        with State(path) as state:
            view = state.committed()
        if view is not None:
            return view
    raise HostError(
        "nothing-applied",
        f"nothing has been applied with the state directory {path}; name a file, or another --state-dir",
    )


def committed_wanted(state_dir: Path | None) -> tuple[Wanted, ...]:
    """What was wanted before, where that is known; for a look that sees all of it."""
    path = state_path(state_dir)
    if not (path / "state.sqlite").exists():
        return ()
    with State(path) as state:
        view = state.committed()
    return () if view is None else (compile_host(view),)
