"""nftables through libnftables: one transaction per call, in the calling thread's network namespace.

No process is started.  The library keeps static state (it calls ``strtok`` while it writes
JSON, and listing in two threads at once aborts the process), so one lock holds all of them off.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import socket
import stat
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import msgspec

from deuteron import edge
from deuteron.errors import HostError, KernelError
from deuteron.kernel.linux import nft_netlink
from deuteron.kernel.linux.later import later
from deuteron.kernel.linux.netlink.socket import NETLINK_NETFILTER
from deuteron.kernel.linux.nft_json import parse, raw_rule
from deuteron.locks import Lock, Rank
from deuteron.objects.nft import TABLE, NftChain, NftElement, NftTable

_LIBRARY: Final = "libnftables.so.1"
# nftables/libnftables.h, NFT_CTX_OUTPUT_*: neither names of hosts nor of services.
_STATELESS: Final = 1 << 2
_JSON: Final = 1 << 4
_NUMERIC: Final = 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10
_LIST: Final = f"list table inet {TABLE}".encode()
_LIST_TRIES: Final = 10
_LOCK: Final = Lock(Rank.LIBRARY, "libnftables")
#: Statements after which the kernel has something to free.
_REMOVES: Final = re.compile(r"^(delete|destroy|flush) ", re.MULTILINE)

_ERROR: Final = re.compile(r"Error: ([^\n]*)")
_ERRNO: Final = {os.strerror(number): number for number in errno.errorcode}


class NftListing(msgspec.Struct, frozen=True, kw_only=True):
    """What nftables holds in a namespace.

    Attributes:
        table: ours, or ``None`` where there is none.
        elements: of our table, in the kernel's order.
        foreign: other tables, ``<family> <name>``, sorted.
    """

    table: NftTable | None
    elements: tuple[NftElement, ...] = ()
    foreign: tuple[str, ...] = ()


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(NftListing)


def pack(listing: NftListing) -> bytes:
    """A listing in few bytes; those of routers differ little, and compress well for it."""
    return zlib.compress(_ENCODER.encode(listing), 1)


def unpack(packed: bytes) -> NftListing:
    """What was packed; some 50 microseconds."""
    return _DECODER.decode(zlib.decompress(packed))


class Nftables:
    """The library, loaded.  Any thread may use it; each call acts in that thread's namespace.

    Attributes:
        transactions: how many were handed to the kernel, refused ones included.
        listings: how many tables were listed.

    Raises:
        HostError: ``no-libnftables``.
    """

    def __init__(self) -> None:
        self._lib = _load()
        self.transactions = 0
        self.listings = 0

    def run(self, commands: str) -> None:
        """Run the statements as one transaction: all of them, or none; "" does nothing.

        Raises:
            KernelError: ``nft-rejected``, with nft's reason and, where the kernel gave one, its errno.
        """
        if not commands:
            return
        with _LOCK, ExitStack() as afterwards:
            lowest = _lowest_free()
            with self._context(0) as context:
                if _REMOVES.search(commands):
                    afterwards.callback(_close_later, _duplicate(lowest))
                self.transactions += 1
                with _crossing("nft.commit", commands.encode("ascii")) as statements:
                    self._call(context, statements)

    def list(self, netns: str) -> NftListing:
        """What is in the calling thread's namespace; ``netns`` is the name that the objects get.

        Never fails for what it finds: see ``nft_json`` for what is outside our language.

        Raises:
            KernelError: ``nft-rejected``; ``nft-malformed`` or ``netlink-malformed``, not an answer at all.
        """
        for _ in range(_LIST_TRIES):
            headers = nft_netlink.tables()
            foreign = tuple(sorted(f"{one.family} {one.name}" for one in headers if not _is_ours(one)))
            ours = next(filter(_is_ours, headers), None)
            if ours is None:
                return NftListing(table=None, foreign=foreign)
            try:
                table, elements = parse(netns, self._list())
            except KernelError as error:
                if error.errno == errno.ENOENT:  # removed since the look at the headers
                    continue
                raise
            return NftListing(table=_flagged(table, ours.flags), elements=elements, foreign=foreign)
        raise KernelError(
            "nft-rejected", "the nftables table kept coming and going while it was listed", errno.EINTR
        )

    def generation(self) -> int:
        """A number that each committed transaction in the calling thread's namespace changes (20 us).

        Raises:
            KernelError: ``nft-rejected``.
        """
        return nft_netlink.generation()

    def _list(self) -> bytes:
        with _LOCK, self._context(_JSON | _NUMERIC | _STATELESS) as context:
            self.listings += 1
            with _crossing("nft.list", _LIST) as question:
                return self._call(context, question)

    @contextmanager
    def _context(self, flags: int) -> Iterator[int]:
        # Its netlink socket belongs to the namespace of the thread that makes it, and it
        # holds 0.6 MB: a context lives for one call.
        context: int | None = self._lib.nft_ctx_new(0)
        if not context:
            raise KernelError("nft-rejected", "nftables could not be opened: out of memory", errno.ENOMEM)
        try:
            self._lib.nft_ctx_buffer_output(context)
            self._lib.nft_ctx_buffer_error(context)
            self._lib.nft_ctx_output_set_flags(context, flags)
            yield context
        finally:
            self._lib.nft_ctx_free(context)

    def _call(self, context: int, commands: bytes) -> bytes:
        status = self._lib.nft_run_cmd_from_buffer(context, commands)
        if status:
            raise _rejected(commands, self._lib.nft_ctx_get_error_buffer(context) or b"")
        output: bytes = self._lib.nft_ctx_get_output_buffer(context)
        return output


@contextmanager
def _crossing(verb: str, commands: bytes) -> Iterator[bytes]:
    """The statements on their way over the edge."""
    try:
        with edge.crossing(verb):
            yield commands
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        sentence = f"nftables refused {_place(commands)}: {reason}"
        raise KernelError("nft-rejected", sentence, error.errno or 0) from error


def _lowest_free() -> int:
    """The descriptor that the next thing to be opened gets."""
    probe = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.close(probe)
    return probe


def _duplicate(descriptor: int) -> socket.socket | None:
    """A second handle of a context's socket; ``None`` where it turns out not to be one.

    After a removal the kernel frees what was removed when the socket's last handle is closed,
    and waits 4 to 30 ms for that (nft_rcv_nl_event()), though the transaction is over.
    libnftables does not tell its descriptor, and where another thread has opened something at
    the same moment this is not it.  Another such socket does no harm, and what is no socket is
    not touched: closing a second handle of a file would take the locks of SQLite from it (fcntl(2)).
    """
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return None
        copy = os.dup(descriptor)
    except OSError:
        return None
    try:
        handle = socket.socket(fileno=copy)
    except OSError:  # no socket
        os.close(copy)
        return None
    if (handle.family, handle.proto) == (socket.AF_NETLINK, NETLINK_NETFILTER):
        return handle
    handle.close()
    return None


def _close_later(handle: socket.socket | None) -> None:
    if handle is not None:
        later(handle.close)


def _is_ours(header: nft_netlink.TableHeader) -> bool:
    return (header.family, header.name) == ("inet", TABLE)


def _flagged(table: NftTable, flags: int) -> NftTable:
    """A dormant table looks whole in nft's JSON but filters nothing: make it differ from any wanted one."""
    if not flags:
        return table
    mark = NftChain(
        name="",
        type="filter",
        hook="input",
        priority=0,
        policy="drop",
        rules=(raw_rule(f"table flags {flags}"),),
    )
    return msgspec.structs.replace(table, chains=(mark, *table.chains))


def _rejected(commands: bytes, output: bytes) -> KernelError:
    """The first complaint of nft, without the statement's values: these may be a tenant's addresses."""
    found = _ERROR.search(output.decode("utf-8", "replace"))
    reason = found[1].partition(";")[0] if found else "no reason was given"
    system = reason.removeprefix("Could not process rule: ")
    return KernelError(
        "nft-rejected", f"nftables refused {_place(commands)}: {system}", _ERRNO.get(system, 0)
    )


def _place(commands: bytes) -> str:
    """What was refused.  Of several statements nft 1.0.6 does not tell which."""
    statements = commands.splitlines()
    if len(statements) > 1:
        return f"a transaction of {len(statements)} statements"
    return repr(b" ".join(statements[0].split()[:5]).decode())


def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise HostError(
            "no-libnftables",
            f"the library {_LIBRARY} is not on this host; install it (Debian, Ubuntu: libnftables1)",
        ) from error
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    for function in (library.nft_ctx_get_output_buffer, library.nft_ctx_get_error_buffer):
        function.restype = ctypes.c_char_p
        function.argtypes = [ctypes.c_void_p]
    for function in (library.nft_ctx_free, library.nft_ctx_buffer_output, library.nft_ctx_buffer_error):
        function.argtypes = [ctypes.c_void_p]
    return library
