"""Confining the process that stays: see :mod:`deuteron.kernel.linux.confine.process`."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple

from deuteron.cli.records import configured, names_of, records_for
from deuteron.cli.settings import loaded, settings
from deuteron.config import credential
from deuteron.errors import HostError
from deuteron.kernel.linux.broker import Broker, start
from deuteron.kernel.linux.confine.process import (
    Allowed,
    Confined,
    Mode,
    confine,
    confine_broker,
    readable,
)
from deuteron.kernel.linux.events import Heard, listen
from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.kernel.linux.nft import Nftables
from deuteron.kernel.linux.sysctl import ProcMounts
from deuteron.logs.events import FIELDS, Event
from deuteron.logs.key import KEY_FILE
from deuteron.logs.setup import Log
from deuteron.state import State
from deuteron.state.host import RUN_DIR

_NETNS_DIR: Final = Path("/run/netns")
_UID_MAP: Final = Path("/proc/self/uid_map")
#: All of them: the mapping of a process that is in no user namespace but the first.
_EVERYBODY: Final = ["0", "0", "4294967295"]
_MECHANISMS: Final = FIELDS["held"].words


def default_mode() -> Mode:
    """``require``; in a user namespace, where the kernel may allow less, ``best``."""
    return "require" if _UID_MAP.read_text().split() == _EVERYBODY else "best"


class Held(NamedTuple):
    """A confined process.

    Attributes:
        broker: does for it what it may not do itself.
        heard: the sockets of the kernel's notifications.
        confined: what holds.
    """

    broker: Broker
    heard: Heard
    confined: Confined

    def tell(self, log: Log) -> None:
        """One record."""
        lacking = {*_words(self.confined.lacking), *_words(self.broker.lacking)}
        log.write(
            Event.CONFINED, held=sorted(_MECHANISMS - lacking), missing=sorted(lacking) if lacking else None
        )


def chosen_mode() -> Mode:
    """What the configuration says; where it says nothing, what this place allows."""
    of = loaded()
    return (
        of.config.confine.mode if of.sources.get("confine.mode", "default") != "default" else default_mode()
    )


def settings_files() -> tuple[Path, ...]:
    """What is read again while the process runs: the configuration, and what it names."""
    config = settings()
    named = (loaded().file, config.policy, config.log.key_file, credential(KEY_FILE))
    return tuple(one for one in named if one is not None)


def log_directories() -> tuple[Path, ...]:
    """Where a log may be opened again."""
    file = configured().file
    return () if file is None else (file.absolute().parent,)


@contextmanager
def confined(
    state_dir: Path,
    *,
    files: Sequence[Path] = (),
    write: Sequence[Path] = (),
    mode: Mode | None = None,
) -> Iterator[Held]:
    """Give away all that a watch does not need, for the rest of this process's life; who does the rest.

    Args:
        state_dir: where state is written.
        files: what is read again: FILE, the configuration.
        write: further directories to write in (of the log).
        mode: what to do where a mechanism is missing.

    Raises:
        HostError: ``not-confined``, ``no-privilege``, ``no-libseccomp``, ``no-libnftables``; or the
            state directory is not usable; ``broker-gone``, the broker has ended before this block did.
        KernelError: ``broker-gone``, at once.
    """
    mode = mode or default_mode()
    _prepare(state_dir)
    mounts = ProcMounts()
    broker = start(_NETNS_DIR, lambda: confine_broker(mode).lacking, mounts)
    with ExitStack() as stack:
        stack.callback(broker.close)
        allowed = Allowed(
            read=(_NETNS_DIR, *_readable(files)),
            write=(state_dir, RUN_DIR, *write),
            descriptors=tuple(mounts.directories),
        )
        heard = listen()
        stack.callback(heard.close)
        held = Held(broker, heard, confine(allowed, mode))
        with _ended_with(broker):
            yield held


def _readable(files: Sequence[Path]) -> Iterator[Path]:
    for file in files:
        yield readable(file)
        yield readable(file.resolve())  # it may be a link; that may be replaced, or what it leads to


def _words(lacking: Sequence[str]) -> set[str]:
    return {one.partition(":")[0].lower() for one in lacking}


def _prepare(state_dir: Path) -> None:
    """Make what can be opened to us only when it is there; load what is loaded late."""
    with State(state_dir):
        pass  # made and checked
    RUN_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    NetnsDirectory(_NETNS_DIR).prepare()
    Nftables()
    records_for(state_dir).close()  # the log file as well: modes are not ours to give later
    names_of(configured(), state_dir)  # the first key is made where there is none
    # Where SQLite puts what outgrows its memory: /var/tmp is out of reach.
    os.environ["SQLITE_TMPDIR"] = str(state_dir)


def _has_ended(pid: int) -> bool:
    """Whether a child has, which is still to be waited for."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


@contextmanager
def _ended_with(broker: Broker) -> Iterator[None]:
    """End the process, as SIGTERM does, when the broker ends; say so."""
    gone = False

    def child_ended(_number: int, _frame: FrameType | None) -> None:
        nonlocal gone
        if not gone and _has_ended(broker.pid):  # there may be other children, with masters of their own
            gone = True
            signal.raise_signal(signal.SIGTERM)

    before = signal.signal(signal.SIGCHLD, child_ended)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)
    if gone or broker.gone:
        raise HostError(
            "broker-gone",
            "the broker process that mounts and writes parameters has ended, and the watch with it;"
            " start it again",
        )
