"""A process of one thread that has the program imported and forks it on demand.

Forking costs 5 ms where starting an interpreter costs 300.  What is forked is a process like
any other: with a session, an end and, by its descriptors, namespaces and locks of its own.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import traceback
from contextlib import suppress
from typing import Final

import msgspec

from deuteron import edge
from deuteron.cli import main as command
from deuteron.cli import session
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.linux.libc import CLONE_NEWNS, setns
from tests.crash.guard import Striking
from tests.crash.messages import Reap, Report, Start

_MOST: Final = 1 << 16
_DESCRIPTORS: Final = 5
_REQUEST: Final = msgspec.msgpack.Decoder(Start | Reap)


class _Tallied:
    """Adds up what every kernel of this process was asked, until it is closed."""

    def __init__(self) -> None:
        self.messages = self.transactions = 0
        close = LinuxKernel.close

        def closing(kernel: LinuxKernel) -> None:
            tally = kernel.tally()
            self.messages += tally.messages
            self.transactions += tally.transactions
            close(kernel)

        _replace(LinuxKernel, "close", closing)


def _replace(owner: object, name: str, value: object) -> None:
    """Put something else in the place of what is there, in this forked process alone."""
    if not hasattr(owner, name):
        raise AttributeError(f"{owner} has no {name} any more")
    setattr(owner, name, value)


def serve(wire: socket.socket) -> None:
    """Answer requests until the other side is gone."""
    while True:
        data, descriptors, _flags, _address = socket.recv_fds(wire, _MOST, _DESCRIPTORS)
        if not data:
            return
        request = _REQUEST.decode(data)
        if isinstance(request, Start):
            wire.send(msgspec.msgpack.encode(_fork(request, descriptors, wire)))
        else:
            _pid, status = os.waitpid(request.pid, 0)
            wire.send(msgspec.msgpack.encode(os.waitstatus_to_exitcode(status)))


def _fork(request: Start, descriptors: list[int], wire: socket.socket) -> int:
    if threading.active_count() != 1:
        raise RuntimeError("the fork server has more than one thread")
    pid = os.fork()
    if pid == 0:
        wire.close()
        _be_the_program(request, descriptors)
    for one in descriptors:
        os.close(one)
    return pid


def _be_the_program(request: Start, descriptors: list[int]) -> None:
    out, err, report, netns, mounts = descriptors
    status = 70
    try:
        os.setsid()
        setns(netns)
        setns(mounts, CLONE_NEWNS)
        os.dup2(out, 1)
        os.dup2(err, 2)
        for one in (out, err, netns, mounts):
            os.close(one)
        status = _run(request, report)
    except BaseException:
        traceback.print_exc()  # what the program itself does not catch, and what is wrong above
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _run(request: Start, report: int) -> int:
    sys.argv = ["deuteron", *request.arguments]
    # Repeated announcements are waited for before a command ends; they are not what is asked here.
    _replace(session, "ONE_SHOT_REPEATS", ())
    guard, tallied = Striking(request.strike), _Tallied()
    status = 0
    with edge.guarded(guard):
        try:
            command.main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
    told = Report(verbs=tuple(guard.verbs), messages=tallied.messages, transactions=tallied.transactions)
    os.write(report, msgspec.msgpack.encode(told))
    return status


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
