"""Write the tables of docs/logs.md from the catalogue of events; ``--check`` only compares."""

from __future__ import annotations

from collections.abc import Iterator

from pages import settle, with_rows

from deuteron.logs.events import ALWAYS, EVENTS, FIELDS


def events() -> Iterator[str]:
    """The rows of the first table."""
    for event, one in EVENTS.items():
        fields = ", ".join(f"`{field}`" for field in FIELDS if field in one.fields)
        yield f"| `{event}` | {one.level} | {one.meaning} | {fields} |"


def fields() -> Iterator[str]:
    """The rows of the second one."""
    for name, field in FIELDS.items():
        words = ": " + ", ".join(f"`{word}`" for word in sorted(field.words)) if field.words else ""
        where = "; in any record" if name in ALWAYS else ""
        yield f"| `{name}` | {field.form.value}{words} | {field.meaning}{where} |"


def page(text: str) -> str:
    """The page with its tables made anew; what stands around them stays."""
    tables = {"<!-- events:": events, "<!-- fields:": fields}
    return with_rows(
        text, lambda line: next((tables[mark] for mark in tables if line.startswith(mark)), None)
    )


if __name__ == "__main__":
    settle("logs", page, "src/deuteron/logs/events.py")
