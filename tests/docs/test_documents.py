"""Every command in the documents is run, and every sample line of output must be one that is printed.

A block ```` ```console ```` is a session: its commands are run one after another by bash in a private
host of their own, with a copy of the tree as working directory.  Those of the lab are in
``test_lab.py``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.sessions import BLOCK, DOCUMENTS, ROOT, Command, session, shape
from tests.support.sandbox import Host

LINK = re.compile(r"\[[^\]]*\]\(([^)#:]+)(?:#[^)]*)?\)")

#: Run by CI itself, or would run this test within itself.
ELSEWHERE = ("git clone", "cd deuteron", "make lab", "make test", "make bench")

SESSIONS = [
    pytest.param(session(block), id=f"{document.relative_to(ROOT)}-{number}")
    for document in DOCUMENTS
    for number, block in enumerate(BLOCK.findall(document.read_text()), 1)
]


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


def test_the_pictures_are_as_they_are_drawn() -> None:
    done = subprocess.run(
        [sys.executable, "tools/concept_pictures.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
