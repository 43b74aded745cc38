"""Every command in the documents is run, and every sample line of output must be one that is printed.

A block ```` ```console ```` is a session: lines that begin with ``$ `` are run one after another by
bash in a private host of their own, with a copy of the tree as working directory; the other lines
are the sample.  Numbers are not compared, ``...`` stands for lines left out, and ``# status 3``
behind a command is the exit status that it must have (0 where nothing is said).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.support.sandbox import Host

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").glob("*.md")),
]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
STATUS = re.compile(r"\s+# status (\d+)$")
LINK = re.compile(r"\[[^\]]*\]\(([^)#:]+)(?:#[^)]*)?\)")

#: Run by CI itself, or would run this test within itself.
ELSEWHERE = ("git clone", "cd deuteron", "make test", "make bench")


class Command(msgspec.Struct, frozen=True):
    line: str
    status: int
    sample: tuple[str, ...]


def session(block: str) -> list[Command]:
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


SESSIONS = [
    pytest.param(session(block), id=f"{document.relative_to(ROOT)}-{number}")
    for document in DOCUMENTS
    for number, block in enumerate(BLOCK.findall(document.read_text()), 1)
]


def shape(text: str) -> str:
    """The text without what differs from run to run: numbers, identifiers, spaces."""
    return " ".join(re.sub(r"[0-9a-f]{4,}(-[0-9a-f]+)*|\d+(\.\d+)?", "#", text).split())


@pytest.mark.kernel
@pytest.mark.parametrize("commands", SESSIONS)
def test_the_commands_of_a_session_run_and_print_what_is_shown(
    commands: list[Command], host: Host, tmp_path: Path
) -> None:
    host.make_bridge("br-ex")
    for name in ("vm1", "vm2", "vm3"):
        host.make_netns(name)
    tree = tmp_path / "deuteron"
    shutil.copytree(ROOT / "examples", tree / "examples")
    shutil.copytree(ROOT / "tests", tree / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    binaries = Path(sys.executable).parent
    environment = {
        "PATH": f"{binaries}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "DEUTERON_STATE_DIR": str(tmp_path / "state"),
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "120",
    }
    for command in commands:
        if command.line.startswith(ELSEWHERE):
            continue
        line = "deuteron demo" if command.line == "make demo" else command.line
        done = subprocess.run(
            ["bash", "-c", line], cwd=tree, env=environment, capture_output=True, text=True, timeout=100
        )
        printed = done.stdout + done.stderr
        assert done.returncode == command.status, f"$ {command.line}\n{printed}"
        shapes = {shape(one) for one in printed.splitlines()}
        for sample in command.sample:
            if sample.strip() and sample.strip() != "...":
                assert shape(sample) in shapes, f"$ {command.line}\ndid not print: {sample}\nbut:\n{printed}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text()):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"
