"""The API on a TCP loopback port or a unix socket: a listening socket, and uvicorn on it."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import ssl
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import uvicorn
import uvloop

from deuteron.api.limits import Limits
from deuteron.api.protocol import protocol, sweep
from deuteron.errors import HostError, InputError

_UNIX: Final = "unix:"
_BACKLOG: Final = 1024
#: Seconds between two sweeps, and those that answers under way have when it ends.
_SWEEP: Final = 1.0
_GRACE: Final = 10
#: Names of this host for whoever is on it.
LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def listener(listen: str, mode: int = 0o600) -> socket.socket:
    """A socket that listens.

    Args:
        listen: ``127.0.0.1:9696``, ``[::1]:0`` (the kernel chooses the port) or ``unix:/run/x/api.sock``.
        mode: of a unix socket's file.

    Raises:
        InputError: ``bad-listen``: of no such form.
        HostError: ``cannot-listen``: the host refuses it.
    """
    if listen.startswith(_UNIX):
        return _unix(Path(listen.removeprefix(_UNIX)), mode)
    host, port = _host_and_port(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, so that asyncio sees that it is TCP and sends small answers at once (TCP_NODELAY).
    return _listening(socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP), (host, port), listen)


def is_local(made: socket.socket) -> bool:
    """Whether only this host's users can reach it: a loopback address or a unix socket."""
    if made.family == socket.AF_UNIX:
        return True
    return ip_address(made.getsockname()[0]).is_loopback


def url_of(made: socket.socket, *, tls: bool = False) -> str:
    """Where it is, as a client writes it; a unix socket's path after ``unix:``."""
    name = made.getsockname()
    if made.family == socket.AF_UNIX:
        return f"{_UNIX}{name}"
    host = f"[{name[0]}]" if made.family == socket.AF_INET6 else name[0]
    return f"{'https' if tls else 'http'}://{host}:{name[1]}"


def _host_and_port(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        ip_address(host)
        number = int(port) if colon and port.isdecimal() else -1
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise InputError(
            "bad-listen",
            f"{listen!r} is no place to listen: write 127.0.0.1:9696, [::1]:9696 or unix:/a/path",
        )
    return host, number


def _unix(path: Path, mode: int) -> socket.socket:
    if not path.is_absolute():
        raise InputError(
            "bad-listen", f"{str(path)!r} is no place to listen: write an absolute path after unix:"
        )
    _clear(path)
    old = os.umask(0o777 & ~mode)
    try:
        return _listening(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), str(path), f"{_UNIX}{path}")
    finally:
        os.umask(old)


def _clear(path: Path) -> None:
    """Take away the file of a socket that nobody listens on: what a kill leaves."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise HostError(
                "cannot-listen", f"cannot listen on {path}: something else has this name, move it away"
            )
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(str(path)) == errno.ECONNREFUSED:
                path.unlink()


def _listening(made: socket.socket, address: Any, listen: str) -> socket.socket:
    try:
        if made.family != socket.AF_UNIX:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise HostError(
            "cannot-listen", f"cannot listen on {listen}: {error.strerror}; stop who does, or choose another"
        ) from None
    made.setblocking(False)
    return made


class Server(uvicorn.Server):
    """uvicorn, with a sweep over its connections, and signals left to the process that it runs in.

    Args:
        app: the application.
        limits: the bounds of a connection.
        started: called once it serves.
        tls: what it speaks TLS by, ``None`` for plain HTTP.
    """

    def __init__(
        self,
        app: Any,
        limits: Limits,
        started: Callable[[], None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol(limits),
                ws="none",
                lifespan="off",
                # Its own words hold addresses and paths; the application tells `defect` of what is wrong.
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=int(limits.idle_seconds),
                timeout_graceful_shutdown=_GRACE,
                ssl_context_factory=None if tls is None else lambda _config, _default: tls,
            )
        )
        self._limits = limits
        self._told = started

    async def run_on(self, made: socket.socket) -> None:
        """Serve on a listening socket until :meth:`stop`; what is under way is answered first.

        A sweep that fails ends it: without one anybody could hold every connection.
        """
        sweeper = asyncio.create_task(self._sweep())
        sweeper.add_done_callback(lambda _: self.stop())
        try:
            await self.serve([made])
        finally:
            sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await sweeper

    def stop(self) -> None:
        """Take no more requests, answer what is under way, and end :meth:`run_on`."""
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None: whoever runs this decides what a signal means."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn, and tell."""
        await super().startup(sockets)
        if self._told is not None:
            self._told()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP)
            sweep(self.server_state.connections, self._limits, loop.time())


def run(
    app: Any,
    made: socket.socket,
    limits: Limits,
    started: Callable[[], None],
    stop: Sequence[signal.Signals] = (),
) -> None:
    """Serve on a loop of its own (uvloop) until a signal says so; a unix socket's file goes with it.

    Args:
        app: the application.
        made: a listening socket.
        limits: the bounds of a connection.
        started: called once it serves.
        stop: the signals that end it, what is under way being answered first; in the main thread only.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(Server(app, limits, started), made, stop))


async def _serve(server: Server, made: socket.socket, stop: Sequence[signal.Signals]) -> None:
    place = made.getsockname()
    for one in stop:
        asyncio.get_running_loop().add_signal_handler(one, server.stop)
    try:
        await server.run_on(made)
    finally:
        if isinstance(place, str):
            Path(place).unlink(missing_ok=True)
