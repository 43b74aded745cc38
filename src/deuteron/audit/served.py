"""What ``deuteron serve`` leaves on a host: its files, its socket, its process, where that listens."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from shlex import quote
from socket import AF_INET6, inet_ntop
from typing import Final, NamedTuple

from deuteron.audit.check import Undecided
from deuteron.audit.facts import Facts
from deuteron.audit.modes import trusted
from deuteron.config.model import Api
from deuteron.kernel.linux.confine.inspect import ProcessPosture
from deuteron.logs.key import KEY_FILE
from deuteron.serve.place import API_DIRECTORY, CLOUDS, api_user, feed_path
from deuteron.serve.plan import STORE

_DEFECTS: Final = "defects"
_UNIX: Final = "unix:"
#: TCP_LISTEN, include/net/tcp_states.h.
_LISTEN: Final = "0A"


class Kept(NamedTuple):
    """A file or directory that the API leaves.

    Attributes:
        what: it is, in words.
        path: where.
        mode: that it is to have.
        kind: of the inode (``S_IFREG``, ...).
    """

    what: str
    path: Path
    mode: int
    kind: int = stat.S_IFREG


def directory(facts: Facts) -> Path:
    """Where the API's database is."""
    return facts.places.config.api.directory or facts.places.state_dir / API_DIRECTORY


def store(facts: Facts) -> Iterator[Kept]:
    """The API's own directory and what is in it."""
    own = directory(facts)
    yield Kept("the API's directory", own, 0o700, stat.S_IFDIR)
    for end in ("", "-wal", "-shm"):
        yield Kept("the API's database", own / f"{STORE}{end}", 0o600)
    yield Kept("the key of the API's pseudonyms", own / KEY_FILE, 0o600)
    yield Kept("what the API's defects say", own / _DEFECTS, 0o700, stat.S_IFDIR)


def secrets(facts: Facts) -> Iterator[Kept]:
    """Files that let whoever reads them in."""
    api = facts.places.config.api
    for folder in (facts.places.state_dir, directory(facts)):
        yield Kept("what clients of this host read", folder / CLOUDS, 0o600)
    named = (
        ("the file of tokens", api.tokens_file),
        ("our credentials at Keystone", api.keystone_credentials_file),
        ("the private key of the API's certificate", api.tls_key_file),
    )
    yield from (Kept(what, path, 0o600) for what, path in named if path is not None)


def feed(facts: Facts) -> Kept:
    """The socket between the two processes."""
    path = feed_path(facts.places.state_dir, facts.places.config.api)
    shared = path.parent.exists() and path.parent.stat().st_mode & stat.S_ISGID
    return Kept("the socket between API and agent", path, 0o660 if shared else 0o600, stat.S_IFSOCK)


def troubles(facts: Facts, kept: Kept) -> Iterator[tuple[str, str]]:
    """What is wrong with one, and the command that mends it; nothing where it is not there."""
    try:
        found = kept.path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    name = quote(str(kept.path))
    if stat.S_IFMT(found.st_mode) != kept.kind:
        yield f"{kept.what}: something else has its name", f"rm -r {name}"
        return
    if stat.S_IMODE(found.st_mode) & ~kept.mode:
        yield f"{kept.what}: mode {stat.S_IMODE(found.st_mode):04o}", f"chmod {kept.mode:o} {name}"
    if found.st_uid not in owners(facts):
        yield f"{kept.what}: somebody else's", f"chown {api_user(facts.places.config.api.user)[0].uid} {name}"


def owners(facts: Facts) -> frozenset[int]:
    """Root, the API's user, and whose the state directory is."""
    found = {api_user(facts.places.config.api.user)[0].uid}
    if facts.places.state_dir.exists():
        found.add(facts.places.state_dir.stat().st_uid)
    return trusted() | found


def api_processes(facts: Facts) -> tuple[ProcessPosture, ...]:
    """The API's process, if it runs."""
    return tuple(one for one in facts.staying if one.role == "api")


def configured(facts: Facts) -> Api | None:
    """How the API is to be served, ``None`` where it neither runs nor is configured."""
    api = facts.places.config.api
    return api if api_processes(facts) or api != Api() else None


def exposed(facts: Facts) -> tuple[str, ...]:
    """How others than this host's users reach the API: ``as configured``, ``as it runs``."""
    running = (listening(facts.places.proc / str(one.pid)) for one in api_processes(facts))
    ways = {
        "as configured": not _is_local(facts.places.config.api.listen),
        "as it runs": not all(_is_loopback(address) for of in running for address in of),
    }
    return tuple(way for way, is_so in ways.items() if is_so)


def _is_local(listen: str) -> bool:
    return listen.startswith(_UNIX) or _is_loopback(listen.rpartition(":")[0].strip("[]"))


def _is_loopback(address: str) -> bool:
    return ip_address(address).is_loopback


def listening(process: Path) -> Iterator[str]:
    """The addresses that a process listens on, by TCP.

    Raises:
        Undecided: the kernel does not tell.
    """
    inodes = set()
    try:
        for one in (process / "fd").iterdir():
            with suppress(FileNotFoundError):  # closed since
                inodes.add(str(one.readlink())[len("socket:[") : -1])
    except FileNotFoundError:
        return  # it has ended
    except PermissionError as error:
        raise Undecided("where the API's process listens is told to root alone") from error
    for table in ("tcp", "tcp6"):
        for line in _lines(process / "net" / table):
            words = line.split()
            if words[3] == _LISTEN and words[9] in inodes:
                yield _address(words[1].partition(":")[0])


def _lines(table: Path) -> list[str]:
    """Of a table of the kernel's, without its heading; none where there is no such protocol."""
    try:
        return table.read_text(encoding="ascii").splitlines()[1:]
    except FileNotFoundError:
        return []


def _address(digits: str) -> str:
    """Of the kernel's hexadecimal words, each in the order of this machine's octets (proc_net_tcp)."""
    words = (bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8))
    octets = b"".join(words)
    return inet_ntop(AF_INET6, octets) if len(octets) == 16 else ".".join(map(str, octets))


class Identity(NamedTuple):
    """Whom a process runs as.

    Attributes:
        uids: real, effective, saved, of the file system.
        groups: besides its own.
    """

    uids: frozenset[int]
    gid: int
    groups: frozenset[int]


def identity(process: Path) -> Identity:
    """Whom a process runs as, by ``/proc``.

    Raises:
        FileNotFoundError: it has ended.
    """
    lines = (process / "status").read_text(encoding="utf-8").splitlines()
    words = {key: value.split() for key, _, value in (line.partition(":") for line in lines)}
    gid = int(words["Gid"][1])
    groups = frozenset(map(int, words.get("Groups", ()))) - {gid}
    return Identity(frozenset(map(int, words["Uid"])), gid, groups)
