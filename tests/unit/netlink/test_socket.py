"""The socket's promises, against the real kernel and, where that is too well-behaved, a scripted one."""

from __future__ import annotations

import errno
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deuteron.errors import KernelError
from deuteron.kernel.linux.netlink import address, link, route, wire
from deuteron.kernel.linux.netlink.route import NexthopRecord
from deuteron.kernel.linux.netlink.socket import Ack, Counters, NetlinkSocket
from tests.support.sandbox import Host

MAC = "fa:16:3e:00:00:01"


@pytest.fixture
def rt(host: Host) -> Iterator[NetlinkSocket]:
    with host.netlink() as made:
        assert made.batch([link.new_bridge("br0", MAC, 1500, index=10, up=True)]) == [Ack()]
        yield made


def addresses(count: int) -> list[str]:
    return [f"10.{number >> 8}.{number & 255}.1/32" for number in range(count)]


@pytest.mark.kernel
def test_a_refused_message_is_told_by_its_place_and_stops_no_other(rt: NetlinkSocket) -> None:
    first, second = addresses(2)
    messages = [address.new_address(10, text) for text in (first, first, second)]
    acks = rt.batch(messages)
    assert acks == [Ack(), Ack(errno.EEXIST, "ipv4: Address already assigned"), Ack()]


@pytest.mark.kernel
def test_a_refused_last_message_is_told_too(rt: NetlinkSocket) -> None:
    assert [ack.errno for ack in rt.batch([link.delete_link("br0"), link.delete_link("br0")])] == [
        0,
        errno.ENODEV,
    ]


@pytest.mark.kernel
def test_nothing_to_send_is_no_system_call(rt: NetlinkSocket) -> None:
    before = rt.counters.sends
    assert rt.batch([]) == []
    assert rt.counters.sends == before


@pytest.mark.kernel
def test_thousands_of_messages_are_answered_one_by_one_in_few_sends(rt: NetlinkSocket) -> None:
    rt.counters = Counters()
    hop = [NexthopRecord(10)]
    texts = addresses(10_000)
    assert set(rt.batch([route.new_route(text, hop, protocol=210) for text in texts])) == {Ack()}
    assert rt.counters.messages == 10_000
    assert rt.counters.sends < 30
    # Now each is refused: the answers must not overrun the receive buffer.
    again = rt.batch([route.new_route(text, hop, protocol=210) for text in texts])
    assert [ack.errno for ack in again] == [errno.EEXIST] * 10_000
    assert len(rt.dump(route.dump_routes(protocol=210))) == 10_000


@pytest.mark.kernel
def test_a_single_request_gives_its_answer_or_the_kernels_refusal(rt: NetlinkSocket) -> None:
    assert link.parse_link(rt.request(link.get_link("br0"))).index == 10
    with pytest.raises(KernelError) as caught:
        rt.request(link.get_link("nope"))
    assert (caught.value.code, caught.value.errno) == ("enodev", errno.ENODEV)


@pytest.mark.kernel
def test_a_refused_dump_carries_the_kernels_words(rt: NetlinkSocket) -> None:
    with pytest.raises(KernelError, match="FIB table does not exist") as caught:
        rt.dump(route.dump_routes(socket.AF_INET, table=4444))
    assert caught.value.code == "enoent"
    assert rt.dump(link.dump_links())


@pytest.mark.kernel
def test_the_socket_stays_in_the_namespace_it_was_made_in(rt: NetlinkSocket, host: Host) -> None:
    host.make_netns("other")
    seen: list[str] = []

    def look_from_elsewhere() -> None:
        with host.inside("other"):
            seen.extend(link.parse_link(payload).name for payload in rt.dump(link.dump_links()))

    thread = threading.Thread(target=look_from_elsewhere)
    thread.start()
    thread.join(10)
    assert "br0" in seen


@pytest.mark.kernel
def test_a_dump_while_others_change_what_it_shows_is_still_whole(host: Host, rt: NetlinkSocket) -> None:
    """Entries that are there all the time are in every dump, whatever comes and goes beside them."""
    lasting = addresses(1500)
    assert set(rt.batch([address.new_address(10, text) for text in lasting])) == {Ack()}
    stop = threading.Event()

    def churn(other: NetlinkSocket) -> None:
        while not stop.is_set():
            other.batch([address.new_address(1, "127.0.1.1/32"), address.delete_address(1, "127.0.1.1/32")])
            time.sleep(0.001)

    with host.netlink() as other:
        thread = threading.Thread(target=churn, args=(other,))
        thread.start()
        try:
            for _ in range(5):
                try:
                    found = rt.dump(address.dump_addresses(socket.AF_INET))
                except KernelError as error:
                    assert error.code == "dump-interrupted"  # noqa: PT017  (either outcome is right)
                    continue
                assert {address.parse_address(payload).address for payload in found} >= set(lasting)
        finally:
            stop.set()
            thread.join(10)


class Meeting:
    """A socket whose reader goes on when the other thread's has received as well."""

    def __init__(self, inner: socket.socket, both: threading.Barrier) -> None:
        self.inner, self.both = inner, both

    def send(self, data: bytes) -> int:
        return self.inner.send(data)

    def recv_into(self, buffer: memoryview) -> int:
        size = self.inner.recv_into(buffer)
        self.both.wait(10)
        return size

    def close(self) -> None:
        self.inner.close()


@pytest.mark.kernel
def test_threads_with_a_socket_each_hear_their_own_answers(host: Host) -> None:
    both, heard = threading.Barrier(2), {}
    names = ("br-a", "br-b")
    for name in names:
        host.make_bridge(name)

    def ask(name: str, rt: NetlinkSocket) -> None:
        heard[name] = link.parse_link(rt.request(link.get_link(name))).name

    with host.netlink() as one, host.netlink() as two:
        threads = []
        for name, rt in zip(names, (one, two), strict=True):
            rt._socket = Meeting(rt._socket, both)  # type: ignore[assignment]  # what a socket is asked for here
            threads.append(threading.Thread(target=ask, args=(name, rt)))
            threads[-1].start()
        for thread in threads:
            thread.join(20)
    assert heard == {name: name for name in names}


@pytest.mark.kernel
def test_a_closed_socket_refuses_and_may_be_closed_again(host: Host) -> None:
    with host.netlink() as rt:
        rt.close()
        with pytest.raises(KernelError) as caught:
            rt.batch([link.set_link(1, up=True)])
    assert caught.value.errno == errno.EBADF


@pytest.mark.kernel
def test_no_descriptor_is_left_behind(host: Host) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        NetlinkSocket().close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


Script = Callable[[int], list[bytes]]


def answer(kind: int, flags: int, sequence: int, payload: bytes) -> bytes:
    return wire.HEADER.pack(wire.HEADER_SIZE + len(payload), kind, flags, sequence, 0) + payload


def done(sequence: int, flags: int = 0) -> bytes:
    return answer(wire.NLMSG_DONE, flags, sequence, bytes(4))


def refusal(sequence: int, number: int) -> bytes:
    return answer(wire.NLMSG_ERROR, wire.NLM_F_CAPPED, sequence, struct.pack("=i", -number) + bytes(16))


@pytest.fixture
def scripted() -> Iterator[Callable[[Script], NetlinkSocket]]:
    """A socket whose kernel answers each request by a script; it waits 0.1 s for answers."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    threads: list[threading.Thread] = []

    def play(script: Script) -> None:
        while request := theirs.recv(65536):
            for datagram in script(struct.unpack_from("=I", request, 8)[0]):
                theirs.send(datagram)

    def start(script: Script) -> NetlinkSocket:
        made = NetlinkSocket()
        made.close()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 100_000))
        made._socket = ours
        threads.append(threading.Thread(target=play, args=(script,)))
        threads[0].start()
        return made

    yield start
    ours.close()
    for thread in threads:
        thread.join(10)
    theirs.close()


def test_an_interrupted_dump_is_begun_again(scripted: Callable[[Script], NetlinkSocket]) -> None:
    def script(sequence: int) -> list[bytes]:
        torn = wire.NLM_F_DUMP_INTR if sequence < 3 else 0
        return [answer(16, torn, sequence, b"link"), done(sequence)]

    rt = scripted(script)
    assert rt.dump(link.dump_links()) == [b"link"]
    assert rt.counters.dumps == 3


def test_a_dump_that_is_always_interrupted_gives_up_after_ten_tries(
    scripted: Callable[[Script], NetlinkSocket],
) -> None:
    rt = scripted(lambda sequence: [done(sequence, wire.NLM_F_DUMP_INTR)])
    with pytest.raises(KernelError) as caught:
        rt.dump(link.dump_links())
    assert caught.value.code == "dump-interrupted"
    assert rt.counters.dumps == 10


def test_a_kernel_that_never_answers_is_an_error_in_time(scripted: Callable[[Script], NetlinkSocket]) -> None:
    rt = scripted(lambda _: [])
    for ask in (rt.request, rt.dump, lambda message: rt.batch([message])):
        with pytest.raises(KernelError) as caught:
            ask(link.get_link("a"))
        assert caught.value.code == "netlink-timeout"


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(
    scripted: Callable[[Script], NetlinkSocket],
) -> None:
    def script(sequence: int) -> list[bytes]:
        if sequence == 1:
            return []
        return [
            answer(16, 0, 1, b"late"),
            refusal(1, errno.EPERM),
            answer(16, 0, sequence, b"mine"),
            done(sequence),
        ]

    rt = scripted(script)
    with pytest.raises(KernelError):
        rt.request(link.get_link("a"))
    assert rt.request(link.get_link("b")) == b"mine"
    assert rt.dump(link.dump_links()) == [b"mine"]


def test_sequence_numbers_start_again_before_they_overflow(
    scripted: Callable[[Script], NetlinkSocket],
) -> None:
    rt = scripted(lambda sequence: [refusal(sequence, 0)])
    rt._sequence = (1 << 32) - 1
    assert rt.batch([link.set_link(1, up=True)]) == [Ack()]
