"""The search itself: a canary that is planted in any form and at any place is found."""

from __future__ import annotations

import base64
import ctypes
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import quote
from uuid import UUID

import pytest

from tests.canary import sinks
from tests.canary.canaries import Canaries, Canary, find
from tests.canary.room import Room

ADDRESS, SIX, MAC = "10.173.28.9", "2001:db8:7a1::9", "fa:16:3e:0d:e4:07"
ID = "7d0f4a51-93ce-4b57-8a68-0c5f6ad2e9b1"
NAME = "name-0f3a9be1c2d4"

PLANTS: Final = [
    (Canary("ipv4", ADDRESS), f"no route to {ADDRESS}:80".encode()),
    (Canary("ipv4", ADDRESS), b"host-10-173-28-9.example."),
    (Canary("ipv4", ADDRESS), b"9.28.173.10.in-addr.arpa"),
    (Canary("ipv4", ADDRESS), IPv4Address(ADDRESS).packed.hex().upper().encode()),
    (Canary("ipv4", ADDRESS), str(int(IPv4Address(ADDRESS))).encode()),
    (Canary("ipv6", SIX), f"[{SIX}]:443".upper().encode()),
    (Canary("ipv6", SIX), IPv6Address(SIX).exploded.encode()),
    (Canary("ipv6", SIX), b"\0\1" + IPv6Address(SIX).packed),
    (Canary("mac", MAC), MAC.upper().encode()),
    (Canary("mac", MAC), b"FA163E0DE407"),
    (Canary("mac", MAC), b"fa16.3e0d.e407"),
    (Canary("mac", MAC), b"fe80::f816:3eff:fe0d:e407"),
    (Canary("id", ID), f"qrouter-{ID}".encode()),
    (Canary("id", ID), b"qr-7d0f4a51-93 is down"),
    (Canary("id", ID), UUID(ID).hex.encode()),
    (Canary("id", ID), UUID(ID).bytes),
    (Canary("id", ID), repr({"id": UUID(ID)}).encode()),
    (Canary("name", NAME), NAME.upper().encode()),
    (Canary("name", NAME), quote(f"ä/{NAME}").encode()),
    (Canary("name", NAME), NAME.encode().hex().encode()),
    *((Canary("name", NAME), base64.b64encode(b"x" * shift + NAME.encode())) for shift in range(3)),
    (Canary("prefix4", "10.173.28."), b"10.173.28.0/24"),
    (Canary("prefix6", "2001:db8:7a1:"), b"2001:DB8:7A1:1::/64"),
]


@pytest.mark.parametrize(("canary", "text"), PLANTS, ids=lambda one: repr(one)[:40])
def test_every_form_of_a_value_is_found(canary: Canary, text: bytes) -> None:
    assert {hit.canary for hit in find([canary], b"\xff before " + text + b" after \0")} == {canary}


def test_what_is_not_there_is_not_found() -> None:
    canaries = Canaries(7)
    for make in (canaries.name, canaries.uuid, canaries.mac, canaries.net4, canaries.net6, canaries.token):
        make()
    others = Canaries(8)
    text = "".join(others.name() + others.uuid() + others.mac() + others.net4() for _ in range(100))
    assert canaries.find(text.encode()) == []


Plant = Callable[[Room, str, ExitStack], None]


def _file(place: str) -> Plant:
    def plant(room: Room, secret: str, _stack: ExitStack) -> None:
        path = room.folder / place
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(f"x {secret} x")

    return plant


def _run_file(_room: Room, secret: str, _stack: ExitStack) -> None:
    Path("/run/deuteron").mkdir(exist_ok=True)
    Path("/run/deuteron/owner.json").write_text(secret)


def _name_of_a_file(room: Room, secret: str, _stack: ExitStack) -> None:
    (room.folder / "tmp" / secret).touch()


def _link(room: Room, secret: str, _stack: ExitStack) -> None:
    (room.folder / "cwd" / "latest").symlink_to(f"/nowhere/{secret}")


def _temporary(_room: Room, secret: str, stack: ExitStack) -> None:
    path = Path(f"/tmp/deuteron-canary-{os.getpid()}")
    stack.callback(path.unlink)
    path.write_text(secret)


def _temporary_directory(_room: Room, secret: str, stack: ExitStack) -> None:
    made = stack.enter_context(TemporaryDirectory(dir="/var/tmp"))
    path = Path(made) / "deeper" / "file"
    path.parent.mkdir()
    path.write_text(secret)


def _socket(_room: Room, secret: str, stack: ExitStack) -> None:
    listening = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    listening.bind(f"\0{secret}")


def _open_file(room: Room, secret: str, stack: ExitStack) -> None:
    path = room.folder / "tmp" / secret
    stack.enter_context(path.open("w"))
    path.unlink()


def _encoded(room: Room, _secret: str, _stack: ExitStack) -> None:
    router = UUID(room.cloud.ids["r1"])
    (room.folder / "log" / "deuteron.log").write_bytes(b"\0\1" + router.bytes)


def _for_anybody(room: Room, _secret: str, _stack: ExitStack) -> None:
    path = room.state / "sentences.json"
    path.parent.mkdir(mode=0o700)
    path.touch(0o644)


def _shared_memory(_room: Room, secret: str, stack: ExitStack) -> None:
    path = Path(f"/dev/shm/{secret}")
    stack.callback(path.unlink)
    path.touch()


def _title(_room: Room, secret: str, stack: ExitStack) -> None:
    libc = ctypes.CDLL(None)
    before = Path("/proc/thread-self/comm").read_text().strip()
    stack.callback(libc.prctl, 15, before.encode())  # PR_SET_NAME
    libc.prctl(15, secret[-12:].encode())


def _logging(_room: Room, secret: str, _stack: ExitStack) -> None:
    logging.getLogger("library").debug("no way to %s", secret)


def _said(room: Room, secret: str, _stack: ExitStack) -> None:
    room.heard("a watch", secret)


def _kernel(room: Room, _secret: str, _stack: ExitStack) -> None:
    # Nothing is written to that of this machine: a file stands for it.
    file = room.folder / "inputs" / "kmsg"
    file.touch()
    room.kernel.close()
    room.kernel = sinks.KernelLog(file)
    file.write_text(f"4,1,1,-;IPv4: martian source {room.canaries.net4()}5 from 192.0.2.1\n")


@pytest.mark.kernel
@pytest.mark.parametrize(
    "plant",
    [
        pytest.param(plant, id=name)
        for name, plant in {
            "the log": _file("log/deuteron.log"),
            "an archive of it": _file("log/deuteron.log.1"),
            "the trail of who asked": _file("state/reveal.log"),
            "a lock": _file("state/lock"),
            "the keys": _file("state/log.key"),
            "another file of the state": _file("state/notes"),
            "a core": _file("cwd/core.123"),
            "a home": _file("home/.cache/deuteron"),
            "a file below run": _run_file,
            "a file's name": _name_of_a_file,
            "a link": _link,
            "a temporary file": _temporary,
            "a directory for temporary files": _temporary_directory,
            "shared memory": _shared_memory,
            "a socket's name": _socket,
            "a file that is open and has no name any more": _open_file,
            "bytes of an id": _encoded,
            "a file of the state that others may read": _for_anybody,
            "a thread's title": _title,
            "logging": _logging,
            "what was printed": _said,
            "the kernel's log": _kernel,
        }.items()
    ],
)
def test_a_canary_is_found_wherever_it_is_planted(room: Room, plant: Plant) -> None:
    assert room.found() == [], room
    with ExitStack() as stack:
        plant(room, room.canaries.name(), stack)
        assert len(room.found()) >= 1, room


@pytest.mark.parametrize("place", ["cmdline", "environ", "comm", "fd"])
def test_a_canary_is_found_in_what_others_see_of_a_process(tmp_path: Path, place: str) -> None:
    canaries = Canaries(os.getpid())
    secret = canaries.name()
    opened = tmp_path / secret
    opened.touch()
    titled = f"import ctypes; ctypes.CDLL(None).prctl(15, b'{secret[-12:]}'); "
    program = f"{titled if place == 'comm' else ''}print(flush=True); input()"
    with opened.open("rb") as held:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *([secret] if place == "cmdline" else [])],
            env=os.environ | ({"SECRET": secret} if place == "environ" else {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[held.fileno()] if place == "fd" else [],
        )
        try:
            assert process.stdout is not None
            process.stdout.readline()  # before, the kernel may not have laid out what it tells
            found = {
                str(one.place).rpartition("/")[0 if place == "fd" else 2]
                for one in sinks.in_process(canaries, process.pid)
            }
        finally:
            process.communicate(b"\n", timeout=20)
    assert any(one.endswith(place) for one in found), found
