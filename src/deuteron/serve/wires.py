"""What the API's process is given; here, so that its parent need not load what only the API is made of."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple, Protocol

from deuteron.serve.plan import Ready

#: Keeps the whole text of a defect in a directory; whether it could.
Keep = Callable[[Path, BaseException], bool]


class Master(Protocol):
    """Who has started a process that is a service of its own."""

    def alive(self) -> None:
        """A sign of life, each :data:`deuteron.serve.known.HEARTBEAT`."""
        ...

    def reloading(self) -> AbstractContextManager[None]:
        """The block reads again what may have changed."""
        ...


class Nobody:
    """No master that wants to know."""

    def alive(self) -> None:
        """As :class:`Master`."""

    def reloading(self) -> AbstractContextManager[None]:
        """As :class:`Master`."""
        return nullcontext()


class Wires(NamedTuple):
    """What this process is given.

    Attributes:
        http: the API's listening socket.
        feed: the feed's, bound.
        say: is told once that it serves, or why it does not.
        life: a pipe, with an octet whenever the log is to be opened again, that ends when the agent's process
            does; ``None``: signals say both.
        master: of a service of its own.
    """

    http: socket.socket
    feed: socket.socket
    say: Callable[[Ready], None]
    life: int | None = None
    master: Master = Nobody()
