"""A broker at work, and one that fails its master."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deuteron.errors import HostError, KernelError
from deuteron.kernel.linux.broker import Broker
from deuteron.kernel.linux.broker_process import Service, serve
from deuteron.kernel.linux.broker_wire import ANSWER, LARGEST, REQUEST, Answer, Remove, Request, encode
from deuteron.kernel.linux.kernel import LinuxKernel
from deuteron.kernel.linux.libc import CLONE_NEWNET, setns, unshare
from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.kernel.linux.sysctl import PartlyWrittenError, ProcMounts
from deuteron.kernel.linux.worker import open_own_netns
from deuteron.objects import Create, Delete, Look, Netns, Step, Sysctl
from tests.support.sandbox import Host

_FORWARD = "net/ipv4/ip_forward"
_MARTIANS = "net/ipv4/conf/all/log_martians"


@contextmanager
def answering(other: Callable[[socket.socket], object], deadline: float = 5.0) -> Iterator[Broker]:
    """A client whose other end is in this process, on a thread."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def answer() -> None:
        with theirs:
            other(theirs)

    thread = threading.Thread(target=answer)
    thread.start()
    broker = Broker(ours, 0, ProcMounts(1), deadline=deadline)
    try:
        yield broker
    finally:
        broker.close()
        thread.join(10)


@pytest.fixture
def broker(host: Host) -> Iterator[Broker]:
    """A broker's service on a thread: the operations without the confinement."""
    NetnsDirectory(host.netns_dir).prepare()
    ready = threading.Event()

    def run(wire: socket.socket) -> None:
        service = Service(host.netns_dir)
        ready.set()
        serve(wire, service)
        service.close()

    with answering(run) as made:
        assert ready.wait(10)
        yield made


@contextmanager
def new_netns() -> Iterator[None]:
    """This thread in a network namespace of its own."""
    home = open_own_netns()
    try:
        unshare(CLONE_NEWNET)
        yield
    finally:
        setns(home)
        os.close(home)


def read(netns: str, path: str) -> str:
    command = ["ip", "netns", "exec", netns, "cat", f"/proc/sys/{path}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


pytestmark = pytest.mark.kernel


def test_a_namespace_gets_a_name_parameters_and_loses_it(host: Host, broker: Broker) -> None:
    with new_netns():
        broker.keep("qrouter-1")
    inode = NetnsDirectory(host.netns_dir).inode("qrouter-1")
    assert inode
    assert broker.write("qrouter-1", inode, [(_FORWARD, "1"), (_MARTIANS, "1")]) == 2
    assert (read("qrouter-1", _FORWARD), read("qrouter-1", _MARTIANS)) == ("1", "1")
    broker.remove("qrouter-1")
    broker.remove("qrouter-1")
    assert host.leaks() == []


def test_a_name_that_is_taken_is_refused_as_by_ourselves(host: Host, broker: Broker) -> None:
    with new_netns():
        broker.keep("qrouter-1")
        with pytest.raises(KernelError) as refused:
            broker.keep("qrouter-1")
    assert refused.value.code == "foreign-name"
    broker.remove("qrouter-1")


def test_the_host_gets_no_name_of_ours_and_no_parameter(host: Host, broker: Broker) -> None:
    with pytest.raises(KernelError) as refused:
        broker.keep("net-1")
    assert refused.value.code == "broker-refused"
    assert host.leaks() == []
    # Somebody has bound the host's own namespace to a name of ours: it is the host's for all that.
    subprocess.run(["touch", "/run/netns/net-1"], check=True)
    subprocess.run(["mount", "--bind", "/proc/thread-self/ns/net", "/run/netns/net-1"], check=True)
    inode = NetnsDirectory(host.netns_dir).inode("net-1")
    assert inode == os.stat("/proc/thread-self/ns/net").st_ino  # noqa: PTH116 -- of a magic link
    with pytest.raises(KernelError) as refused:
        broker.write("net-1", inode, [(_FORWARD, "1")])
    assert refused.value.code == "broker-refused"
    broker.remove("net-1")


def test_a_namespace_that_has_another_inode_by_now_is_left_alone(broker: Broker) -> None:
    with new_netns():
        broker.keep("qrouter-1")
    with pytest.raises(KernelError) as refused:
        broker.write("qrouter-1", 1, [(_FORWARD, "1")])
    assert refused.value.code == "no-netns"
    assert read("qrouter-1", _FORWARD) == "0"
    broker.remove("qrouter-1")


def test_of_several_parameters_those_before_the_refused_one_are_set(host: Host, broker: Broker) -> None:
    with new_netns():
        broker.keep("qrouter-1")
    inode = NetnsDirectory(host.netns_dir).inode("qrouter-1") or 0
    values = [(_MARTIANS, "1")] * 200 + [("net/ipv4/conf/none/forwarding", "1"), (_FORWARD, "1")]
    with pytest.raises(PartlyWrittenError) as refused:
        broker.write("qrouter-1", inode, values)
    assert (refused.value.code, refused.value.done) == ("sysctl-refused", 200)
    assert (read("qrouter-1", _MARTIANS), read("qrouter-1", _FORWARD)) == ("1", "0")
    broker.remove("qrouter-1")


def test_a_kernel_does_through_it_what_it_does_alone(host: Host, broker: Broker) -> None:
    space = Netns(name="qrouter-1", owner="router/1")
    paths = ("net/ipv4/ip_forward", "net/ipv4/conf/all/nothing", "net/ipv6/conf/all/forwarding")
    made = [
        Create(space),
        *(Create(Sysctl(netns=space.name, path=path, value="1", dev="")) for path in paths),
    ]

    def outcomes(kernel: LinuxKernel) -> list[object]:
        steps: list[Step] = list(made)
        outcome = kernel.run(steps)
        looked = kernel.observe(Look(sysctls={space.name: paths})).objects
        gone = kernel.run([Delete(space)])
        return [outcome.done, outcome.failed, str(outcome.error), looked, gone.done]

    found = []
    for privileged in (None, broker):
        kernel = LinuxKernel(host.netns_dir, privileged=privileged)
        found.append(outcomes(kernel))
        kernel.close()
    assert found[0] == found[1]
    assert found[0][:2] == [(True, True, False, False), 2]


def test_several_threads_ask_one_broker(host: Host, broker: Broker) -> None:
    wrong: list[str] = []

    def make(number: int) -> None:
        for turn in range(10):
            name = f"net-{number}-{turn}"
            with new_netns():
                broker.keep(name)
                own = os.stat("/proc/thread-self/ns/net").st_ino  # noqa: PTH116 -- of a magic link
            if NetnsDirectory(host.netns_dir).inode(name) != own:
                wrong.append(name)
            broker.remove(name)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert wrong == []
    assert host.leaks() == []


def _ends(wire: socket.socket) -> None:
    wire.recv(LARGEST)


def _is_gone_already(_wire: socket.socket) -> None:
    pass


def _answers_the_next_one(wire: socket.socket) -> None:
    wire.recv(LARGEST)
    wire.send(encode(Answer(number=99)))


def _answers_nonsense(wire: socket.socket) -> None:
    wire.recv(LARGEST)
    wire.send(b"\xff\x00nonsense")


@pytest.mark.parametrize("other", [_ends, _is_gone_already, _answers_the_next_one, _answers_nonsense])
def test_a_broker_that_fails_is_named_and_not_believed(other: Callable[[socket.socket], None]) -> None:
    with answering(other) as broker:
        with pytest.raises(KernelError) as failed:
            broker.remove("net-1")
        assert (failed.value.code, broker.gone) == ("broker-gone", True)


def test_an_answer_that_comes_too_late_is_nobody_elses() -> None:
    """The first request is given up; its answer must not be taken for that of the second."""
    given_up = threading.Event()

    def slow(wire: socket.socket) -> None:
        first = REQUEST.decode(wire.recv(LARGEST))
        given_up.wait(10)
        second = REQUEST.decode(wire.recv(LARGEST))
        wire.send(encode(Answer(number=first.number, code="foreign-name", message="of the first")))
        wire.send(encode(Answer(number=second.number)))

    with answering(slow, deadline=0.2) as broker:
        with pytest.raises(KernelError) as late:
            broker.remove("net-1")
        assert late.value.code == "broker-late"
        given_up.set()
        broker.remove("net-2")
        assert not broker.gone


def test_a_broker_that_cannot_be_confined_is_refused() -> None:
    with answering(
        lambda wire: wire.send(encode(Answer(number=0, code="not-confined", message="why")))
    ) as one:
        with pytest.raises(HostError, match="why") as refused:
            one.greet()
        assert refused.value.code == "not-confined"


#: Root's limit of processes does not count, so another user starts it; what is open is asked of each
#: number, since that user may not list /proc/self/fd of what root has begun.
_NO_FURTHER_PROCESS = """
import os, resource, socket
from pathlib import Path
from deuteron.errors import HostError
from deuteron.kernel.linux.broker import start
from deuteron.kernel.linux.sysctl import ProcMounts

def opened():
    found = set()
    for number in range(64):
        try:
            found.add((number, os.fstat(number).st_ino))
        except OSError:
            pass
    return found

before = opened()
mounts = ProcMounts(2)
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
os.setuid(65534)
try:
    start(Path("/run/netns"), tuple, mounts)
except HostError as error:
    print(error.code, error, sep=": ")
print(sorted(opened() - before))
"""


def test_where_no_process_can_be_made_it_is_said_and_nothing_stays_open() -> None:
    command = [sys.executable, "-W", "always::ResourceWarning", "-c", _NO_FURTHER_PROCESS]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    said, left = ended.stdout.splitlines()
    assert said.startswith("no-process: the broker process cannot be made: Resource temporarily unavailable")
    assert left == "[]"


def test_a_frame_that_is_too_long_is_refused_and_the_next_one_is_read(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    thread = threading.Thread(target=lambda: serve(theirs, Service(tmp_path)))
    thread.start()
    with ours:
        ours.settimeout(10)
        for frame, code in (
            (b"\x93" * (LARGEST + 500), "broker-refused"),
            (encode(Request(3, Remove("net-1"))), ""),
        ):
            ours.send(frame)
            answer = ANSWER.decode(ours.recv(LARGEST))
            assert answer.code == code
    thread.join(10)
    theirs.close()


def test_a_descriptor_too_many_is_closed(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    thread = threading.Thread(target=lambda: serve(theirs, Service(tmp_path)))
    thread.start()
    read_end, write_end = os.pipe()
    with ours:
        ours.settimeout(10)
        socket.send_fds(ours, [encode(Request(1, Remove("net-1")))], [write_end] * 3)
        assert ANSWER.decode(ours.recv(LARGEST)).code == "broker-refused"
        os.close(write_end)
        assert os.read(read_end, 1) == b""  # nobody holds the other end any more
    thread.join(10)
    theirs.close()
    os.close(read_end)
