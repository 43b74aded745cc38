"""Forking the API's process, and knowing how it is."""

from __future__ import annotations

import os
import select
import socket
import time
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Final, NoReturn, Self

import msgspec

from deuteron.errors import HostError, InputError
from deuteron.serve.plan import Plan, Ready
from deuteron.serve.wires import Keep, Wires

#: Seconds until it serves: a store of another version is brought to this one before.
_BEGINNING: Final = 60.0
#: Seconds for what is under way when it is to end.
_ENDING: Final = 15.0
_LARGEST: Final = 1 << 16
_DEFECT: Final = 70


class Child:
    """The API's process; it ends with the block, and with this process, however that ends.

    Args:
        plan: how it is to serve.
        http: the API's listening socket.
        feed: the feed's, bound.
        keep: see :data:`deuteron.serve.wires.Keep`.

    Raises:
        HostError: ``no-process``, fork(2) refuses.
    """

    def __init__(self, plan: Plan, http: socket.socket, feed: socket.socket, keep: Keep) -> None:
        self._ready, ready = os.pipe()  # nosec R101 # without descriptors left this process ends
        life, self._life = os.pipe()  # nosec R101 # of both processes: each closes the other's
        try:
            self.pid = os.fork()
        except OSError as error:
            for one in (self._ready, ready, life, self._life):
                os.close(one)
            raise HostError(
                "no-process",
                f"the API's process cannot be made: {error.strerror}; raise the limit of processes"
                " (ulimit -u, pids.max of the control group) or free memory, then start again",
            ) from error
        if self.pid == 0:
            os.close(self._ready)
            os.close(self._life)
            _be(plan, Wires(http, feed, partial(_say, ready), life), keep)
        os.close(ready)
        os.close(life)
        self._ended = False

    def greet(self) -> Ready:
        """Wait until it serves.

        Raises:
            InputError, HostError: why it does not, by its own words; ``api-gone`` where it had none.
        """
        said = b""
        deadline = time.monotonic() + _BEGINNING
        while part := self._heard(deadline):
            said += part
        os.close(self._ready)
        if not said:
            raise gone()
        ready = msgspec.json.decode(said, type=Ready)
        if ready.code:
            raise (InputError if ready.of_input else HostError)(ready.code, ready.message)
        return ready

    def _heard(self, deadline: float) -> bytes:
        readable, _, _ = select.select([self._ready], [], [], max(0.0, deadline - time.monotonic()))
        return os.read(self._ready, _LARGEST) if readable else b""

    @property
    def ended(self) -> bool:
        """Whether it is no more."""
        if not self._ended:
            self._ended = os.waitpid(self.pid, os.WNOHANG)[0] == self.pid
        return self._ended

    def reopen(self) -> None:
        """Have it open its log again."""
        with suppress(BrokenPipeError):  # it has ended, which is told elsewhere
            os.write(self._life, b"\n")

    def close(self) -> None:
        """Have it end: what is under way is answered first."""
        os.close(self._life)
        deadline = time.monotonic() + _ENDING
        while not self.ended and time.monotonic() < deadline:
            time.sleep(0.01)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def gone() -> HostError:
    """The error where the API's process has ended before it was to."""
    return HostError(
        "api-gone",
        "the process that serves the API has ended; what was applied stays as it is; start again,"
        " and report what is in the state directory's api/defects",
    )


def _say(ready: int, said: Ready) -> None:
    # Where nobody reads any more the agent's process has ended, and this one is about to.
    with suppress(BrokenPipeError):
        os.write(ready, msgspec.json.encode(said))
    os.close(ready)


def _be(plan: Plan, wires: Wires, keep: Keep) -> NoReturn:
    """The forked child's whole life, without what belongs to its parent."""
    status = _DEFECT
    try:
        # Only here: the agent's process, which programs the host, holds nothing of what serves requests.
        from deuteron.serve.api_process import live

        status = live(plan, wires, keep)
    finally:
        os._exit(status)
