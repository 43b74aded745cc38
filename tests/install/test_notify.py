"""What the manager of services hears, or does not."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from deuteron.cli.notify import manager


@pytest.fixture
def systemd() -> Iterator[tuple[str, socket.socket]]:
    """An abstract address, and who listens there."""
    name = f"deuteron-{secrets.token_hex(8)}"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as wire:
        wire.bind(f"\0{name}")
        wire.settimeout(5.0)
        yield f"@{name}", wire


def test_each_message_is_one_datagram(systemd: tuple[str, socket.socket]) -> None:
    address, wire = systemd
    with manager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "300000000"}) as told:
        told.ready(60.0)
        told.alive()
        with told.reloading():
            assert wire.recv(99) == b"READY=1\nWATCHDOG_USEC=300000000"
            assert wire.recv(99) == b"WATCHDOG=1"
            assert wire.recv(99).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert wire.recv(99) == b"READY=1"
        told.stopping()
        assert wire.recv(99) == b"STOPPING=1"


def test_a_long_interval_asks_for_a_longer_watchdog(systemd: tuple[str, socket.socket]) -> None:
    address, wire = systemd
    with manager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "300000000"}) as told:
        told.ready(600.0)
    assert wire.recv(99) == b"READY=1\nWATCHDOG_USEC=1800000000"


def test_a_reload_that_is_refused_is_over_too(systemd: tuple[str, socket.socket]) -> None:
    address, wire = systemd
    with manager({"NOTIFY_SOCKET": address}) as told:
        with pytest.raises(ValueError, match="refused"), told.reloading():
            raise ValueError("refused")
        assert wire.recv(99).startswith(b"RELOADING=1")
        assert wire.recv(99) == b"READY=1"


def test_without_a_watchdog_there_are_no_signs_of_life(systemd: tuple[str, socket.socket]) -> None:
    address, wire = systemd
    with manager({"NOTIFY_SOCKET": address}) as told:
        told.alive()
        told.stopping()
    assert wire.recv(99) == b"STOPPING=1"


def test_a_manager_that_is_gone_does_not_end_the_watch(systemd: tuple[str, socket.socket]) -> None:
    address, wire = systemd
    with manager({"NOTIFY_SOCKET": address}) as told:
        wire.close()
        told.ready(60.0)
        told.stopping()


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_where_nobody_asks_nothing_is_told(environment: dict[str, str]) -> None:
    with manager(environment) as told:
        told.ready(60.0)
