"""What the API's log says of a request: words of the catalogue, and nobody's."""

from __future__ import annotations

import io

import msgspec
import pytest

from deuteron.api.asgi import Note
from deuteron.logs.pseudonym import Pseudonyms
from deuteron.logs.setup import Log
from deuteron.resources import RESOURCES
from deuteron.serve.api_log import observer
from deuteron.service.verbs import VERBS

REQUEST = "req-6f70656e-7374-4163-8b00-000000000001"


def record(method: str, status: int, note: Note, level: str = "debug") -> dict[str, object] | None:
    sink = io.StringIO()
    log = Log(sink, Pseudonyms(bytes(32)), level=level)  # type: ignore[arg-type]  # one of the four
    seen = observer(log)
    assert seen is not None
    seen(method, status, 0.25, note)
    assert log.redacted == 0
    made: dict[str, object] | None = msgspec.json.decode(sink.getvalue()) if sink.getvalue() else None
    return made


def asked(collection: str = "", action: str = "", project: str = "") -> Note:
    note = Note(REQUEST)
    note.collection, note.action, note.project = collection, action, project
    return note


@pytest.mark.parametrize(("collection", "action"), sorted(VERBS))
def test_every_route_has_its_words(collection: str, action: str) -> None:
    assert collection in RESOURCES
    made = record("POST", 201, asked(collection, action, "p1"))
    assert made is not None
    assert made["action"] == action
    assert str(made["collection"]).endswith(collection.rpartition("_")[2])
    assert "p1" not in str(made["project"])


@pytest.mark.parametrize(
    ("method", "status", "level", "event"),
    [
        ("GET", 200, "debug", "request-read"),
        ("GET", 200, "info", None),
        ("GET", 404, "info", "request-answered"),
        ("DELETE", 204, "info", "request-answered"),
        ("DELETE", 204, "warning", None),
        ("GET", 503, "error", "request-failed"),
    ],
)
def test_what_changes_nothing_is_for_debugging(
    method: str, status: int, level: str, event: str | None
) -> None:
    made = record(method, status, asked("networks", "show"), level)
    assert (made or {}).get("event") == event


def test_what_a_client_makes_up_is_no_word() -> None:
    made = record("BREW-10.0.0.1", 405, asked())
    assert made is not None
    assert made["method"] == "other"
    assert made["request"] == REQUEST
    assert made.keys() == {"at", "level", "event", "request", "method", "status", "seconds"}
