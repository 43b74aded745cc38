"""The third line: what the source may hand to a log."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tools.check_logs import findings

ROOT = Path(__file__).parents[3]

GOOD = """
log.write(Event.WATCH_ENDED)
log.write(Event.WATCH_ENDED, code=error.code)
log.write(Event.UNIT_FAILED, **named(result.unit), code=result.code or None, left=len(result.left))
self._log.write(Event.WATCH_BEGAN, file=Ref("path", str(file.resolve())) if file else None, namespaces=3)
log.write(event, **common)
stream.write(f"{name}")
"""

BAD = {
    'log.write(Event.TROUBLE, code=f"{error}")': "an f-string",
    'log.write(Event.TROUBLE, code="x" + name)': "put together",
    'log.write(Event.TROUBLE, code="%s" % name)': "put together",
    'log.write(Event.TROUBLE, code="{}".format(name))': "format()",
    "log.write(Event.TROUBLE, code=str(error))": "str()",
    "log.write(Event.TROUBLE, code=repr(error))": "repr()",
    'log.write(Event.TROUBLE, code=", ".join(names))': "join()",
    "log.write(Event.TROUBLE, code=error.message)": ".message",
    "log.write(Event.UNIT_FAILED, unit=router.name)": ".name",
    "log.write(Event.TROUBLE, router=Ref('router', one.id))": "no field router",
    "log.write(Event.TROUBLED)": "not in the catalogue",
    'log.write("trouble", code="x")': "begins with an event",
    "log.write(Event.TROUBLE, router.id)": "by name",
    "log.write(Event.TROUBLE, **vars(error))": "fields come by name",
    "self._log.info(Event.TROUBLE)": "one method",
    "print(name)": "only the command line",
    "click.echo(name)": "only the command line",
    "import logging": "own words",
    "from structlog import get_logger": "own words",
    "import warnings": "own words",
    "import traceback": "own words",
}


def test_references_words_and_numbers_are_fine() -> None:
    assert findings(GOOD, "agent/some.py") == []


@pytest.mark.parametrize(("source", "problem"), BAD.items())
def test_text_that_could_hold_anything_is_found(source: str, problem: str) -> None:
    found = findings(source, "agent/some.py")
    assert len(found) == 1
    assert problem in found[0]
    assert found[0].startswith("agent/some.py:1: ")


def test_our_own_source_has_none() -> None:
    program = [sys.executable, str(ROOT / "tools" / "check_logs.py")]
    ended = subprocess.run(program, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
