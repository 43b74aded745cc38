"""From what a caller says to what stands in a log: a value that its field does not allow is taken out.

A record holds words of the catalogue, codes, numbers and pseudonyms; no free text, whatever its content.
"""

from __future__ import annotations

import errno
import re
import sys
import traceback
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Final

from deuteron.codes import codes
from deuteron.logs.events import ALWAYS, EVENTS, FIELDS, Event, Field, Form
from deuteron.logs.pseudonym import Pseudonyms
from deuteron.logs.redact import REDACTED
from deuteron.logs.reference import KINDS, Ref

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

#: What may be given for a field.
Value = Ref | str | int | float | Iterable[str] | type[BaseException] | TracebackType | None
#: What stands in a record.
Written = str | int | float | list[str]

#: Below any IPv4 address but those of 0.0.0.0/8, as a number: a count is no way out for one.
_LARGEST: Final = 1 << 24
_ERRNOS: Final = frozenset(name.lower() for name in errno.errorcode.values())
_DIGITS: Final = 4
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
#: RFC 9562, version 4: made up here, whoever asks.
_REQUEST: Final = re.compile(r"req-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
#: How many places of a trace are kept, the innermost.
_PLACES: Final = 24


class UnknownToLog(ValueError):  # noqa: N818 -- a defect of the caller, named for what it is
    """An event or a field is not in the catalogue; says which event, and nothing of the field."""


class Scrubber:
    """The processor that makes a record of what a caller has said.

    Args:
        pseudonyms: what things are called.
    """

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self.pseudonyms = pseudonyms
        self.redacted = 0

    def __call__(self, _logger: WrappedLogger, _method: str, said: EventDict) -> EventDict:
        """The record.

        Raises:
            UnknownToLog: the event or a field is not in the catalogue.
        """
        event = _event(said.pop("event", ""))
        if not said.keys() <= _ALLOWED[event]:
            unknown = said.keys() - _ALLOWED[event]
            raise UnknownToLog(f"the event {event} has no such field ({len(unknown)} of them)")
        written = {name: self._written(name, value) for name, value in said.items() if value is not None}
        taken = sum(map(_taken_out, written.values()))
        self.redacted += taken
        return {"event": event.value} | written | ({"redacted": taken} if taken else {})

    def _written(self, name: str, value: object) -> Written:
        write = _WRITERS[name]
        if write is None:
            # Of the kind nothing is known but what the caller's types promise.
            good = type(value) is Ref and value.kind in KINDS and isinstance(value.value, str)
            return self.pseudonyms.ref(value) if good and isinstance(value, Ref) else REDACTED
        return write(FIELDS[name], value)


def _taken_out(one: Written) -> bool:
    return one == REDACTED or (isinstance(one, list) and REDACTED in one)


def _event(said: object) -> Event:
    if not isinstance(said, Event):
        raise UnknownToLog("an event is one of deuteron.logs.events.Event")
    return said


def _code(_field: Field, value: object) -> str:
    # A subclass of str could look like a word and print as something else.
    return value if type(value) is str and (value in codes() or value in _ERRNOS) else REDACTED


def _word(field: Field, value: object) -> str:
    return value if type(value) is str and value in field.words else REDACTED


def _words(field: Field, value: object) -> list[str]:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return [REDACTED]
    return [_word(field, one) for one in value]


def _count(_field: Field, value: object) -> Written:
    return value if type(value) is int and 0 <= value < _LARGEST else REDACTED


def _seconds(_field: Field, value: object) -> Written:
    if type(value) is int or type(value) is float:
        return round(float(value), _DIGITS) if 0 <= value < _LARGEST else REDACTED
    return REDACTED


def _type(_field: Field, value: object) -> str:
    """A class by its name, where that is what its module calls it: names may be made up as well."""
    if not isinstance(value, type):
        return REDACTED
    name, module = value.__name__, sys.modules.get(value.__module__)
    known = getattr(module, name, None) is value and _IDENTIFIER.fullmatch(name)
    return name if known else REDACTED


def _trace(_field: Field, value: object) -> list[str]:
    return places(value) if isinstance(value, TracebackType) else [REDACTED]


def places(trace: TracebackType | None) -> list[str]:
    """Files and lines of a trace, innermost last; no values, no source, no paths of this host."""
    frames = [(frame.f_globals.get("__name__"), line) for frame, line in traceback.walk_tb(trace)]
    return [f"{_file(module)}:{line}" for module, line in frames[-_PLACES:]]


def _file(module: object) -> str:
    known = isinstance(module, str) and module in sys.modules
    return str(module).replace(".", "/") + ".py" if known else REDACTED


def _request(_field: Field, value: object) -> str:
    return value if type(value) is str and _REQUEST.fullmatch(value) else REDACTED


_FORMS: Final[dict[Form, Callable[[Field, object], Written]]] = {
    Form.CODE: _code,
    Form.WORD: _word,
    Form.WORDS: _words,
    Form.COUNT: _count,
    Form.SECONDS: _seconds,
    Form.TYPE: _type,
    Form.TRACE: _trace,
    Form.REQUEST: _request,
}

#: Looked up once for all: a request of the API is a record.  References are the scrubber's own.
_WRITERS: Final = {name: _FORMS.get(field.form) for name, field in FIELDS.items()}
_ALLOWED: Final = {event: described.fields | ALWAYS for event, described in EVENTS.items()}
