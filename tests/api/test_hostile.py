"""Hostile clients against the server as shipped: memory and time stay bounded, the others are served."""

from __future__ import annotations

import http.client
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final

import pytest

from deuteron.identity.noauth import PROJECT
from tests.api.apart import Apart, apart
from tests.api.shelf import connected, read_all, read_answer
from tests.support.waiting import wait_until

#: MB that all of this module's attacks may add to what the server holds at first.
BOUND: Final = 200.0

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    with apart(tmp_path_factory.mktemp("hostile")) as made:
        with Peaceful(made):
            pass
        before = made.memory()
        yield made
        assert made.most_memory() - before < BOUND, "what hostile clients sent was kept"


class Peaceful:
    """A client that makes a network, finds it and deletes it, again and again, while the block lasts.

    At the end each of its requests was answered as it should, and the server had not done more than
    ``seconds`` of work between its being asked and its answer: by the processor's time, since how long it
    takes is also a matter of who else is on the machine.
    """

    def __init__(self, server: Apart, seconds: float = 1.5) -> None:
        self._server = server
        self._bound = seconds
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._all)
        self.longest, self.turns, self.wrong = 0.0, 0, ""

    def __enter__(self) -> Peaceful:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._end.set()
        self._thread.join(60)
        if kind is None:
            assert not self.wrong, self.wrong
            assert self.turns
            assert self.longest < self._bound, (
                f"one request waited for {self.longest:.1f} s of work for others"
            )

    def _all(self) -> None:
        try:
            while not self.turns or not self._end.wait(0.05):
                self._turn()
                self.turns += 1
        except (AssertionError, OSError, http.client.HTTPException) as error:
            self.wrong = repr(error)

    def _turn(self) -> None:
        """On a connection of its own, as a client that comes new."""
        http_client = http.client.HTTPConnection(*self._server.address, timeout=100)
        try:
            made = self._ask(http_client, "POST", "networks", b'{"network": {"name": "peace"}}', 201)
            one = made.split(b'"id":"')[1][:36].decode()
            self._ask(http_client, "GET", f"networks/{one}", None, 200)
            self._ask(http_client, "DELETE", f"networks/{one}", None, 204)
        finally:
            http_client.close()

    def _ask(self, to: http.client.HTTPConnection, method: str, path: str, body: Any, wanted: int) -> bytes:
        began = self._server.processor()
        to.request(method, f"/v2.0/{path}", body, {"Content-Type": "application/json"} if body else {})
        answer = to.getresponse()
        read = answer.read()
        self.longest = max(self.longest, self._server.processor() - began)
        assert answer.status == wanted, (answer.status, read)
        return read


def post(body: bytes, path: str = "/v2.0/networks", more: bytes = b"") -> bytes:
    return (
        b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s"
        % (
            path.encode(),
            more,
            len(body),
            body,
        )
    )


def get(target: bytes, more: bytes = b"") -> bytes:
    return b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (target, more)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def sent(server: Apart, raw: bytes, *, whole: bool = False) -> bytes:
    """The answer to raw bytes, empty where the connection was ended without one."""
    with connected(server.address, 100) as made:
        try:
            made.sendall(raw)
            if whole:
                with suppress(OSError):  # ENOTCONN: the other side has ended it already
                    made.shutdown(socket.SHUT_WR)
                return read_all(made)
            return read_answer(made)
        except (BrokenPipeError, ConnectionResetError):
            return b""


NAME: Final = '{"network": {"name": %s}}'


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"network": {"name": ' + b"[" * 500 + b"]" * 500 + b"}}",
        b'{"network": {"mtu": 1e400}}',
        b'{"network": {"mtu": -1e400}}',
        b'{"network": {"mtu": NaN}}',
        b'{"network": {"mtu": Infinity}}',
        b'{"network": {"mtu": ' + b"9" * 5000 + b"}}",
        b'{"network": {"mtu": "' + b"9" * 5000 + b'"}}',
        b'{"network": {"provider:segmentation_id": 9223372036854775808}}',
        b'{"network": {"mtu": 1.5e308}}',
        b'{"network": {"name": "\xff\xfe"}}',
        b'{"network": {"name": "\xed\xa0\x80"}}',
        b'{"network": {"name": "\\ud800"}}',
        b'{"network": {"name": "a\\u0000b"}}',
        b'{"network": {"name": "a\\nb"}}',
        b'{"network": {"description": "\\udfff"}}',
        b'{"network": {"\xff": 1}}',
        b'{"network": {"na\\u0000me": 1}}',
        b'\xef\xbb\xbf{"network": {}}',
        '{"network": {}}'.encode("utf-16"),
        b'{"network": {"project_id": "' + b"p" * 300 + b'"}}',
        b'{"network": {}} trailing',
        b'{"network": {}}{"network": {}}',
        b'"' + b"a" * 500_000 + b'"',
        b"",
        b"null",
        b"true",
        b'{"networks": null}',
        b'{"networks": {}}',
        b'{"networks": [null]}',
        b'{"networks": [[[]]]}',
        b'{"networks": [{}], "network": {}}x',
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_hostile_body_is_a_400(server: Apart, body: bytes) -> None:
    answer = sent(server, post(body))
    assert status(answer) == 400, answer
    assert len(answer) < 4096, "what was sent comes back"


def test_of_a_name_that_is_there_twice_the_last_one_counts_alone(server: Apart) -> None:
    """As JSON readers here and at clients have it; nothing is checked of one and kept of another."""
    answer = sent(
        server, post(b'{"network": {"name": "first", "name": "second"}, "network": {"name": "third"}}')
    )
    assert status(answer) == 201
    assert b'"name":"third"' in answer
    assert b"first" not in answer


@pytest.mark.parametrize(
    "raw",
    [
        get(b"/v2.0/networks?name=%ff"),
        get(b"/v2.0/networks?name=%ed%a0%80"),
        get(b"/v2.0/networks/%ff"),
        get(b"/v2.0/networks/%00"),
        get(b"/v2.0/%2e%2e/%2e%2e/etc/passwd"),
        get(b"/v2.0/networks/../../etc/passwd"),
        get(b"//evil.example/v2.0/networks"),
        get(b"/v2.0/networks?" + b"&".join([b"id=x"] * 10_000)),
        get(b"/v2.0/networks?" + b"&".join(b"a%d" % number for number in range(600))),
        get(b"/v2.0/networks?limit=" + b"9" * 5000),
        get(b"/v2.0/networks?limit=-1"),
        get(b"/v2.0/networks?limit=%D9%A3&marker=x"),
        get(b"/v2.0/networks?mtu=1e400"),
        get(b"/v2.0/networks?marker=nothing&limit=1"),
        get(b"/v2.0/networks?changed_since=" + b"9" * 5000),
        get(b"/v2.0/networks?sort_key=name"),
        get(b"/v2.0/networks?sort_key=name;drop&sort_dir=asc"),
        get(b"/v2.0/networks?" + b"a" * 100_000),
        get(b"/v2.0/networks", b"X-Long: " + b"a" * (1 << 20) + b"\r\n"),
        get(b"/v2.0/networks", b"".join(b"X-%d: 1\r\n" % number for number in range(10_000))),
        get(b"/v2.0/networks", b"X-Roles: admin\r\nx-roles: member\r\n"),
        get(b"/v2.0/networks", b"Host: evil.example\r\n"),
        get(b"/v2.0/networks", b"X-A: 1\r\n folded: admin\r\n"),
        get(b"/v2.0/networks", b"X-A\r\n"),
        get(b"/v2.0/networks", b"X A: 1\r\n"),
        get(b"/v2.0/networks", b"X-Roles : admin\r\n"),
        get(b"/v2.0/networks", b"X-A: a\x00b\r\n"),
        get(b"/v2.0/networks", b"If-Match: revision_number=" + b"9" * 5000 + b"\r\n"),
        b"GET /v2.0/networks HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET /v2.0/networks HTTP/1.1\r\nHost: x\r\n\r\n".replace(b"GET", b"G\x00T"),
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"BREW /v2.0/networks HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\r\n" * 30_000,
        b"\x00" * 70_000,
        post(b"{}", more=b"Content-Length: 3\r\n"),
        post(b"{}", more=b"Transfer-Encoding: chunked\r\n"),
        post(b"{}", more=b"Transfer-Encoding: gzip\r\n"),
        post(b"{}", more=b"Content-Encoding: gzip\r\n"),
        post(b"{}", more=b"Transfer-Encoding : chunked\r\n"),
        post(b"{}").replace(b"application/json", b"text/plain"),
        post(b"{}").replace(b"application/json", b"multipart/form-data; boundary=x"),
        post(b"{}").replace(b"Content-Length: 2", b"Content-Length: +2"),
        post(b"{}").replace(b"Content-Length: 2", b"Content-Length: 0x2"),
        post(b"{}").replace(b"Content-Length: 2", b"Content-Length: 2, 2"),
        post(b"{}").replace(b"Content-Length: 2", b"Content-Length: " + b"9" * 30),
        post(b"5\r\n{}\r\n").replace(b"Content-Length: 7", b"Transfer-Encoding: chunked"),
        post(b"-1\r\n{}\r\n").replace(b"Content-Length: 8", b"Transfer-Encoding: chunked"),
        post(b"fffffffffffffffff\r\n{}").replace(b"Content-Length: 21", b"Transfer-Encoding: chunked"),
        post(b"2;" + b"a" * 70_000 + b"\r\n{}\r\n0\r\n\r\n").replace(
            b"Content-Length: 70014", b"Transfer-Encoding: chunked"
        ),
        b"DELETE /v2.0/networks/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=lambda raw: repr(raw[:60]),
)
def test_a_hostile_request_is_a_4xx_or_the_end_of_the_connection(server: Apart, raw: bytes) -> None:
    answer = sent(server, raw, whole=True)
    assert 400 <= status(answer) < 500 or not answer, answer[:300]
    assert len(answer) < 4096, "what was sent comes back"


def test_a_target_that_names_a_host_is_served_by_its_path_and_its_host_is_nowhere(server: Apart) -> None:
    """The form for proxies, which every server takes (RFC 9112, 3.2.2); links are made of ``Host`` alone."""
    answer = sent(server, b"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status(answer) == 200
    assert b'"http://x/' in answer
    assert b"evil.example" not in answer


def test_a_request_of_before_there_were_versions_has_its_answer(server: Apart) -> None:
    assert status(sent(server, b"GET /v2.0/networks?limit=1\r\n\r\n")) == 200


def test_a_second_request_is_not_smuggled_in_the_body_of_the_first(server: Apart) -> None:
    """CL and TE that contradict each other, and a bare LF: one answer, and the connection ends."""
    inner = get(b"/v2.0/extensions")
    for raw in (
        post(b"0\r\n\r\n" + inner, more=b"Transfer-Encoding: chunked\r\n"),
        post(inner, more=b"Content-Length: 0\r\n"),
        post(b"0\r\n\r\n" + inner, more=b"Transfer-Encoding: xchunked\r\n"),
        b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 0\nTransfer-Encoding: chunked\r\n\r\n"
        + inner,
    ):
        answers = sent(server, raw, whole=True)
        assert answers.count(b"HTTP/1.1 ") <= 1, raw
        assert b"extensions" not in answers


@pytest.mark.parametrize("chunked", [False, True])
def test_a_hundred_megabytes_are_dropped_as_they_come(server: Apart, chunked: bool) -> None:
    before = server.most_memory()
    piece = b"x" * (1 << 16)
    with Peaceful(server), connected(server.address, 60) as made:
        head = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % (100 << 20)
        made.sendall(
            b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + head
            + b"\r\n\r\n"
        )
        framed = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
        try:
            for _ in range(1600):
                made.sendall(framed)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it need not take them
        assert status(read_answer(made)) == 413
    assert server.most_memory() - before < 32


def test_bodies_that_are_shorter_than_they_say_do_nothing(server: Apart) -> None:
    for raw in (
        post(b'{"network": {"name": "half"}}').replace(b"Content-Length: 29", b"Content-Length: 30"),
        post(b'1d\r\n{"network": {"name": "half"}}\r\n').replace(
            b"Content-Length: 35", b"Transfer-Encoding: chunked"
        ),
    ):
        assert status(sent(server, raw, whole=True)) in (0, 400, 408)
    assert b'"networks":[]' in sent(server, get(b"/v2.0/networks?name=half"))


@contextmanager
def many(server: Apart, count: int, first: bytes) -> Iterator[list[socket.socket]]:
    """So many connections, each of which has sent something."""
    with ExitStack() as open_ones:
        made = []
        for _ in range(count):
            one = open_ones.enter_context(socket.create_connection(server.address, 30))
            with suppress(BrokenPipeError, ConnectionResetError):  # it had to make room already
                one.sendall(first)
            made.append(one)
        yield made


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"GET /v2.0/networks HTTP/1.1\r\nHo",
        post(b" " * 4096).replace(b"Content-Length: 4096", b"Content-Length: 999999"),
    ],
    ids=["nothing", "half a head", "half a body"],
)
def test_two_thousand_connections_that_say_little_shut_nobody_out(server: Apart, first: bytes) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2500:
        pytest.skip(f"needs 2500 open files, and this user may have {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2500), hard))
    with Peaceful(server, 3), many(server, 2000, first):
        assert server.files() < 700, "each connection is a file, and those are few"
        assert status(sent(server, get(b"/v2.0/networks"))) == 200


def test_clients_that_take_no_answer_of_a_long_list_are_bounded(server: Apart) -> None:
    """Each asks for half a megabyte, again and again, and reads none of it; one who reads gets all of his."""
    no_bound = post(b'{"quota": {"network": -1}}', f"/v2.0/quotas/{PROJECT}").replace(b"POST", b"PUT")
    assert status(sent(server, no_bound)) == 200
    network = b'{"name": "%s", "description": "%s"}' % (b"x" * 250, b"x" * 250)
    assert status(sent(server, post(b'{"networks": [%s]}' % b",".join([network] * 500)))) == 201
    often, ask = 40, get(b"/v2.0/networks")
    before = server.most_memory()
    with Peaceful(server, 5), many(server, 20, ask * often), connected(server.address, 100) as reader:
        reader.sendall(ask * (often - 1) + get(b"/v2.0/networks", b"Connection: close\r\n"))
        # Requests are served in turn: when this one has all of his, so would the others have theirs.
        answers = read_all(reader)
    assert answers.count(b"HTTP/1.1 200 OK") == often
    assert len(answers) > often * 500_000
    assert server.most_memory() - before < 160


def test_a_flood_of_pipelined_requests_is_bounded(server: Apart) -> None:
    before = server.most_memory()
    flood = get(b"/v2.0/extensions/router") * 200
    with Peaceful(server, 3), many(server, 4, b"") as made:
        for one in made:
            one.settimeout(1)
            try:
                for _ in range(50):
                    one.sendall(flood)
            except (TimeoutError, BrokenPipeError, ConnectionResetError):
                continue  # it takes no more for now, or for good
    assert server.most_memory() - before < 64


def test_connections_that_come_and_go_leave_nothing(server: Apart) -> None:
    def churn(times: int) -> None:
        for number in range(times):
            with socket.create_connection(server.address, 10) as made:
                if number % 3:
                    made.sendall(get(b"/v2.0/extensions/router")[: number % 60])

    churn(500)
    files, memory = server.files(), server.memory()
    with Peaceful(server):
        churn(2000)
    wait_until(lambda: server.files() <= files + 5, lambda: "connections that are over are kept")
    assert server.memory() - memory < 8


def test_ossa_2021_006_fifty_thousand_paths_that_are_not_there_keep_nothing(server: Apart) -> None:
    """The slope of memory is flat: 50,000 more cost no more than what one page of it is."""

    def ask(first: int, last: int) -> None:
        with connected(server.address, 60) as made:
            for start in range(first, last, 50):  # by the fifty: fewer waits for both sides
                several = range(start, start + 50)
                made.sendall(b"".join(get(b"/v2.0/nothing-%d/%d?x%d=1" % (one, one, one)) for one in several))
                found = b""
                while found.count(b"HTTP/1.1 404 ") < len(several) or not found.endswith(b'"}}'):
                    found += made.recv(1 << 16)

    ask(0, 5_000)
    before = server.memory()
    ask(5_000, 55_000)
    assert server.memory() - before < 2
