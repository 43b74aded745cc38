"""A process of one thread that has the program imported and forks it on demand.

Forking costs 5 ms where starting an interpreter costs 300.  What is forked is a process like
any other: with a session, an end and, by its descriptors, namespaces and locks of its own.
What each would make of the package's own files, the same every time, is made before the fork.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from deuteron import edge
from deuteron.cli import main as command
from deuteron.cli import session
from deuteron.compile import compile_host
from deuteron.config.read import load
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.linux.libc import CLONE_NEWNS, setns
from deuteron.state.directory import State
from tests.crash.guard import Striking
from tests.crash.messages import Reap, Report, Start
from tests.faults.operations import read, topology

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


def warm() -> None:
    """Have the policy read, the configuration declared, the decoders of a topology and a record made."""
    load(environment={"DEUTERON_CONFIG": ""})
    view = read(topology(ports=["vm1"], router="distributed", floating="vm1")).view
    compile_host(view)
    with TemporaryDirectory() as folder, State(Path(folder) / "state") as state:
        state.commit(view, "topology.yaml")
        if state.committed() != view:
            raise RuntimeError("a record is not what was written")
    # Nor need a child copy the pages of what it only reads.
    gc.collect()
    gc.freeze()


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
    warm()
    serve(socket.socket(fileno=int(sys.argv[1])))
