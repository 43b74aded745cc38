"""What a diagnosis goes by, gathered: the state directory's memory and a look at the whole host."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from deuteron.agent.change import wanted_of
from deuteron.agent.diagnose import Memory, Seen
from deuteron.apply.destroy import NOTHING
from deuteron.apply.look import look_for
from deuteron.compile import compile_host
from deuteron.errors import HostError
from deuteron.kernel.protocol import Kernel
from deuteron.objects.ownership import may_be_ours
from deuteron.state.directory import State
from deuteron.state.host import owner_of_host, taken


def recall(state: State) -> Memory:
    """What a state directory tells.

    Raises:
        HostError: it cannot be read.
        InputError: this version cannot compile what was wanted.
    """
    pending, committed = state.pending(), state.committed()
    before = compile_host(committed) if committed is not None else None
    wanted = wanted_of(pending) if pending is not None else before
    return Memory(
        wanted=wanted,
        earlier=(before,) if before is not None and pending is not None else (),
        pending=pending,
        intents=state.intents(),
        quarantine=state.quarantine(),
        history=state.history(),
    )


def ownership_trouble(run_dir: Path, path: Path, state_id: str) -> tuple[tuple[str, str], ...]:
    """What speaks against this state directory on this host: code and sentence.

    Args:
        run_dir: where it stands whose host this is.
        path: the state directory.
        state_id: its id, "" where there is no database in it.

    Raises:
        HostError: ``host-lock-unusable``.
    """
    problem = taken(run_dir, state_id, path) or (None if state_id else _missing(run_dir, path))
    return () if problem is None else ((problem.code, problem.message),)


def _missing(run_dir: Path, path: Path) -> HostError | None:
    owner = owner_of_host(run_dir)
    if owner is None or owner.path != str(path.absolute()):
        return None
    return HostError(
        "state-missing",
        f"this host was programmed from the state directory {path}, whose database is gone;"
        " put it back, or take the host up from the kernel: deuteron doctor --adopt FILE",
    )


def look(kernel: Kernel, netns_dir: Path, memory: Memory, now: datetime) -> Seen:
    """Look at the whole host: into every namespace that has a name, ours or not; nothing is written.

    Args:
        kernel: what to look at.
        netns_dir: where namespaces have their names.
        memory: what is wanted, and what was.
        now: UTC.

    Raises:
        KernelError: the look was refused.
    """
    asked = look_for(memory.wanted or NOTHING, *memory.earlier)
    born = birthdays(netns_dir)
    others = frozenset(name for name in born if not may_be_ours(name))
    observed = kernel.observe(msgspec.structs.replace(asked, namespaces=asked.namespaces | others))
    return Seen(observed=observed, born=born, now=now)


def birthdays(netns_dir: Path) -> dict[str, datetime]:
    """When each namespace was made, by name: the time at which its inode, or its dead file, was last changed.

    An nsfs inode has no other time (fs/nsfs.c), and lives as long as the namespace is mounted.
    """
    try:
        with os.scandir(netns_dir) as entries:
            names = [entry.name for entry in entries]
    except FileNotFoundError:
        return {}
    found: dict[str, datetime] = {}
    for name in names:
        try:
            # Not the directory entry's own: that is of the file below the mount.
            found[name] = datetime.fromtimestamp((netns_dir / name).stat().st_ctime, UTC)
        except FileNotFoundError:
            continue  # removed since the directory was read
    return found
