"""Sessions in the documents: a fenced block of commands with what they print.

Lines that begin with ``$ `` are commands, the other lines are the sample.  Numbers are not compared,
``...`` stands for lines left out, and ``# status 3`` behind a command is the exit status that it must
have (0 where nothing is said).
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").glob("*.md")),
]
#: A session whose commands need nothing of each other but files.
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
#: One in the shell of the lab; a document's are one session, one after another.
LAB_BLOCK = re.compile(r"^```console lab\n(.*?)^```", re.MULTILINE | re.DOTALL)
STATUS = re.compile(r"\s+# status (\d+)$")


class Command(msgspec.Struct, frozen=True):
    """A line, the status it ends with, and lines that it prints."""

    line: str
    status: int
    sample: tuple[str, ...]


def session(block: str) -> list[Command]:
    """The commands of a block."""
    commands: list[Command] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found = STATUS.search(line)
            text = STATUS.sub("", line[2:])
            commands.append(Command(text, int(found[1]) if found else 0, ()))
        elif commands:
            last = commands.pop()
            commands.append(Command(last.line, last.status, (*last.sample, line)))
    return commands


def lab_sessions() -> dict[Path, list[Command]]:
    """Those of the lab, by document."""
    found = {
        document: [one for block in LAB_BLOCK.findall(document.read_text()) for one in session(block)]
        for document in DOCUMENTS
    }
    return {document: commands for document, commands in found.items() if commands}


def shape(text: str) -> str:
    """The text without what differs from run to run: numbers, identifiers, spaces, width of tables."""
    text = re.sub(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}|[0-9a-f]{4,}(-[0-9a-f]+)*|\d+(\.\d+)?", "#", text)
    return " ".join(re.sub(r"-{3,}", "---", text).split())
