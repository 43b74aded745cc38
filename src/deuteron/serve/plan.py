"""What the API's process is told before it begins: decided by the agent's process, never by a request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from deuteron.config.model import Api
from deuteron.kernel.linux.confine.process import Mode
from deuteron.logs.events import Level
from deuteron.logs.setup import LogForm

#: The store, in the directory of the API alone.
STORE: str = "api.sqlite"


class User(msgspec.Struct, frozen=True):
    """Whom a process runs as.

    Attributes:
        uid: number of the user.
        gid: of the user's group.
        name: as the user database has it, "" for a process that stays who it is.
    """

    uid: int
    gid: int
    name: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How the API is to be served.

    Attributes:
        directory: where its store is; all of the file system that it may write to.
        user: whom it runs as.
        agents: users that may connect to the feed's socket.
        host: the name of this host.
        bridges: the host's bridge of each physical network.
        listen: where the API listens, ``ADDRESS:PORT`` or ``unix:PATH``.
        api: the configuration's table.
        mode: what to do where the kernel lacks a means to confine.
        form: of its log.
        level: the least that its log has.
        alone: it is a service of its own.
    """

    directory: Path
    user: User
    agents: frozenset[int]
    host: str
    bridges: Mapping[str, str]
    listen: str
    api: Api
    mode: Mode
    form: LogForm
    level: Level = "info"
    alone: bool = False


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """What the API's process says once: that it serves, or why it does not.

    Attributes:
        code: of the error, "" where it serves.
        message: of the error.
        of_input: what it was given is wrong.
        lacking: what the kernel lacks to confine it.
    """

    code: str = ""
    message: str = ""
    of_input: bool = False
    lacking: tuple[str, ...] = ()
