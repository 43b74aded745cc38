"""Each known bug is put back into a copy of the source, and the suite sees it.

A bug that no test sees is a hole in the suite: the mend is a test, not another bug.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from tests.known_bugs.bug import SOURCE, Bug, copy_of_the_source
from tests.known_bugs.bugs import BUGS
from tests.known_bugs.page import PAGE, page
from tests.known_bugs.run import Run, run

#: What a test says, or the program, where something is wrong. A bug that is put in badly shows
#: otherwise: as a name that is not defined, or a module that cannot be imported.
TOLD: Final = {"AssertionError", "Failed", "DeuteronError", "ValueError"}


def parameters() -> list[Any]:
    marks = {True: [pytest.mark.kernel], False: []}
    return [pytest.param(bug, id=bug.name.replace(" ", "-"), marks=marks[bug.kernel]) for bug in BUGS]


def against(path: Path, folder: Path, tests: tuple[str, ...]) -> Run:
    """Run the tests against the copy in ``path``, and nothing else."""
    found = run(tests, path, folder)
    assert found.seen is not None, found.output
    assert Path(found.seen.package).is_relative_to(path), f"{found.seen.package} was tested"
    return found


@pytest.mark.parametrize("bug", parameters())
def test_a_known_bug_makes_the_suite_red(bug: Bug, tmp_path: Path) -> None:
    found = against(copy_of_the_source(tmp_path / "source", bug), tmp_path, bug.tests)
    assert found.status == pytest.ExitCode.TESTS_FAILED, found.output
    assert found.seen is not None
    told = any(TOLD.intersection(red.kinds) for red in found.seen.red)
    assert told or "lock order: " in found.output, found.output


def test_a_copy_without_a_bug_is_green(tmp_path: Path) -> None:
    tests = tuple(dict.fromkeys(test for bug in BUGS for test in bug.tests))
    found = against(copy_of_the_source(tmp_path / "source"), tmp_path, tests)
    assert found.status == pytest.ExitCode.OK, found.output


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_what_a_bug_stands_in_for_is_there_once(bug: Bug) -> None:
    source = (SOURCE / bug.file).read_text()
    assert bug.put_back(source) != source


def test_bugs_have_names_of_their_own() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS)


def test_the_page_tells_of_these_bugs() -> None:
    assert PAGE.read_text() == page(PAGE.read_text()), "write it anew: python -m tests.known_bugs"
