"""What is too much, too long or a trick is a 4xx within bounds, and the others are served on."""

from __future__ import annotations

import asyncio
import gc
import socket
import tracemalloc
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from deuteron.api.limits import Limits
from deuteron.api.server import Server
from tests.api.shelf import Shelf, api, ask, connected, read_all, read_answer, served
from tests.support.waiting import wait_until

#: As shipped, but impatient.
QUICK = Limits(head_seconds=0.5, body_seconds=1.0, send_seconds=1.0, idle_seconds=2)


def kind(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["NeutronError"]["type"]


def status(raw: bytes) -> int:
    return int(raw.split(b" ", 2)[1]) if raw else 0


def still_serves(address: Any) -> bool:
    return httpx.get(f"http://{address[0]}:{address[1]}/v2.0/networks", timeout=10).status_code == 200


def test_ten_thousand_filters_are_a_4xx() -> None:
    assert kind(ask(api(), "GET", "/v2.0/networks?" + "&".join(["id=x"] * 10_000))) == (
        414,
        "HTTPRequestURITooLong",
    )
    assert kind(ask(api(), "GET", "/v2.0/networks?" + "&".join(["id"] * 2_000))) == (400, "HTTPBadRequest")


def test_as_many_filters_as_clients_send_are_served() -> None:
    """Horizon asks for as many ids as fit in a URL of 8 KB."""
    path = "/v2.0/networks?" + "&".join(f"id={number:036d}" for number in range(190))
    assert ask(api(), "GET", path).status_code == 200


def test_many_or_long_headers_are_a_431() -> None:
    many = [(f"x-{number}", "1") for number in range(100)]
    assert kind(ask(api(), "GET", "/v2.0/networks", headers=many)) == (431, "HTTPRequestHeaderFieldsTooLarge")
    long = {"X-Long": "a" * 60_000}
    assert kind(ask(api(), "GET", "/v2.0/networks", headers=long)) == (431, "HTTPRequestHeaderFieldsTooLarge")


@pytest.mark.parametrize(
    "name", ["X-Auth-Token", "X-Project-Id", "X-Roles", "Content-Type", "If-Match", "Host"]
)
def test_a_header_that_is_there_twice_is_a_400(name: str) -> None:
    """LP 1865036: nobody has one reader believe the first and another the second."""
    answer = ask(api(), "GET", "/v2.0/networks", headers=[(name, "a"), (name.lower(), "a")])
    assert kind(answer) == (400, "HTTPBadRequest")


@pytest.mark.parametrize("host", ["a b", "x/y", 'a"', "a@b", "[::1", "x" * 300])
def test_a_host_that_is_none_is_a_400(host: str) -> None:
    assert kind(ask(api(), "GET", "/", headers={"Host": host})) == (400, "HTTPBadRequest")


def test_a_rebound_name_and_a_page_of_another_origin_are_refused() -> None:
    """Without tokens a browser on this host must not be the way in for a web page."""
    ours = frozenset({"127.0.0.1", "localhost", "::1"})
    assert kind(ask(api(hosts=ours), "GET", "/", headers={"Host": "evil.example:9696"}))[0] == 421
    assert ask(api(hosts=ours), "GET", "/", headers={"Host": "LOCALHOST:1"}).status_code == 200
    assert ask(api(hosts=ours), "GET", "/", headers={"Host": "[::1]:9696"}).status_code == 200
    foreign = ask(
        api(), "POST", "/v2.0/networks", json={"network": {}}, headers={"Origin": "http://evil.example"}
    )
    assert kind(foreign) == (403, "HTTPForbidden")
    opaque = ask(api(), "GET", "/v2.0/networks", headers={"Origin": "null"})
    assert opaque.status_code == 403


def test_a_bulk_create_is_bounded() -> None:
    answer = ask(api(), "POST", "/v2.0/networks", json={"networks": [{}] * 1001})
    assert kind(answer) == (400, "HTTPBadRequest")


def test_a_body_that_says_it_is_too_long_is_refused_unread() -> None:
    with served(api(), Limits()) as address, connected(address) as made:
        made.sendall(
            b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\n"
            b"Expect: 100-continue\r\nContent-Type: application/json\r\n\r\n"
        )
        head = read_answer(made)
        assert status(head) == 413
        assert b"HTTPRequestEntityTooLarge" in head


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_sends_100_mb_sees_its_413(chunked: bool) -> None:
    piece = b"x" * (1 << 20)
    with served(api(), Limits()) as address:
        content: Any = (piece for _ in range(100))
        headers = {"Content-Type": "application/json"}
        if not chunked:
            headers["Content-Length"] = str(100 << 20)
        with httpx.Client(timeout=60) as client:
            url = f"http://{address[0]}:{address[1]}/v2.0/networks"
            answer = client.post(url, content=content, headers=headers)
            assert kind(answer) == (413, "HTTPRequestEntityTooLarge")
        assert still_serves(address)


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        (b"GET /v2.0/networks?" + b"a" * 100_000, 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 2_000_000, 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: 1\r\n" * 70 + b"\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /v2.0/\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA\x00: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n continued: 1\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400),
    ],
)
def test_what_is_no_bounded_http_is_a_4xx_and_the_connection_ends(sent: bytes, wanted: int) -> None:
    with served(api(), QUICK) as address:
        with connected(address) as made:
            with_reset = False
            try:
                made.sendall(sent)
            except (BrokenPipeError, ConnectionResetError):
                with_reset = True
            answer = read_all(made)
        assert with_reset or status(answer) == wanted, answer
        assert still_serves(address)


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        (b"", 0),
        (b"GET /v2.0/networks HTTP/1.1\r\nHo", 408),
        (b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", 408),
        (b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{", 408),
    ],
)
def test_a_client_that_stops_in_the_middle_is_ended_and_the_others_are_served(
    sent: bytes, wanted: int
) -> None:
    with served(api(), QUICK) as address:
        with connected(address) as slow:
            slow.sendall(sent)
            assert still_serves(address)
            assert status(read_all(slow)) == wanted
        assert still_serves(address)


def test_a_body_that_comes_byte_by_byte_has_a_deadline_too() -> None:
    with served(api(), QUICK) as address, connected(address, 0.05) as slow:
        slow.sendall(b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        answer = b""
        for _ in range(200):
            slow.sendall(b" ")
            try:
                answer = slow.recv(1000)
                break
            except TimeoutError:
                continue
        assert status(answer) == 408


def test_a_client_that_takes_no_answer_is_ended() -> None:
    shelf = Shelf()
    shelf.networks = {str(number): {"id": str(number), "name": "x" * 1000} for number in range(5000)}
    servers: list[Server] = []
    with served(api(shelf), QUICK, servers=servers) as address, connected(address) as deaf:
        deaf.sendall(b"GET /v2.0/networks HTTP/1.1\r\nHost: x\r\n\r\n")
        connections = servers[0].server_state.connections
        wait_until(lambda: len(connections) == 1)
        assert still_serves(address)
        wait_until(lambda: not connections)


def test_of_clients_that_take_no_answer_only_so_many_are_kept_as_fit() -> None:
    shelf = Shelf()
    shelf.networks = {str(number): {"id": str(number), "name": "x" * 1000} for number in range(8000)}
    servers: list[Server] = []
    limits = Limits(unsent=6 << 20)
    with served(api(shelf), limits, servers=servers) as address, ExitStack() as deaf:
        for _ in range(5):  # each has some 8 MB to take, of which the kernel keeps up to 4 or 5
            deaf.enter_context(connected(address)).sendall(b"GET /v2.0/networks HTTP/1.1\r\nHost: x\r\n\r\n")
        connections = servers[0].server_state.connections
        wait_until(lambda: len(connections) == 5)
        wait_until(lambda: len(connections) < 5)
        assert sum(one.transport.get_write_buffer_size() for one in list(connections)) <= limits.unsent
        assert still_serves(address)


def test_silent_connections_make_room_for_others() -> None:
    servers: list[Server] = []
    with served(api(), Limits(connections=50), servers=servers) as address:
        silent = [socket.create_connection(address, 10) for _ in range(300)]
        try:
            assert still_serves(address)
            wait_until(lambda: len(servers[0].server_state.connections) <= 50)
            assert still_serves(address)
        finally:
            for one in silent:
                one.close()


def test_connections_are_kept_and_ended_when_idle() -> None:
    request = b"GET /v2.0/networks HTTP/1.1\r\nHost: x\r\n\r\n"
    with served(api(), QUICK) as address, connected(address) as made:
        for _ in range(3):
            made.sendall(request)
            assert status(read_answer(made)) == 200
        assert read_all(made) == b""


def test_pipelined_requests_are_answered_in_order() -> None:
    with served(api(), QUICK) as address, connected(address) as made:
        made.sendall(
            b"GET /v2.0/nothing HTTP/1.1\r\nHost: x\r\n\r\n"
            b"GET /v2.0/networks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        answers = read_all(made)
        assert [status(one) for one in (b"HTTP/1.1 " + part for part in answers.split(b"HTTP/1.1 ")[1:])] == [
            404,
            200,
        ]


def test_unknown_paths_leave_nothing_behind() -> None:
    """OSSA-2021-006, with fewer: 10,000 bad paths keep no more than the first 2,000."""
    application = api()

    async def nobody() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def nowhere(_message: Any) -> None:
        return None

    async def asked(first: int, last: int) -> None:
        for number in range(first, last):
            path = (b"/v2.0/a%d", b"/v2.0/networks/%d/x", b"/v2.0/networks/%d")[number % 3] % number
            scope = {
                "type": "http",
                "method": "GET",
                "raw_path": path,
                "query_string": b"q%d=1" % number,
                "headers": [(b"host", b"x"), (b"x-h%d" % number, b"1")],
            }
            await application(scope, nobody, nowhere)

    asyncio.run(asked(0, 2_000))
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        asyncio.run(asked(2_000, 10_000))
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 100_000, f"{grown} bytes are kept"
