"""What the checks go by, looked up when a check first asks for it, and once."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec

import deuteron
from deuteron.agent.diagnose import Finding as Trouble
from deuteron.agent.diagnose import Memory, Seen, diagnose
from deuteron.agent.examine import look, ownership_trouble, recall
from deuteron.audit.check import Undecided
from deuteron.audit.names import Names, names_by
from deuteron.codes import codes
from deuteron.config.model import Config
from deuteron.config.paths import Checked, check_paths, key_file
from deuteron.domain import HostView
from deuteron.errors import DeuteronError
from deuteron.kernel.linux.confine import inspect
from deuteron.kernel.linux.confine.inspect import ProcessPosture
from deuteron.kernel.protocol import Kernel
from deuteron.objects import Wanted
from deuteron.reconcile.delta import Delta, compare
from deuteron.state.directory import State
from deuteron.state.host import RUN_DIR

#: Where namespaces have their names.
NETNS_DIR: Final = Path("/run/netns")


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are on this host.

    Attributes:
        state_dir: the state directory.
        run_dir: where it stands whose host this is.
        netns_dir: where namespaces have their names.
        config: what the operator has configured.
        config_file: where that was read, or was to be read, ``None`` where there is none.
        config_trouble: why it could not be.
        code: the installed package.
        proc: where the kernel tells of processes.
    """

    state_dir: Path
    run_dir: Path = RUN_DIR
    netns_dir: Path = NETNS_DIR
    config: Config = Config()
    config_file: Path | None = None
    config_trouble: DeuteronError | None = None
    code: Path = Path(deuteron.__file__).parent
    proc: Path = Path("/proc")


class Facts:
    """The host as the checks see it.

    Args:
        places: where things are.
        kernel: opens the kernel to look at.
        now: UTC.
    """

    def __init__(
        self, places: Places, kernel: Callable[[], AbstractContextManager[Kernel]], now: datetime
    ) -> None:
        self.places = places
        self.now = now
        self._kernel = kernel

    @cached_property
    def names(self) -> Names:
        """What things are called."""
        return names_by(key_file(self.places.config, self.places.state_dir)[0])

    @cached_property
    def host(self) -> str:
        """This host, by its pseudonym."""
        return self.names.host(socket.gethostname())

    @cached_property
    def paths(self) -> tuple[Checked, ...]:
        """Every path that the configuration leads to."""
        places = self.places
        return check_paths(
            places.config,
            config_file=places.config_file,
            state_dir=places.state_dir,
            run_dir=places.run_dir,
        )

    @cached_property
    def staying(self) -> tuple[ProcessPosture, ...]:
        """Our processes that stay running on this host, none of which means that nothing does.

        Those of another network namespace are another host's, as in containers.
        """
        return tuple(one for one in inspect.processes() if one.role != "command" and _is_here(one.pid))

    @cached_property
    def _recalled(self) -> tuple[Memory, HostView | None]:
        """What the state directory tells, and what is wrong with it; nothing is made."""
        places = self.places
        memory, view, ident = Memory(), None, ""
        try:
            if (places.state_dir / "state.sqlite").exists():
                with State(places.state_dir) as state:
                    memory, ident = recall(state), state.id
                    view = memory.pending.view if memory.pending is not None else state.committed()
            trouble = ownership_trouble(places.run_dir, places.state_dir, ident)
        except DeuteronError as error:
            return Memory(trouble=((error.code, error.message),)), None
        # What another directory programs is not to be judged by this one's memory.
        return (Memory(trouble=trouble), None) if trouble else (memory, view)

    @property
    def memory(self) -> Memory:
        """What the state directory tells, and what is wrong with it."""
        return self._recalled[0]

    @property
    def view(self) -> HostView | None:
        """What is wanted of this host, as a model; ``None`` where nothing was ever applied.

        Raises:
            Undecided: the state directory cannot be used.
        """
        _usable = self.known
        return self._recalled[1]

    @cached_property
    def known(self) -> Memory:
        """The same, for checks that rely on it.

        Raises:
            Undecided: it cannot be used.
        """
        for code, _sentence in self.memory.trouble:
            raise Undecided(f"the state directory cannot be used [{code}]: {meaning(code)}")
        return self.memory

    @cached_property
    def seen(self) -> Seen:
        """A look at the whole host.

        Raises:
            HostError: a privilege or a feature is missing.
            KernelError: the look was refused.
        """
        with self._kernel() as kernel:
            return look(kernel, self.places.netns_dir, self.known, self.now)

    @cached_property
    def troubles(self) -> tuple[Trouble, ...]:
        """What ``deuteron doctor`` tells."""
        return diagnose(self.known, self.seen)

    @cached_property
    def wanted(self) -> Wanted:
        """What is wanted of this host.

        Raises:
            Undecided: nothing was ever applied.
        """
        if self.known.wanted is None:
            raise Undecided("nothing has been applied with this state directory")
        return self.known.wanted

    @cached_property
    def delta(self) -> Delta:
        """How the host differs from that."""
        return compare(self.known.wanted or Wanted(units=()), self.seen.observed)


def _is_here(pid: int) -> bool:
    try:
        there = Path(f"/proc/{pid}/ns/net").stat().st_ino
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:
        return True  # it lets nobody look into it, as it should: then it is judged
    return there == Path("/proc/thread-self/ns/net").stat().st_ino


def meaning(code: str) -> str:
    """What a code means; an error number's name says it by itself."""
    listed = codes().get(code)
    return listed.meaning if listed is not None else "the kernel refused"
