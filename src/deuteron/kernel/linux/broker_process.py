"""The broker's side: a process of one thread that does three things for a confined one.

It gives network namespaces names, takes them away, and writes kernel parameters of those that
have a name of ours; never of the host's.  It reads no file, starts nothing, and ends when
the other side does.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from deuteron.errors import DeuteronError, KernelError
from deuteron.kernel.linux.broker_wire import (
    LARGEST,
    REQUEST,
    Answer,
    Keep,
    Operation,
    Remove,
    Request,
    Write,
    encode,
    refused_name,
    refused_path,
)
from deuteron.kernel.linux.libc import setns
from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.kernel.linux.sysctl import Parameters, PartlyWrittenError
from deuteron.kernel.linux.worker import open_own_netns

#: The code of an answer that is the kernel's own refusal.
OS_ERROR: Final = "oserror"
_IGNORED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)
_ENDS_WELL: Final = 0
_DEFECT: Final = 70


class Service:
    """What is done for requests; on one thread, which is in the host's namespace between them.

    Args:
        directory: where namespaces have their names.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = NetnsDirectory(directory)
        self._home = open_own_netns()
        own = os.fstat(self._home)
        self._nsfs, self._host = own.st_dev, own.st_ino
        self._parameters = Parameters()

    def answer(self, frame: bytes, descriptors: Sequence[int]) -> Answer:
        """Do what a frame asks for; whatever it is, there is an answer."""
        try:
            request = REQUEST.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Answer(number=0, code="broker-refused", message="the request cannot be read")
        return self._answered(request, descriptors)

    def _answered(self, request: Request, descriptors: Sequence[int]) -> Answer:
        number = request.number
        try:
            done = self._do(request.operation, descriptors)
        except PartlyWrittenError as error:
            return Answer(
                number=number, code=error.code, message=error.message, errno=error.errno, done=error.done
            )
        except KernelError as error:
            return Answer(number=number, code=error.code, message=error.message, errno=error.errno)
        except OSError as error:
            return Answer(number=number, code=OS_ERROR, message=error.strerror or "", errno=error.errno or 0)
        return Answer(number=number, done=done)

    def _do(self, operation: Operation, descriptors: Sequence[int]) -> int:
        if reason := refused_name(operation.name):
            raise _refused(reason)
        if len(descriptors) != isinstance(operation, Keep):
            raise _refused("a request has one descriptor where it needs one, and else none")
        match operation:
            case Keep():
                self._keep(operation, descriptors[0])
            case Remove():
                self._directory.remove(operation.name)
            case Write():
                return self._write(operation)
        return 0

    def _keep(self, operation: Keep, netns: int) -> None:
        self._inside(netns, lambda: None)  # that it is a network namespace, and not the host's
        self._directory.keep(operation.name, Path(f"/proc/self/fd/{netns}"))

    def _write(self, operation: Write) -> int:
        for path, _ in operation.values:
            if reason := refused_path(path):
                raise _refused(reason)
        netns = self._directory.open(operation.name)
        try:
            if os.fstat(netns).st_ino != operation.inode:
                raise KernelError("no-netns", "the network namespace is another one by now; look again")

            def write() -> None:
                self._parameters.enter(operation.name, operation.inode)
                self._parameters.write_all(operation.values)

            self._inside(netns, write)
        finally:
            os.close(netns)
        return len(operation.values)

    def _inside(self, netns: int, function: Callable[[], None]) -> None:
        """Run ``function`` in a network namespace that is not the host's."""
        seen = os.fstat(netns)
        if seen.st_dev != self._nsfs or seen.st_ino == self._host:
            raise _refused("that is the host's network namespace, or none at all")
        try:
            setns(netns)
            function()
        finally:
            setns(self._home)

    def close(self) -> None:
        """Let go."""
        self._parameters.close()
        os.close(self._home)


def _refused(reason: str) -> KernelError:
    return KernelError("broker-refused", f"the broker refuses: {reason}")


def serve(wire: socket.socket, service: Service) -> None:
    """Answer requests until the other side is gone."""
    while True:
        # One byte more than is allowed, so that a frame that was cut can be told.
        frame, descriptors, _flags, _address = socket.recv_fds(wire, LARGEST + 1, 1)
        if not frame:
            return
        try:
            answer = service.answer(frame, descriptors)
        finally:
            for one in descriptors:
                os.close(one)
        wire.sendmsg([encode(answer)])


def run(wire: socket.socket, directory: Path, confine: Callable[[], tuple[str, ...]]) -> int:
    """The life of a broker, in a forked child of one thread; its exit status.

    Args:
        wire: our end; every other descriptor is closed.
        directory: where namespaces have their names.
        confine: gives away what a broker does not need, and says what the kernel lacks for that.
    """
    for number in _IGNORED:  # it ends when its master does, not before
        signal.signal(number, signal.SIG_IGN)
    _close_all_but(wire.fileno())
    try:
        service = Service(directory)
        ready = Answer(number=0, lacking=confine())
    except (DeuteronError, OSError) as error:
        wire.sendmsg([encode(Answer(number=0, code="not-confined", message=str(error)))])
        return _DEFECT
    wire.sendmsg([encode(ready)])
    serve(wire, service)
    return _ENDS_WELL


def _close_all_but(kept: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)  # nosec R101 # closerange() below closes it
    for standard in range(3):
        os.dup2(nothing, standard)
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
