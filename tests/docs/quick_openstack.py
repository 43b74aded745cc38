"""``openstack`` without its second of loading: the client is loaded once, and each command is a fork of it.

A test starts this with a socket's path and a directory; there it lays down a program ``openstack`` that
hands its arguments, directory, environment and descriptors over and ends as the fork does.  What runs is
the client itself.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Final

#: What it says when it may be called.
READY: Final = "The client is loaded."
_PROGRAM: Final = """\
#!{python} -SEI
import array, json, os, socket, sys
with socket.socket(socket.AF_UNIX) as wire:
    wire.connect({path!r})
    call = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))
    wire.sendmsg([len(call).to_bytes(4, "big")], [rights])
    wire.sendall(call)
    sys.exit(wire.recv(1)[0])
"""


def lay_down(directory: Path, path: str) -> None:
    """Write the program."""
    program = directory / "openstack"
    program.write_text(_PROGRAM.format(python=sys.executable, path=path))
    program.chmod(0o755)


def main(path: str, directory: Path) -> None:
    """Load the client, lay the program down, and answer calls."""
    from openstackclient import shell
    from openstackclient.network import client
    from openstackclient.network.v2 import floating_ip, network, port, router, subnet

    assert [shell, client, floating_ip, network, port, router, subnet]
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        lay_down(directory, path)
        print(READY, flush=True)
        while True:
            wire, _ = listening.accept()
            with wire:
                answer(wire)


def answer(wire: socket.socket) -> None:
    """Run one command in a fork."""
    length, descriptors, _, _ = socket.recv_fds(wire, 4, 3)
    call = b""
    while len(call) < int.from_bytes(length, "big"):
        call += wire.recv(65536)
    child = os.fork()
    if child == 0:
        arguments, place, environment = json.loads(call)
        run(arguments, place, environment, descriptors)
    for one in descriptors:
        os.close(one)
    _, status = os.waitpid(child, 0)
    wire.sendall(bytes([os.waitstatus_to_exitcode(status) & 0xFF]))


def run(arguments: list[str], place: str, environment: dict[str, str], descriptors: list[int]) -> None:
    """Be the client."""
    from openstackclient import shell

    os.chdir(place)
    os.environ.clear()
    os.environ.update(environment)
    for number, one in enumerate(descriptors):
        os.dup2(one, number)
    status = 1
    try:
        status = shell.main(arguments)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
