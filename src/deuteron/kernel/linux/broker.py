"""The confined process's side: asks its broker for what it may not do itself.

The broker is forked before anything is given away and before there are threads; it hangs on one
socket, and ends with it.  One request is under way at a time, so an answer is of the request that
waits, or (after one that was given up) of an earlier one: those are known by their numbers.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from deuteron import edge
from deuteron.errors import HostError, KernelError
from deuteron.kernel.linux import broker_process
from deuteron.kernel.linux.broker_wire import (
    ANSWER,
    LARGEST,
    MOST_VALUES,
    Answer,
    Keep,
    Operation,
    Remove,
    Request,
    Write,
    encode,
)
from deuteron.kernel.linux.sysctl import PartlyWrittenError, ProcMounts
from deuteron.kernel.linux.worker import open_own_netns
from deuteron.locks import Lock, Rank

#: Seconds to wait for an answer.
DEADLINE: Final = 30.0


class Broker:
    """See :class:`deuteron.kernel.linux.privileged.Privileged`; any thread may call.

    Args:
        wire: our end of a pair of sockets (``SOCK_SEQPACKET``).
        pid: of the broker; 0 where it is no child of ours.
        mounts: where parameters are read from.
        deadline: seconds to wait for an answer.

    Attributes:
        lacking: what the kernel lacked to confine the broker.
    """

    def __init__(
        self, wire: socket.socket, pid: int, mounts: ProcMounts, *, deadline: float = DEADLINE
    ) -> None:
        self._wire = wire
        self._wire.settimeout(deadline)
        self.pid = pid
        self.mounts = mounts
        self.lacking: tuple[str, ...] = ()
        self._lock = Lock(Rank.BROKER, "broker")
        self._number = 0
        self._gone = False

    @property
    def gone(self) -> bool:
        """Whether it is known to have ended, or to answer what nobody asked."""
        return self._gone

    def greet(self) -> None:
        """Wait until it is ready.

        Raises:
            HostError: ``not-confined``, it could not confine itself.
            KernelError: ``broker-gone``.
        """
        answer = self._receive()
        if answer.code:
            raise HostError("not-confined", f"the broker process: {answer.message}")
        self.lacking = answer.lacking

    def keep(self, name: str) -> None:
        """Give the calling thread's namespace the name ``name``; all or nothing."""
        netns = open_own_netns()
        try:
            with edge.crossing("netns.mount"):
                self._ask(Keep(name), [netns])
        finally:
            os.close(netns)

    def remove(self, name: str) -> None:
        """Take the name away; no error where it is gone."""
        with edge.crossing("netns.umount"):
            self._ask(Remove(name))

    def write(self, netns: str, inode: int, values: Sequence[tuple[str, str]]) -> int:
        """Set parameters of a namespace of ours, in order; how many are set."""
        for start in range(0, len(values), MOST_VALUES):
            part = tuple(values[start : start + MOST_VALUES])
            try:
                with edge.crossing("sysctl.write"):
                    self._ask(Write(netns, inode, part))
            except PartlyWrittenError as error:
                raise PartlyWrittenError(
                    start + error.done, error.code, error.message, error.errno
                ) from error
            except OSError as error:
                message = f"the kernel refuses parameters: {error.strerror}"
                raise PartlyWrittenError(start, "sysctl-refused", message, error.errno or 0) from error
        return len(values)

    def parameters(self, netns: str) -> int:
        """A descriptor of ``/proc/sys``, to read from."""
        return self.mounts.at(netns)

    def close(self) -> None:
        """End it: it ends by itself once its socket is closed."""
        self._wire.close()
        self.mounts.close()
        if self.pid:
            os.waitpid(self.pid, 0)
            self.pid = 0

    def _ask(self, operation: Operation, descriptors: Sequence[int] = ()) -> None:
        with self._lock:
            self._number += 1
            try:
                socket.send_fds(self._wire, [encode(Request(self._number, operation))], list(descriptors))
                answer = self._answer(self._number)
            except OSError as error:  # the socket's, not the operation's
                raise self._ended(error) from error
        if answer.code:
            raise _error(answer)

    def _answer(self, number: int) -> Answer:
        while True:
            answer = self._receive()
            if answer.number == number:
                return answer
            if answer.number == 0 and answer.code:  # it could not read what we sent
                raise _error(answer)
            if answer.number > number:
                raise self._ended(None)
            # Older: of a request that was given up.

    def _receive(self) -> Answer:
        try:
            frame = self._wire.recv(LARGEST + 1)
        except TimeoutError as error:
            message = "the broker process does not answer; look at the kernel's log, then restart this one"
            raise KernelError("broker-late", message, error.errno or 0) from error
        except OSError as error:
            raise self._ended(error) from error
        try:
            return ANSWER.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:  # b"" where it has ended
            raise self._ended(error) from error

    def _ended(self, cause: Exception | None) -> KernelError:
        self._gone = True  # nosec R301 # greet() comes before a second thread, all others hold the lock
        number = cause.errno if isinstance(cause, OSError) else 0
        message = "the broker process that mounts and writes parameters has ended; restart this process"
        return KernelError("broker-gone", message, number or 0)


def _error(answer: Answer) -> Exception:
    if answer.code == broker_process.OS_ERROR:
        return OSError(answer.errno, answer.message)
    if answer.done or answer.code == "sysctl-refused":
        return PartlyWrittenError(answer.done, answer.code, answer.message, answer.errno)
    return KernelError(answer.code, answer.message, answer.errno)


def start(directory: Path, confine: Callable[[], tuple[str, ...]], mounts: ProcMounts) -> Broker:
    """Fork a broker and wait until it is ready; this process must have one thread only.

    Args:
        directory: where namespaces have their names; it is there, and shared.
        confine: see :func:`deuteron.kernel.linux.broker_process.run`.
        mounts: where this process reads parameters from.

    Raises:
        HostError: ``not-confined``; ``no-process``, fork(2) refuses. ``mounts`` is closed then too.
        KernelError: ``broker-gone``.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        try:
            pid = os.fork()
        except OSError as error:  # EAGAIN, ENOMEM
            ours.close()
            mounts.close()
            raise HostError(
                "no-process",
                f"the broker process cannot be made: {error.strerror}; raise the limit of processes"
                " (ulimit -u, pids.max of the control group) or free memory, then start again",
            ) from error
        if pid == 0:
            _live(ours, theirs, directory, confine, mounts)
    broker = Broker(ours, pid, mounts)
    try:
        broker.greet()
    except (HostError, KernelError):
        broker.close()
        raise
    return broker


def _live(
    ours: socket.socket,
    theirs: socket.socket,
    directory: Path,
    confine: Callable[[], tuple[str, ...]],
    mounts: ProcMounts,
) -> NoReturn:
    """The forked child's whole life, without what belongs to its master."""
    status = 70
    try:
        ours.close()
        mounts.close()
        status = broker_process.run(theirs, directory, confine)
    finally:
        os._exit(status)
