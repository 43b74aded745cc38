"""Where records go: structlog with its processors, JSON lines or a console's form, a stream or a file."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import threading
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TextIO, cast

import msgspec

from deuteron.errors import HostError
from deuteron.files import Purpose, open_checked
from deuteron.logs.events import EVENTS, Event, Level
from deuteron.logs.pseudonym import Pseudonyms
from deuteron.logs.record import Scrubber, Value
from deuteron.logs.stream import unblocked

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

LogForm = Literal["text", "json"]

LEVELS: Final[dict[Level, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
#: The column that an event's fields begin in.
_WIDTH: Final = 16


def _now() -> datetime:
    return datetime.now(UTC)


class _Sink:
    """A stream in the hands of structlog, for which another may be put while threads write."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        return self.stream.write(text)

    def flush(self) -> None:
        self.stream.flush()


class Log:
    """A log; any thread may write to it.

    A record that cannot be written, also for want of a reader, does not stop what it tells of: it is
    counted, and the next one that can be written says how many were lost.

    Args:
        sink: where to.
        pseudonyms: what things are called.
        form: ``text`` for a console, ``json`` for lines of JSON.
        level: the least that is written.
        clock: what time it is, UTC.
    """

    def __init__(
        self,
        sink: TextIO,
        pseudonyms: Pseudonyms,
        *,
        form: LogForm = "json",
        level: Level = "info",
        clock: Callable[[], datetime] = _now,
    ) -> None:
        # Here: it is a sixth of a command's start, and most commands have no log.
        import structlog

        self._sink = _Sink(sink)
        self._scrubber = Scrubber(pseudonyms)
        self._lost = 0
        self._clock = clock
        self._level = LEVELS[level]
        processors: list[Processor] = [self._scrubber, self._dated, _json if form == "json" else _text]
        self._logger = structlog.wrap_logger(
            # It asks for no more than the two.
            structlog.WriteLogger(cast("TextIO", self._sink)),
            processors=processors,
            wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
            cache_logger_on_first_use=True,
        )

    def takes(self, event: Event) -> bool:
        """Whether records of an event are written at this level; for who would do much for one."""
        return LEVELS[EVENTS[event].level] >= self._level

    @property
    def redacted(self) -> int:
        """How many values were taken out so far; more than none is a defect of a caller."""
        return self._scrubber.redacted

    def rename(self, pseudonyms: Pseudonyms) -> None:
        """Call things by this key from now on; where it is another one, that is on record."""
        if pseudonyms != self._scrubber.pseudonyms:
            self._scrubber.pseudonyms = pseudonyms
            self.write(Event.KEYS_ROTATED)

    def reopen(self, file: Path | None) -> None:
        """Go on in the file that has this name now: the one before may have been renamed (logrotate(8)).

        Args:
            file: ``None`` where the log is a stream, which stays.

        Raises:
            HostError: ``log-unusable``, or the file is not safe to use; the one before stays.
        """
        if file is not None:
            # A confined process may close a file to others, and nothing else: who rotates may open it.
            before, self._sink.stream = self._sink.stream, _appending(file, 0o600)
            before.close()

    def close(self) -> None:
        """Close the file that it is written to; a stream of others is not to be closed."""
        self._sink.stream.close()

    def write(self, event: Event, **fields: Value) -> None:
        """Write a record.

        Args:
            event: what has happened.
            fields: see the catalogue; ``None`` is left out.

        Raises:
            UnknownToLog: a field is not one of the event's.
        """
        lost = {"lost": self._lost} if self._lost else {}
        try:
            self._logger.log(LEVELS[EVENTS[event].level], event, **fields, **lost)
        except OSError:
            self._lost += 1
        else:
            self._lost = 0

    def _dated(self, _logger: WrappedLogger, _method: str, record: EventDict) -> EventDict:
        at = self._clock().isoformat(timespec="milliseconds")
        level = EVENTS[Event(record["event"])].level
        return {"at": at, "level": level, **record}


def _json(_logger: WrappedLogger, _method: str, record: EventDict) -> str:
    return msgspec.json.encode(record).decode()


def _text(_logger: WrappedLogger, _method: str, record: EventDict) -> str:
    rest = dict(record)
    head = f"{rest.pop('at')} {rest.pop('level'):<7} {rest.pop('event'):<{_WIDTH}}"
    return " ".join([head, *(f"{name}={_shown(value)}" for name, value in rest.items())]).rstrip()


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


class _Foreign(logging.Handler):
    """What libraries say to Python's own logging: that they did, not what."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """One record without a word of theirs."""
        del record
        self._log.write(Event.FOREIGN_RECORD)


def take_over(log: Log, keep: Callable[[BaseException], bool]) -> None:
    """Have whatever else this process could print by itself be a record: threads' errors, warnings, logging.

    Python prints an exception's text where a thread or a destructor fails, and the line of source where
    it warns; both may hold a tenant's data.

    Args:
        log: where to.
        keep: puts the whole text where only the owner reads it; whether it could.
    """

    def defect(failed: threading.ExceptHookArgs | sys.UnraisableHookArgs) -> None:
        # CPython may have no instance at hand where it was short of memory.
        kept = failed.exc_value is not None and keep(failed.exc_value)
        log.write(
            Event.DEFECT,
            code="defect",
            error=failed.exc_type,
            trace=failed.exc_traceback,
            kept="yes" if kept else "no",
        )

    def warned(*_said: object, **_more: object) -> None:
        log.write(Event.FOREIGN_RECORD)

    threading.excepthook = defect
    sys.unraisablehook = defect
    warnings.showwarning = warned
    logging.root.handlers = [_Foreign(log)]


def nameless(stream: TextIO, form: LogForm) -> Log:
    """A log for records that speak of no thing: its pseudonyms are of a key that nobody has."""
    return Log(unblocked(stream), Pseudonyms(secrets.token_bytes(32)), form=form)


def open_log(
    file: Path | None, pseudonyms: Pseudonyms, *, stream: TextIO, form: LogForm, level: Level
) -> Log:
    """A log on a file, or on a stream where none is named.

    Raises:
        HostError: ``log-unusable``, or the file is not safe to use.
    """
    sink = unblocked(stream) if file is None else _appending(file)
    return Log(sink, pseudonyms, form=form, level=level)


def _appending(file: Path, mode: int | None = None) -> TextIO:
    try:
        descriptor = open_checked(file, Purpose.LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, mode)
    except OSError as error:
        message = f"the log file {file} cannot be opened ({error.strerror}); name another, or mend its place"
        raise HostError("log-unusable", message) from error
    return os.fdopen(descriptor, "a", encoding="utf-8")
