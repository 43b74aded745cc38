"""Which system calls a watch makes, and which its broker; with their arguments where those decide.

What is not here answers EPERM: among it execve, fork, ptrace, process_vm_*, pidfd_*, *_module,
mount and its family (but for the broker), open_by_handle_at, bpf, keyctl, userfaultfd,
perf_event_open, kexec_*, reboot, io_uring_*, connect, socketpair, memfd_create, setuid and its family,
chown, setxattr, mknod, chroot, personality.
"""

from __future__ import annotations

import os
import socket
from typing import Final

from deuteron.kernel.linux.confine.seccomp import Call, Condition
from deuteron.kernel.linux.libc import CLONE_NEWNET, MNT_DETACH, MS_BIND

# include/uapi/linux/sched.h
_CLONE_THREAD: Final = 0x0001_0000
#: CLONE_NEWTIME, _NEWNS, _NEWCGROUP, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET.
_CLONE_NEW: Final = 0x7E02_0080
# include/uapi/asm-generic/mman-common.h
_PROT_WRITE: Final = 2
_PROT_EXEC: Final = 4
# include/uapi/linux/prctl.h
_PR_SET_NAME: Final = 15
_PR_GET_NAME: Final = 16
# include/uapi/asm-generic/ioctls.h, linux/if_tun.h, linux/sockios.h
_TCGETS: Final = 0x5401
_TIOCGWINSZ: Final = 0x5413
_FIONREAD: Final = 0x541B
_FIONBIO: Final = 0x5421
_FIONCLEX: Final = 0x5450
_FIOCLEX: Final = 0x5451
_TUNSETIFF: Final = 0x4004_54CA
_TUNSETPERSIST: Final = 0x4004_54CB
_SIOCGIFNAME: Final = 0x8910
_SIOCGIFINDEX: Final = 0x8933
# include/uapi/linux/resource.h
_RLIMIT_NOFILE: Final = 7
#: Modes that open a file to nobody but its owner.
_NOT_PRIVATE: Final = 0o7177
_INT: Final = 0xFFFF_FFFF

#: What Python and the C library do all the time: memory, clocks, signals of one's own, threads, waiting.
_ORDINARY: Final = """
    brk clock_getres clock_gettime clock_nanosleep close close_range dup dup2 dup3 epoll_create1 epoll_ctl
    epoll_pwait epoll_wait eventfd2 exit exit_group fcntl flock fstat fstatfs futex futex_waitv
    get_mempolicy get_robust_list getcpu getegid geteuid getgid getgroups getpgid getpgrp getpid getppid
    getpriority getrandom getresgid getresuid getrlimit getrusage getsid gettid gettimeofday getuid lseek
    madvise membarrier mincore mlock mremap msync munlock munmap nanosleep newfstatat pause pipe2 poll ppoll
    pread64 preadv pselect6 pwrite64 pwritev read readv restart_syscall rseq rt_sigaction rt_sigpending
    rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigtimedwait sched_getaffinity sched_getparam
    sched_getscheduler sched_yield select set_robust_list set_tid_address sigaltstack statfs statx sysinfo
    times umask uname wait4 waitid write writev
"""

#: Files, which Landlock judges.
_FILES: Final = """
    access chdir faccessat faccessat2 fadvise64 fallocate fchdir fdatasync fsync ftruncate getcwd getdents64
    link linkat lstat mkdir mkdirat open openat openat2 readlink readlinkat rename renameat renameat2 rmdir
    stat sync_file_range truncate unlink unlinkat
"""

#: Netlink, packet sockets, inotify, alarms.
_NETWORK: Final = """
    bind getpeername getsockname getsockopt inotify_add_watch inotify_init1 inotify_rm_watch recvfrom recvmmsg
    recvmsg sendmmsg sendmsg sendto setsockopt shutdown setitimer getitimer timerfd_create timerfd_settime
"""

_IOCTLS: Final = (
    _TCGETS,
    _TIOCGWINSZ,
    _FIONREAD,
    _FIONBIO,
    _FIONCLEX,
    _FIOCLEX,
    _TUNSETIFF,
    _TUNSETPERSIST,
    _SIOCGIFNAME,
    _SIOCGIFINDEX,
)

#: Answer ENOSYS, so that the C library takes the older call, whose arguments can be seen.
ABSENT: Final = ("clone3",)


def _when(name: str, *conditions: tuple[int, int] | tuple[int, int, int]) -> Call:
    """A call with conditions: (argument, value) or (argument, mask, value)."""
    return Call(
        name,
        tuple(
            Condition(one[0], one[1]) if len(one) == 2 else Condition(one[0], one[2], one[1])
            for one in conditions
        ),
    )


def _memory() -> list[Call]:
    """No memory that can be written and run at once, none made runnable later."""
    return [
        _when("mmap", (2, _PROT_EXEC, 0)),
        _when("mmap", (2, _PROT_WRITE, 0)),
        _when("mprotect", (2, _PROT_EXEC, 0)),
    ]


def _own_signals() -> list[Call]:
    return [_when("tgkill", (0, os.getpid()))]


def of_the_watch() -> list[Call]:
    """For the process whose threads program the kernel."""
    calls = [Call(name) for name in (_ORDINARY + _FILES + _NETWORK).split()]
    calls += _memory() + _own_signals()
    calls += [_when("ioctl", (1, _INT, request)) for request in _IOCTLS]
    calls += [_when(name, (at, _NOT_PRIVATE, 0)) for name, at in _MODES]
    calls += [_when("socket", (0, socket.AF_NETLINK), (2, protocol)) for protocol in _NETLINK]
    calls += [_when("socket", (0, socket.AF_PACKET), (2, 0))]  # it sends, and hears nothing until bound
    calls += [
        _when("clone", (0, _CLONE_THREAD | _CLONE_NEW, _CLONE_THREAD)),
        _when("unshare", (0, CLONE_NEWNET)),
        _when("setns", (1, CLONE_NEWNET)),
        _when("prctl", (0, _INT, _PR_SET_NAME)),
        _when("prctl", (0, _INT, _PR_GET_NAME)),
        _when("setrlimit", (0, _INT, _RLIMIT_NOFILE)),
        _when("prlimit64", (0, 0), (1, _INT, _RLIMIT_NOFILE)),
    ]
    return calls


#: Sockets that were made by others; those of an event loop that wakes itself.
_SERVED: Final = """
    accept4 getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg setsockopt shutdown
"""
#: A socket that listened is one that connects, by its first octets: Landlock does not see that.
_MSG_FASTOPEN: Final = 0x2000_0000
#: By the argument that is the flags; sendmmsg(2) is for those that ask name servers.
_SENDING: Final = (("sendto", 3), ("sendmsg", 2))
#: Kinds of sockets without SOCK_CLOEXEC and SOCK_NONBLOCK.
_KIND: Final = 0xF
# include/uapi/linux/in.h
_INTERNET: Final = (
    (socket.SOCK_STREAM, 0),
    (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    (socket.SOCK_DGRAM, 0),
    (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
)
#: F_DUPFD, _GETFD, _SETFD, _GETFL, _SETFL, _GETLK, _SETLK, _SETLKW, F_OFD_*, F_DUPFD_CLOEXEC: no F_SETOWN,
#: by which a descriptor sends signals to others, include/uapi/asm-generic/fcntl.h.
_FCNTL: Final = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030)


def of_the_api(*, connects: bool) -> list[Call]:
    """For the process that serves the API: files, sockets that it was given, and no kernel interface else.

    Args:
        connects: it asks a Keystone, by TCP, and name servers where that is.
    """
    calls = [Call(name) for name in (_ORDINARY + _FILES + _SERVED).split() if name != "fcntl"]
    calls += _memory() + _own_signals()
    calls += [_when("ioctl", (1, _INT, request)) for request in _OF_STREAMS]
    calls += [_when("fcntl", (1, _INT, command)) for command in _FCNTL]
    calls += [_when(name, (at, _NOT_PRIVATE, 0)) for name, at in _MODES]
    calls += [
        _when("clone", (0, _CLONE_THREAD | _CLONE_NEW, _CLONE_THREAD)),
        _when("prctl", (0, _INT, _PR_SET_NAME)),
        _when("prctl", (0, _INT, _PR_GET_NAME)),
        # A pair of datagrams would be one that sends to any path that is open to all.
        _when("socketpair", (0, _INT, socket.AF_UNIX), (1, _KIND, socket.SOCK_STREAM)),
    ]
    return calls + (
        _of_clients() if connects else [_when(name, (at, _MSG_FASTOPEN, 0)) for name, at in _SENDING]
    )


def _of_clients() -> list[Call]:
    """TCP and UDP, by their usual protocols: no other can have the kernel load a module."""
    calls = [Call(name) for name in ("connect", "sendto", "sendmsg", "sendmmsg")]
    return calls + [
        _when("socket", (0, _INT, family), (1, _KIND, kind), (2, _INT, protocol))
        for family in (socket.AF_INET, socket.AF_INET6)
        for kind, protocol in _INTERNET
    ]


def of_the_dialer() -> list[Call]:
    """For the process that connects an agent to the API: it opens no file, and knows one kind of socket."""
    calls = [Call(name) for name in (_ORDINARY + _DIALERS).split()]
    calls += _memory() + _own_signals()
    calls += [_when("ioctl", (1, _INT, request)) for request in (_FIONBIO, _FIOCLEX)]
    return [*calls, _when("socket", (0, _INT, socket.AF_UNIX))]


_DIALERS: Final = "connect getsockopt getsockname recvfrom recvmsg sendto sendmsg"
_OF_STREAMS: Final = (_TCGETS, _TIOCGWINSZ, _FIONREAD, _FIONBIO, _FIONCLEX, _FIOCLEX)
#: NETLINK_ROUTE and NETLINK_NETFILTER, linux/netlink.h.
_NETLINK: Final = (0, 12)
#: By the argument that is the mode.
_MODES: Final = (("chmod", 1), ("fchmod", 1), ("fchmodat", 2))

#: All that the broker needs besides memory, and the calls with arguments.
_BROKERS: Final = """
    brk clock_gettime close exit exit_group fstat futex getpid getrandom gettid lseek madvise mremap munmap
    newfstatat open openat pread64 pwrite64 read recvmsg restart_syscall rt_sigaction rt_sigprocmask
    rt_sigreturn sendmsg stat statx unlink unlinkat write fsopen fsconfig fsmount fcntl
"""


def of_the_broker() -> list[Call]:
    """For the process that gives namespaces names and writes their parameters."""
    calls = [Call(name) for name in _BROKERS.split()] + _memory() + _own_signals()
    return [
        *calls,
        _when("mount", (3, MS_BIND)),
        _when("umount2", (1, MNT_DETACH)),
        _when("setns", (1, CLONE_NEWNET)),
    ]
