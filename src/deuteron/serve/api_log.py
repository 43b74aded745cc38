"""The log of the API's process: a record for each request, under a key of its own.

The key of the agent's pseudonyms is not the API's to have: who took the API over could tell by it what every
name in the agent's log stands for.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final, TextIO

from deuteron.api.asgi import Note, Seen
from deuteron.errors import DeuteronError
from deuteron.logs.events import FIELDS, Event
from deuteron.logs.key import KEY_FILE, keys_in
from deuteron.logs.reference import Ref
from deuteron.logs.setup import Log, open_log
from deuteron.serve import tls
from deuteron.serve.plan import Plan

_METHODS: Final = FIELDS["method"].words
#: By their names; one of them would look like a pseudonym.
_COLLECTIONS: Final = {one.replace("-", "_"): one for one in FIELDS["collection"].words} | {
    "network_ip_availabilities": "ip-availabilities"
}
_ACTIONS: Final = FIELDS["action"].words
_MECHANISMS: Final = FIELDS["held"].words - {"broker"}
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_REFUSED: Final = 400
_FAILED: Final = 500


def opened(plan: Plan, stream: TextIO) -> Log:
    """The log, as this process's user; the first key is made where there is none.

    Args:
        plan: that names its file.
        stream: where to without one.

    Raises:
        HostError: the key or the log file cannot be used, or is not safe to use.
    """
    names = keys_in(plan.directory / KEY_FILE).pseudonyms
    return open_log(plan.api.log_file, names, stream=stream, form=plan.form, level=plan.level)


def tell_confined(log: Log, lacking: Sequence[str]) -> None:
    """A record of what confines the process, and what does not."""
    missing = {one.partition(":")[0].lower() for one in lacking}
    log.write(Event.CONFINED, held=sorted(_MECHANISMS - missing), missing=sorted(missing) or None)


def observer(log: Log) -> Seen | None:
    """Writes a record for each answer that the log's level takes; ``None`` where it takes none."""
    if not log.takes(Event.REQUEST_FAILED):
        return None
    takes = {one: log.takes(one) for one in _ANSWERS}

    def seen(method: str, status: int, seconds: float, note: Note) -> None:
        event = _event(method, status)
        if takes[event]:
            log.write(
                event,
                request=note.request_id,
                method=_word(method, _METHODS),
                collection=_COLLECTIONS.get(note.collection),
                action=_word(note.action, _ACTIONS) if note.action else None,
                status=status,
                project=Ref("project", note.project) if note.project else None,
                seconds=seconds,
            )

    return seen


_ANSWERS: Final = (Event.REQUEST_READ, Event.REQUEST_ANSWERED, Event.REQUEST_FAILED)


def _event(method: str, status: int) -> Event:
    if status >= _FAILED:
        return Event.REQUEST_FAILED
    return Event.REQUEST_READ if method in _READS and status < _REFUSED else Event.REQUEST_ANSWERED


def _word(said: str, words: frozenset[str]) -> str:
    return said if said in words else "other"


class Reopened:
    """Goes on in the log file that has the name now, with the key of now, and with a new certificate.

    Args:
        plan: that names them.
        log: it.
        context: what TLS is spoken by, which a service of its own can have renewed.
        reloading: around it.
    """

    def __init__(
        self,
        plan: Plan,
        log: Log,
        context: ssl.SSLContext | None,
        reloading: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._plan = plan
        self._log = log
        self._context = context if plan.alone else None
        self._reloading = reloading

    def __call__(self) -> None:
        """Do it; what cannot be used is on record, and what was used before still is."""
        with self._reloading():
            try:
                self._again()
            except DeuteronError as error:
                self._log.write(Event.TROUBLE, code=error.code)
            else:
                self._log.write(Event.CONFIG_READ)

    def _again(self) -> None:
        api = self._plan.api
        self._log.rename(keys_in(self._plan.directory / KEY_FILE).pseudonyms)
        self._log.reopen(api.log_file)
        if self._context is not None and api.tls_certificate is not None and api.tls_key_file is not None:
            tls.load(self._context, api.tls_certificate, api.tls_key_file)
