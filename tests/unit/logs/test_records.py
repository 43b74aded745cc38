"""A record holds words of the catalogue, codes, numbers and pseudonyms, whatever it was given."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from deuteron.codes import codes
from deuteron.logs.events import ALWAYS, EVENTS, FIELDS, Event, Form
from deuteron.logs.pseudonym import Pseudonyms, kind_of
from deuteron.logs.record import UnknownToLog
from deuteron.logs.redact import REDACTED, holds
from deuteron.logs.reference import KINDS, Ref
from deuteron.logs.setup import Log, LogForm, take_over
from tests.unit.logs.secrets import SECRETS

NAMES = Pseudonyms(bytes(range(32)))
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WORDS = {word for field in FIELDS.values() for word in field.words}


def log(form: LogForm = "json", stream: io.StringIO | None = None) -> tuple[Log, io.StringIO]:
    stream = stream or io.StringIO()
    return Log(stream, NAMES, form=form, level="debug", clock=lambda: AT), stream


def wrapped(secret: str) -> st.SearchStrategy[Any]:
    """The secret as somebody may hand it over without thinking."""

    class Loud(str):
        def __str__(self) -> str:
            return secret

    plain: list[Any] = [
        secret,
        secret.encode("utf-8", "replace"),
        [secret],
        (secret, 1),
        {secret: 1},
        {"a": {"b": [secret]}},
        frozenset({secret}),
        ValueError(secret),
        type(secret.replace("\0", ""), (Exception,), {}),
        Loud("done"),
        lambda: secret,
        memoryview(secret.encode("utf-8", "replace")),
        bytearray(secret.encode("utf-8", "replace")),
        msgspec.Raw(secret.encode("utf-8", "replace")),
    ]
    return st.sampled_from(plain)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.sampled_from(list(Event)), SECRETS, st.sampled_from(["json", "text"]))
def test_nothing_gets_through_any_field_of_any_event(
    data: st.DataObject, event: Event, secret: str, form: LogForm
) -> None:
    fields = sorted(EVENTS[event].fields)
    if not fields or secret in WORDS or secret in codes():
        return
    field = data.draw(st.sampled_from(fields))
    value = data.draw(wrapped(secret) | st.sampled_from(KINDS).map(lambda kind: Ref(kind, secret)))
    told, stream = log(form)
    told.write(event, **{field: value})
    given_back = fields_of(stream.getvalue(), form)
    assert given_back.keys() <= {field, "redacted"}
    if isinstance(value, Ref) and FIELDS[field].form is Form.REF:
        assert kind_of(given_back[field]) is not None
    else:
        assert set(given_back[field].split(",")) == {REDACTED}
        assert given_back["redacted"] == "1"
    assert stream.getvalue().count("\n") == 1


def fields_of(line: str, form: LogForm) -> dict[str, str]:
    """What a record has besides when, how bad and what: all of its text, one way or the other."""
    if form == "json":
        record = msgspec.json.decode(line)
        assert all(record.pop(name) for name in ("at", "level", "event"))
        return {
            name: ",".join(value) if isinstance(value, list) else str(value) for name, value in record.items()
        }
    return dict(part.split("=", 1) for part in line.split()[3:])


@given(SECRETS, st.sampled_from(list(Event)))
@example("unit-began 10.0.0.1", Event.WATCH_BEGAN)
def test_an_unknown_field_or_event_is_refused_without_a_word_of_it(secret: str, event: Event) -> None:
    told, stream = log()
    if secret in EVENTS[event].fields | ALWAYS | {"event"}:
        return
    writes: tuple[Callable[[], None], ...] = (
        lambda: told.write(event, **{secret: 1}),
        lambda: told.write(secret),  # type: ignore[arg-type]  # what a careless caller does
    )
    for write in writes:
        with pytest.raises((UnknownToLog, KeyError)) as refused:
            write()
        assert (
            not isinstance(refused.value, UnknownToLog) or secret not in str(refused.value) or secret in event
        )
    assert stream.getvalue() == ""


@pytest.mark.parametrize("number", [0x0A000001, 3232235777, -1, True, float("nan"), 1 << 128, 1e18])
def test_an_address_as_a_number_is_no_count(number: float) -> None:
    told, stream = log()
    told.write(Event.CHANGE_FINISHED, units=number, seconds=number)
    assert str(number) not in stream.getvalue().replace('"redacted":', "")
    assert told.redacted == 2


def test_a_record_says_when_what_and_how_much_was_taken_out() -> None:
    told, stream = log()
    told.write(Event.UNIT_FAILED, unit=Ref("unit", "router/r1"), code="eexist", outcome="10.0.0.1", left=None)
    assert msgspec.json.decode(stream.getvalue()) == {
        "at": "2026-01-02T03:04:05.000+00:00",
        "level": "error",
        "event": "unit-failed",
        "unit": NAMES.of("router", "r1"),
        "code": "eexist",
        "outcome": REDACTED,
        "redacted": 1,
    }


def test_a_defect_is_told_by_class_file_and_line_alone() -> None:
    told, stream = log()
    try:
        fail("10.0.0.1")()
    except ValueError as error:
        told.write(Event.DEFECT, code="defect", error=type(error), trace=error.__traceback__)
    record = msgspec.json.decode(stream.getvalue())
    assert record["error"] == "ValueError"
    assert record["trace"][0].startswith("tests/unit/logs/test_records.py:")
    assert "10.0" not in stream.getvalue()


def test_an_exception_class_whose_name_was_made_up_is_not_named() -> None:
    told, stream = log()
    told.write(Event.DEFECT, error=type("router_blue", (Exception,), {"__module__": "builtins"}))
    assert "blue" not in stream.getvalue()
    assert told.redacted == 1


class Full(io.StringIO):
    """A disk without room, for a while."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_a_log_that_cannot_be_written_stops_nothing_and_the_gap_is_told() -> None:
    stream = Full()
    told, _ = log(stream=stream)
    told.write(Event.WATCH_ENDED)
    told.write(Event.WATCH_ENDED)
    stream.full = False
    told.write(Event.WATCH_ENDED)
    told.write(Event.WATCH_ENDED)
    records = [msgspec.json.decode(line) for line in stream.getvalue().splitlines()]
    assert [record.get("lost") for record in records] == [2, None]


@pytest.fixture
def kept() -> list[BaseException]:
    """What was given away to be kept."""
    return []


@pytest.fixture
def taken_over(kept: list[BaseException]) -> Any:
    import logging

    def keep(error: BaseException) -> bool:
        kept.append(error)
        return len(kept) == 1

    hooks = (threading.excepthook, sys.unraisablehook, warnings.showwarning, logging.root.handlers)
    told, stream = log()
    take_over(told, keep)
    yield stream
    threading.excepthook, sys.unraisablehook = hooks[:2]
    warnings.showwarning, logging.root.handlers = hooks[2:]


def fail(secret: str) -> Callable[[], None]:
    def run() -> None:
        raise ValueError(secret)

    return run


class Unwilling:
    def __del__(self) -> None:
        raise ValueError("10.0.0.1")


@pytest.mark.filterwarnings("default")
def test_threads_destructors_warnings_and_libraries_print_nothing_of_ours(
    taken_over: io.StringIO, kept: list[BaseException], capfd: pytest.CaptureFixture[str]
) -> None:
    import logging

    thread = threading.Thread(target=fail("10.0.0.1"), name="10.0.0.1")
    thread.start()
    thread.join()
    Unwilling()
    warnings.warn("10.0.0.1", stacklevel=1)
    logging.getLogger("theirs").error("no route to %s", "10.0.0.1")
    records = [msgspec.json.decode(line) for line in taken_over.getvalue().splitlines()]
    assert [one["event"] for one in records] == ["defect", "defect", "foreign-record", "foreign-record"]
    assert [str(one) for one in kept] == ["10.0.0.1"] * 2
    assert [one["kept"] for one in records[:2]] == ["yes", "no"]
    printed = capfd.readouterr()
    assert "10.0" not in taken_over.getvalue() + printed.out + printed.err


def test_every_event_is_in_the_catalogue_with_fields_that_are_there() -> None:
    assert set(EVENTS) == set(Event)
    assert {field for one in EVENTS.values() for field in one.fields} <= FIELDS.keys()
    used = {field for one in EVENTS.values() for field in one.fields} | ALWAYS
    assert FIELDS.keys() - used == set()


def test_no_word_of_the_catalogue_looks_like_something_to_take_out() -> None:
    assert [word for word in (*WORDS, *codes(), *Event) if holds(word)] == []


def test_every_event_is_written_by_somebody() -> None:
    root = Path(__file__).parents[3] / "src" / "deuteron"
    files = [path for path in root.rglob("*.py") if path.name != "events.py"]
    source = "".join(path.read_text(encoding="utf-8") for path in files)
    assert [event.name for event in Event if f"Event.{event.name}" not in source] == []


def test_the_page_is_as_the_catalogue_is() -> None:
    check = [sys.executable, str(Path(__file__).parents[3] / "tools" / "logs_page.py"), "--check"]
    assert subprocess.run(check, capture_output=True, text=True, check=False).stderr == ""


def test_a_new_key_is_on_record_once() -> None:
    told, stream = log()
    told.rename(Pseudonyms(bytes(range(32))))
    told.rename(Pseudonyms(b"n" * 32))
    told.rename(Pseudonyms(b"n" * 32))
    assert [msgspec.json.decode(line)["event"] for line in stream.getvalue().splitlines()] == ["keys-rotated"]
