"""Where the API listens, and how it ends."""

from __future__ import annotations

import asyncio
import socket
import stat
import threading
from pathlib import Path

import httpx
import pytest

from deuteron.api.limits import Limits
from deuteron.api.server import Server, is_local, listener, url_of
from deuteron.errors import HostError, InputError
from tests.api.shelf import Shelf, api, connected, read_all, served


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0"])
def test_a_loopback_address_is_local_and_has_a_url(listen: str) -> None:
    with listener(listen) as made:
        assert is_local(made)
        assert url_of(made).startswith("http://127.0.0.1:" if "." in listen else "http://[::1]:")


@pytest.mark.parametrize(
    "listen", ["9696", "localhost:1", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", "unix:rel"]
)
def test_what_is_no_place_to_listen_is_told(listen: str) -> None:
    with pytest.raises(InputError) as told:
        listener(listen)
    assert told.value.code == "bad-listen"


def test_a_port_that_is_taken_is_told() -> None:
    with listener("127.0.0.1:0") as made, pytest.raises(HostError) as told:
        listener(url_of(made).removeprefix("http://"))
    assert told.value.code == "cannot-listen"


def test_a_unix_socket_is_its_owners_alone_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with served(api(), Limits(), f"unix:{path}") as address:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with httpx.Client(transport=httpx.HTTPTransport(uds=address)) as client:
            assert client.get("http://localhost/v2.0/networks").json() == {"networks": []}


def test_what_a_kill_left_of_a_unix_socket_is_taken_over_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    listener(f"unix:{path}").close()
    with listener(f"unix:{path}") as made:
        assert is_local(made)
        with pytest.raises(HostError):
            listener(f"unix:{path}")


def test_a_file_in_the_way_of_a_unix_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    path.write_text("mine")
    with pytest.raises(HostError) as told:
        listener(f"unix:{path}")
    assert told.value.code == "cannot-listen"
    assert path.read_text() == "mine"


def test_a_stop_answers_what_is_under_way_first() -> None:
    shelf, begun, go = Shelf(), threading.Event(), threading.Event()

    async def wait() -> None:
        begun.set()
        await asyncio.to_thread(go.wait, 10)

    shelf.wait = wait
    made, ready = listener("127.0.0.1:0"), threading.Event()
    address = made.getsockname()
    server = Server(api(shelf), Limits(), ready.set)
    thread = threading.Thread(target=lambda: asyncio.run(server.run_on(made)))
    thread.start()
    assert ready.wait(10)
    with connected(address) as asking:
        asking.sendall(b"GET /v2.0/networks HTTP/1.1\r\nHost: x\r\n\r\n")
        assert begun.wait(10)
        server.stop()
        go.set()
        assert read_all(asking).startswith(b"HTTP/1.1 200 ")
    thread.join(10)
    assert not thread.is_alive()
    with pytest.raises(OSError):  # noqa: PT011 -- refused, nobody listens
        socket.create_connection(address, 1)
