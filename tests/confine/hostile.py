"""What somebody who runs code inside the watch tries: each attempt is harmless where it succeeds.

An attempt is refused where the kernel says EPERM, EACCES or ENOSYS (or it is found not to be
possible at all); any other answer came from behind the wall, and so did no answer.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import gc
import os
import resource
import signal
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from deuteron.errors import KernelError
from deuteron.kernel.linux.broker import Broker
from deuteron.kernel.linux.broker_wire import Keep, Remove, Write
from deuteron.kernel.linux.libc import CLONE_NEWNS, CLONE_NEWUSER, mount, setns, umount, unshare
from deuteron.kernel.linux.worker import open_own_netns

REFUSALS: Final = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EROFS)
#: A file of the test's own, in its private ``/run``: nothing of the machine's is at stake where one succeeds.
PRECIOUS: Final = Path("/run/precious")
_LIBC = ctypes.CDLL(None, use_errno=True)
_NR: Final = {  # x86-64; the later ones are the same everywhere
    "ptrace": 101,
    "syslog": 103,
    "personality": 135,
    "pivot_root": 155,
    "acct": 163,
    "swapon": 167,
    "reboot": 169,
    "init_module": 175,
    "delete_module": 176,
    "kexec_load": 246,
    "add_key": 248,
    "keyctl": 250,
    "perf_event_open": 298,
    "name_to_handle_at": 303,
    "open_by_handle_at": 304,
    "process_vm_readv": 310,
    "finit_module": 313,
    "bpf": 321,
    "userfaultfd": 323,
    "io_uring_setup": 425,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "pidfd_open": 434,
    "clone3": 435,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
    "memfd_create": 319,
    "iopl": 172,
    "quotactl": 179,
    "sethostname": 170,
    "settimeofday": 164,
    "chroot": 161,
    "setuid": 105,
    "seccomp": 317,
    "capset": 126,
    "mprotect": 10,
    "mmap": 9,
    "setgid": 106,
    "setgroups": 116,
    "setresuid": 117,
    "setfsuid": 122,
    "rt_sigqueueinfo": 129,
    "tgkill": 234,
    "sendmmsg": 307,
    "process_vm_writev": 311,
    "kcmp": 312,
}
_TIOCSTI: Final = 0x5412
_SIOCGSKNS: Final = 0x894C
_PR_SET_DUMPABLE: Final = 4
_PR_CAP_AMBIENT: Final = 47

Attempt = Callable[[], object]


def call(name: str, *arguments: object) -> Attempt:
    """A system call by its number."""

    def attempt() -> None:
        if _LIBC.syscall(_NR[name], *arguments) < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    return attempt


def opening(path: str | Path, flags: int = os.O_RDONLY, directory: int | None = None) -> Attempt:
    return lambda: os.close(os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=directory))


def making(path: Path) -> Attempt:
    """A new file, which does not stay where it could be made."""

    def attempt() -> None:
        opening(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)()
        path.unlink()

    return attempt


def prctl(option: int, argument: int) -> Attempt:
    def attempt() -> None:
        if _LIBC.prctl(option, ctypes.c_ulong(argument), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")

    return attempt


def attempts(state: Path) -> Iterator[tuple[str, Attempt]]:
    """All of them, named.

    Args:
        state: the state directory.
    """
    yield from _files(state)
    yield from _programs()
    yield from _mounts()
    yield from _processes()
    yield from _sockets()
    yield from _broker()
    yield from _kernel()


def _files(state: Path) -> Iterator[tuple[str, Attempt]]:
    for secret in ("/etc/shadow", "/etc/passwd", "/root/.ssh", "/proc/cmdline", "/proc/kallsyms", "/dev/mem"):
        if os.access(secret, os.F_OK):  # to a plain user it is as if /root were empty
            yield f"read {secret}", opening(secret)
    yield "list /", lambda: list(Path("/").iterdir())
    yield "list /proc", lambda: list(Path("/proc").iterdir())
    for device in sorted(Path("/sys/class/block").glob("*"))[:4]:
        yield f"raw {device.name}", opening(f"/dev/{device.name}")
    yield "make a block device", lambda: os.mknod(state / "raw", 0o600 | 0o060000, os.makedev(1, 0))
    yield "make a device file", lambda: os.mknod(state / "mem", 0o600 | 0o020000, os.makedev(1, 1))
    yield "make a link", lambda: (state / "link").symlink_to("/etc/shadow")
    yield "make a fifo", lambda: os.mkfifo(state / "fifo")
    for place in ("/tmp", "/etc", "/run", "/run/netns", "/usr/lib", str(Path(__file__).parents[2])):
        yield f"write in {place}", making(Path(place) / "deuteron-was-here")
    yield "write the program", opening(Path(os.__file__), os.O_WRONLY)
    yield "remove another's name", lambda: Path("/run/netns/vm-vc").unlink()
    yield "empty a file", lambda: os.truncate(PRECIOUS, 0)
    yield "remove a file", PRECIOUS.unlink
    yield "rename a file", lambda: PRECIOUS.rename(PRECIOUS.with_suffix(".gone"))
    yield "open up a file", lambda: (state / "state.sqlite").chmod(0o644)
    yield "make a program of root's", lambda: (state / "state.sqlite").chmod(0o4600)
    yield "give a file away", lambda: os.chown(state / "state.sqlite", 65534, 65534)
    yield "file capabilities", lambda: os.setxattr(state / "state.sqlite", "security.capability", b"x")
    yield "another's environment", opening(f"/proc/{os.getppid()}/environ")
    yield "another's memory", opening(f"/proc/{os.getppid()}/mem", os.O_RDWR)
    yield "one's own memory", opening("/proc/self/mem", os.O_RDWR)
    yield "another's root", opening(f"/proc/{os.getppid()}/root/etc/shadow")


def _programs() -> Iterator[tuple[str, Attempt]]:
    yield "exec", lambda: os.execv("/bin/true", ["true"])
    yield "spawn", lambda: os.posix_spawn("/bin/true", ["true"], {})
    yield "subprocess", lambda: subprocess.run(["/bin/true"], check=False)
    yield "fork", _forked
    yield "a file in memory", call("memfd_create", b"x", 0)
    yield "memory to write and run", call("mmap", None, 4096, 7, 0x22, -1, 0)
    yield "own code made writable", call("mprotect", None, 0, 7)
    yield "personality", call("personality", 0x0008_0000)


def _forked() -> None:
    if os.fork() == 0:
        os._exit(0)


def _mounts() -> Iterator[tuple[str, Attempt]]:
    yield "mount", lambda: mount("tmpfs", Path("/mnt"), "tmpfs")
    yield "bind", lambda: mount("/etc", Path("/mnt"), "none", 0x1000)
    yield "umount", lambda: umount(Path("/run/netns/vm-vc"))
    yield "umount run", lambda: umount(Path("/run"))
    yield "fsopen", call("fsopen", b"tmpfs", 1)
    yield "open_tree", call("open_tree", -100, b"/", 1)
    yield "move_mount", call("move_mount", -100, b"/", -100, b"/mnt", 0)
    yield "mount_setattr", call("mount_setattr", -100, b"/", 0, None, 0)
    yield "pivot_root", call("pivot_root", b"/", b"/")
    yield "chroot", call("chroot", b"/")
    yield "new user namespace", lambda: unshare(CLONE_NEWUSER)
    yield "new mount namespace", lambda: unshare(CLONE_NEWNS)
    yield "another's mounts", lambda: _entered(f"/proc/{os.getppid()}/ns/mnt", CLONE_NEWNS)
    yield "own mounts again", lambda: _entered("/proc/self/ns/mnt", CLONE_NEWNS)


def _entered(path: str, kind: int) -> None:
    setns(os.open(path, os.O_RDONLY | os.O_CLOEXEC), kind)


def _processes() -> Iterator[tuple[str, Attempt]]:
    # As a request that is not valid: where it were let through, the kernel would say something else.
    yield "ptrace", call("ptrace", 0x4206, 0, 0, 0)
    yield "process_vm_readv", call("process_vm_readv", os.getppid(), None, 0, None, 0, 0)
    yield "pidfd_open", call("pidfd_open", os.getppid(), 0)
    yield "pidfd_getfd", call("pidfd_getfd", -1, 0, 0)
    yield "signal another", lambda: os.kill(os.getppid(), 0)
    yield "signal all", lambda: os.kill(-1, 0)
    yield "core dumps", lambda: resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20))
    yield "another's limits", lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)
    yield "dumpable", prctl(_PR_SET_DUMPABLE, 1)
    yield "ambient capabilities", prctl(_PR_CAP_AMBIENT, 1)
    yield "more capabilities", call("capset", None, None)
    yield "another user", call("setuid", 0)
    yield "another filter", call("seccomp", 1, 0, None)


def _sockets() -> Iterator[tuple[str, Attempt]]:
    yield "unix socket", lambda: socket.socket(socket.AF_UNIX).close()
    yield "internet socket", lambda: socket.socket(socket.AF_INET).close()
    yield "internet socket 6", lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    yield "vsock", lambda: socket.socket(socket.AF_VSOCK).close()
    yield "pair", lambda: socket.socketpair()
    yield "audit", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9).close()
    yield "sniff", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)).close()
    yield "a socket's namespace", lambda: _ioctl(socket.AF_NETLINK, _SIOCGSKNS)
    yield "type for another", lambda: fcntl.ioctl(0, _TIOCSTI, b"x")


def _ioctl(family: int, request: int) -> None:
    with socket.socket(family, socket.SOCK_RAW, 0) as one:
        fcntl.ioctl(one, request, 0)


def _broker() -> Iterator[tuple[str, Attempt]]:
    broker = next(one for one in gc.get_objects() if isinstance(one, Broker))
    forwarding = "net/ipv4/conf/default/log_martians"
    own = Path("/proc/self/ns/net")
    yield "kill the broker", lambda: os.kill(broker.pid, signal.SIGKILL)
    yield "host parameter", opening("/proc/sys/net/ipv4/ip_forward", os.O_WRONLY)
    yield "kernel parameter", opening("/proc/sys/kernel/core_pattern", os.O_WRONLY)
    for directory in broker.mounts.directories[:1]:
        yield "own proc", opening("net/ipv4/ip_forward", os.O_WRONLY, directory)
        yield "own proc, kernel", opening("kernel/core_pattern", os.O_WRONLY, directory)
        yield "own proc, up", opening("../cmdline", os.O_RDONLY, directory)

    def entered() -> None:
        setns(os.open(own, os.O_RDONLY | os.O_CLOEXEC))
        opening("/proc/sys/net/ipv4/ip_forward", os.O_WRONLY)()

    yield "host parameter after setns", entered
    yield "name for the host", lambda: broker.keep("net-of-the-host")
    yield "foreign name", lambda: broker.keep("theirs")
    yield "name outside", lambda: broker.keep("net-/../../../tmp/x")
    yield "take another's name", lambda: broker.remove("vm-vc")
    yield "take a name outside", lambda: broker.remove("net-/../vm-vc")
    yield "parameter outside", lambda: _written(broker, "kernel/core_pattern")
    yield "parameter by dots", lambda: _written(broker, "net/../kernel/core_pattern")
    yield (
        "parameter of an instance",
        lambda: broker.write("vm-vc", Path("/run/netns/vm-vc").stat().st_ino, [(forwarding, "0")]),
    )
    yield "raw frame", lambda: _asked(broker, Keep("net-of-the-host"), [])
    yield "raw two", lambda: _asked(broker, Remove("net-x"), [open_own_netns()])
    yield "raw wrong inode", lambda: _asked(broker, Write(_ours(), 1, (("net/ipv4/ip_forward", "0"),)), [])
    yield "file as a namespace", lambda: _asked(broker, Keep("net-y"), [os.dup(0)])


def _ours() -> str:
    return min(path.name for path in Path("/run/netns").glob("qrouter-*"))


def _written(broker: Broker, path: str) -> None:
    name = _ours()
    broker.write(name, Path(f"/run/netns/{name}").stat().st_ino, [(path, "0")])


def _asked(broker: Broker, operation: Keep | Remove | Write, descriptors: list[int]) -> None:
    broker._ask(operation, descriptors)


def _kernel() -> Iterator[tuple[str, Attempt]]:
    handle = struct.pack("=Ii", 8, 1) + bytes(8)
    yield "init_module", call("init_module", b"", 0, b"")
    yield "finit_module", call("finit_module", -1, b"", 0)
    yield "delete_module", call("delete_module", b"no-such-module", 0x800)
    yield "kexec_load", call("kexec_load", 0, 0, None, ctypes.c_ulong(1 << 40))
    yield "reboot", call("reboot", 0, 0, 0)
    yield "bpf", call("bpf", 9999, None, 0)
    yield "perf_event_open", call("perf_event_open", None, 0, 0, -1, 0)
    yield "userfaultfd", call("userfaultfd", 1)
    yield "keyctl", call("keyctl", 0, -3, 0)
    yield "add_key", call("add_key", b"user", b"x", b"x", 1, -2)
    yield "io_uring_setup", call("io_uring_setup", 1, None)
    yield "open_by_handle_at", call("open_by_handle_at", -100, handle, 0)
    yield "name_to_handle_at", call("name_to_handle_at", -100, b"/", handle, None, 0)
    yield "acct", call("acct", b"/tmp/no-such-file")
    yield "swapon", call("swapon", b"/tmp/no-such-file", 0)
    yield "sethostname", call("sethostname", None, -1)
    yield "settimeofday", call("settimeofday", None, b"\xff" * 8)
    yield "syslog", call("syslog", 10, None, 0)
    yield "iopl", call("iopl", 3)
    yield "quotactl", call("quotactl", 0, None, 0, None)


def judged(attempt: Attempt) -> str:
    """ "" where the attempt was refused, else what came of it."""
    try:
        attempt()
    except OSError as error:
        return "" if error.errno in REFUSALS else f"{errno.errorcode.get(error.errno or 0)}: {error}"
    except KernelError as error:
        refused = error.code in ("broker-refused", "no-netns")
        return "" if refused else f"{error.code}: {error.message}"
    except ValueError as error:  # what the module makes of EPERM
        return "" if "not allowed" in str(error) else str(error)
    return "it was done"


def try_all(state: Path) -> dict[str, str]:
    """The name of each attempt, with what came of it."""
    found = {}
    for name, attempt in attempts(state):
        found[name] = judged(attempt)
    with suppress(OSError):  # where one should have come through
        (state / "fifo").unlink()
    return found
