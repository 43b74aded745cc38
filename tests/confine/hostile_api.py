"""What somebody who runs code inside the API's process tries, judged as in :mod:`tests.confine.hostile`.

Whoever gets there has come by the network.  Within reach is to be the store, the sockets that were
handed over, and programs to read; :func:`lawful` is the twin: what has to work, so that a refusal
means something.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import sqlite3
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from tests.confine import hostile
from tests.confine.hostile import PRECIOUS, Attempt, call, making, opening

#: A datagram socket that everybody may write to, as journald's and the service manager's are.
MAILBOX: Final = Path("/run/mailbox")
#: The variable that has address and port of somebody's service on this host.
SERVICE: Final = "DEUTERON_TEST_SERVICE"

_FASTOPEN: Final = 0x2000_0000
_F_SETOWN: Final = 8
_F_SETSIG: Final = 10
_SCTP: Final = 132
_FAMILIES: Final = {
    "netlink": (socket.AF_NETLINK, socket.SOCK_RAW, (0, 4, 9, 12, 15, 16)),
    "packet": (socket.AF_PACKET, socket.SOCK_RAW, (0, 0x0300)),
    "raw": (socket.AF_INET, socket.SOCK_RAW, (1, 6, 255)),
    "raw6": (socket.AF_INET6, socket.SOCK_RAW, (58, 255)),
    "unix": (socket.AF_UNIX, socket.SOCK_STREAM, (0,)),
    "unix datagram": (socket.AF_UNIX, socket.SOCK_DGRAM, (0,)),
    "vsock": (socket.AF_VSOCK, socket.SOCK_STREAM, (0,)),
    "alg": (38, socket.SOCK_SEQPACKET, (0,)),
    "xdp": (44, socket.SOCK_RAW, (0,)),
    "bluetooth": (31, socket.SOCK_RAW, (1,)),
    "sctp": (socket.AF_INET, socket.SOCK_STREAM, (_SCTP,)),
}
#: What a process that asks a Keystone has besides.
_INTERNET: Final = {
    "tcp": (socket.AF_INET, socket.SOCK_STREAM, (0, 6)),
    "tcp6": (socket.AF_INET6, socket.SOCK_STREAM, (0, 6)),
    "udp": (socket.AF_INET, socket.SOCK_DGRAM, (0, 17)),
}


def attempts(state: Path, *, connects: bool) -> Iterator[tuple[str, Attempt]]:
    """All of them, named; the last ones end the service.

    Args:
        state: the state directory.
        connects: whether it asks a Keystone, by TCP.
    """
    yield from _agents(state)
    yield from _files(state)
    yield from hostile._programs()
    yield from hostile._mounts()
    yield from hostile._processes()
    yield from _agents_process()
    yield from hostile._kernel()
    yield from _identity()
    yield from _sockets(connects=connects)
    if not connects:
        yield from _connections()


def lawful(state: Path) -> Iterator[tuple[str, Attempt]]:
    """What it is for; each has to be done."""
    own = state / "api"

    def threads() -> None:
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()

    yield "read the store", opening(own / "api.sqlite")
    yield "ask the store", lambda: _asked(own / "api.sqlite")
    yield "list its directory", lambda: list(own.iterdir())
    yield "write in its directory", making(own / "something")
    yield "read a program", opening(Path(os.__file__))
    yield "a thread", threads
    yield "a pair of sockets", partial(_paired, socket.SOCK_STREAM)
    yield "a signal to itself", lambda: signal.pthread_kill(threading.get_ident(), 0)


def _asked(store: Path) -> None:
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        assert connection.execute("SELECT count(*) FROM networks").fetchone() is not None


def _agents(state: Path) -> Iterator[tuple[str, Attempt]]:
    """What is the agent's, by every door that a name opens."""
    names = ("state.sqlite", "log.key", "clouds.yaml", "lock", "run", "run/feed", "run/serve.lock")
    for name in names:
        yield f"read {name}", opening(state / name)
        yield f"read {name} by dots", opening(state / "api" / ".." / name)
        if name != "run":  # a directory
            yield f"write {name}", opening(state / name, os.O_WRONLY)
            yield f"empty {name}", partial(os.truncate, state / name, 0)
        yield f"remove {name}", partial(os.unlink, state / name)
        yield f"a second name for {name}", partial(os.link, state / name, state / "api" / "mine")
        yield f"move {name}", partial(os.rename, state / name, state / "api" / "mine")
        yield f"open up {name}", partial(os.chmod, state / name, 0o600)
    yield "list the state directory", lambda: list(state.iterdir())
    yield "write in the state directory", making(state / "deuteron-was-here")
    yield "write over clouds.yaml", lambda: (state / "api" / "api.sqlite").rename(state / "clouds.yaml")
    yield "move its own directory", lambda: (state / "api").rename(state / "away")
    yield "open its directory up", lambda: (state / "api").chmod(0o777)
    yield "open its store up", lambda: (state / "api" / "api.sqlite").chmod(0o666)
    yield "a link for root to follow", lambda: (state / "api" / "defects").symlink_to("/etc")
    yield "a device in its directory", lambda: os.mknod(state / "api" / "mem", 0o600 | 0o020000, 257)
    yield "a fifo in its directory", lambda: os.mkfifo(state / "api" / "fifo")
    yield "its store is somebody else's", lambda: os.chown(state / "api" / "api.sqlite", 0, 0)


def _files(state: Path) -> Iterator[tuple[str, Attempt]]:
    secrets = ("/etc/shadow", "/etc/passwd", "/root", "/run", "/run/netns", "/run/deuteron", "/proc", "/sys")
    for secret in (*secrets, "/proc/kallsyms", "/proc/net/tcp", "/dev/mem", "/dev/net/tun", "/dev/kmsg"):
        if os.access(secret, os.F_OK):
            yield f"read {secret}", opening(secret)
    yield "an instance's namespace", opening("/run/netns/vm1")
    yield "remove an instance's name", lambda: Path("/run/netns/vm1").unlink()
    for place in ("/tmp", "/etc", "/run", "/run/netns", "/dev/shm", "/var/tmp", str(state.parent)):
        yield f"write in {place}", making(Path(place) / "deuteron-was-here")
    yield "write the program", opening(Path(os.__file__), os.O_WRONLY)
    yield "empty a file", lambda: os.truncate(PRECIOUS, 0)
    yield "remove a file", PRECIOUS.unlink
    yield "host parameter", opening("/proc/sys/net/ipv4/ip_forward", os.O_WRONLY)
    yield "read host parameter", opening("/proc/sys/net/ipv4/ip_forward")
    yield "kernel parameter", opening("/proc/sys/kernel/core_pattern", os.O_WRONLY)
    yield "one's own memory", opening("/proc/self/mem", os.O_RDWR)
    yield "one's own descriptors", lambda: list(Path("/proc/self/fd").iterdir())


def _agents_process() -> Iterator[tuple[str, Attempt]]:
    agent = os.getppid()
    for name in ("mem", "environ", "maps", "cmdline", "status", "fd", "ns/net", "root/etc", "task"):
        yield f"the agent's {name}", opening(f"/proc/{agent}/{name}")
    # The signal that is none: what asks is refused, or it is not.
    yield "signal the agent", partial(os.kill, agent, 0)
    yield "signal its group", partial(os.killpg, 0, 0)
    yield "signal its thread", call("tgkill", agent, agent, 0)
    yield "queue a signal", call("rt_sigqueueinfo", agent, 0, struct.pack("=iii116x", 0, 0, -1))
    yield "attach to the agent", call("ptrace", 16, agent, 0, 0)
    yield "be traced", call("ptrace", 0, 0, 0, 0)
    yield "write the agent's memory", call("process_vm_writev", agent, None, 0, None, 0, 0)
    yield "compare with the agent", call("kcmp", os.getpid(), agent, 0, 0, 0)
    yield "the agent's priority", lambda: os.setpriority(os.PRIO_PROCESS, agent, 10)
    yield "the agent's processors", lambda: os.sched_setaffinity(agent, {0})
    yield "a signal by a socket", _owned


def _owned() -> None:
    """What is to be read has the kernel send a signal to whom a descriptor belongs (fcntl(2))."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        fcntl.fcntl(ours, _F_SETOWN, os.getppid())
        fcntl.fcntl(ours, _F_SETSIG, signal.SIGUSR1)


def _identity() -> Iterator[tuple[str, Attempt]]:
    yield "root again", call("setuid", 0)
    yield "root's group again", call("setgid", 0)
    yield "root for real", call("setresuid", 0, 0, 0)
    yield "root for files", call("setfsuid", 0)
    yield "other groups", call("setgroups", 0, None)
    yield "a session of its own", os.setsid
    yield "a secure bit", hostile.prctl(28, 0)
    yield "a subreaper", hostile.prctl(36, 1)


def _sockets(*, connects: bool) -> Iterator[tuple[str, Attempt]]:
    families = _FAMILIES if connects else {**_FAMILIES, **_INTERNET}
    for name, (family, kind, protocols) in families.items():
        for protocol in protocols:
            yield f"{name} socket {protocol}", partial(_made, family, kind, protocol)
    yield "a pair of datagrams", partial(_paired, socket.SOCK_DGRAM)
    yield "a pair of packets", partial(_paired, socket.SOCK_SEQPACKET)
    yield "mail to somebody", _mailed
    yield "listen elsewhere", partial(_made, socket.AF_INET, socket.SOCK_STREAM, 0, bind=True)
    yield "a socket's namespace", partial(_of_listener, lambda one: fcntl.ioctl(one, hostile._SIOCGSKNS))
    yield "type for another", lambda: fcntl.ioctl(0, hostile._TIOCSTI, b"x")


def _made(family: int, kind: int, protocol: int, *, bind: bool = False) -> None:
    with socket.socket(family, kind, protocol) as made:
        if bind:
            made.bind(("127.0.0.1", 0))


def _paired(kind: socket.SocketKind) -> None:
    ours, theirs = socket.socketpair(type=kind)
    with ours, theirs:
        ours.sendall(b"x")


def _mailed() -> None:
    ours, theirs = socket.socketpair(type=socket.SOCK_DGRAM)
    with ours, theirs:
        ours.sendto(b"from the API", str(MAILBOX))


def _connections() -> Iterator[tuple[str, Attempt]]:
    """By the one socket of TCP that it has: a listener that listens no more is as good as a new one."""
    host, _, port = os.environ[SERVICE].partition(" ")
    there = (host, int(port))
    yield "connect", partial(_of_idle, lambda one: one.connect(there))
    yield "fast open", partial(_of_idle, lambda one: one.sendto(b"x", _FASTOPEN, there))
    yield "fast open by sendmmsg", call("sendmmsg", 0, None, 0, _FASTOPEN)
    yield "fast open by sendmsg", partial(_of_idle, lambda one: one.sendmsg([b"x"], [], _FASTOPEN, there))


def _of_idle(do: Callable[[socket.socket], object]) -> None:
    with _listener() as one:
        with suppress(OSError):  # the first who tried has done so
            one.shutdown(socket.SHUT_RDWR)
        one.settimeout(2)
        do(one)


def _of_listener(do: Callable[[socket.socket], object]) -> None:
    with _listener() as one:
        one.settimeout(2)
        do(one)


def _listener() -> socket.socket:
    """The API's, whether it listens or not any more: the one that is connected to nobody."""
    for descriptor in range(256):
        with suppress(OSError):
            one = socket.socket(fileno=os.dup(descriptor))
            if one.family == socket.AF_INET and _peerless(one):
                return one
            one.close()
    raise RuntimeError("there is no listener")


def _peerless(one: socket.socket) -> bool:
    try:
        one.getpeername()
    except OSError as error:
        return error.errno == errno.ENOTCONN
    return False
