"""``deuteron review``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deuteron.review import rules

ROOT = Path(__file__).resolve().parents[2]
BAD = """import logging

LOG = logging.getLogger(__name__)


def learn(mac):
    LOG.info('learnt %s', mac)
"""
GOOD = "def double(value):\n    return 2 * value\n"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "deuteron.cli.main", "review"]
    return subprocess.run([*program, *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.py"
    file.write_text(BAD)
    return file


def test_what_is_found_ends_with_3_and_names_the_line(bad: Path) -> None:
    done = run(bad)
    assert (done.returncode, done.stderr) == (3, "")
    assert f"R401 {bad}:7: mac goes to the log" in done.stdout
    assert "mend: Log a pseudonym" in done.stdout


def test_nothing_found_ends_with_0(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    done = run(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(rules.RULES)} passed" in done.stdout


def test_every_form_is_written(bad: Path) -> None:
    found = json.loads(run("-o", "json", bad).stdout)
    assert (found["clean"], found["tally"]["fail"]) == (False, 1)
    (result,) = [
        one
        for one in json.loads(run("-o", "sarif", bad).stdout)["runs"][0]["results"]
        if one["kind"] == "fail"
    ]
    assert result["ruleId"] == "R401"
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 7
    page = run("-o", "html", bad)
    assert page.returncode == 3
    assert "<!doctype html>" in page.stdout
    assert "What a log discloses" in page.stdout


def test_a_baseline_accepts_what_was_there_although_its_line_has_moved(bad: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.json"
    baseline.write_text(run("-o", "json", bad).stdout)
    bad.write_text("import os\n" + BAD)
    assert run("--baseline", baseline, bad).returncode == 0
    bad.write_text(BAD + "    LOG.info('again %s', mac)\n")
    done = run("--baseline", baseline, bad)
    assert done.returncode == 3
    assert f"{bad}:8" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (("nowhere.py",), "review-path", 2),
        (("--baseline", "bad.py", "bad.py"), "review-baseline", 2),
        (("--settings", "broken.toml", "bad.py"), "review-settings", 2),
        (("broken.py",), "review-unreadable", 2),
        ((), "bad-usage", 2),
    ],
)
def test_what_cannot_be_reviewed_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: str, status: int
) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "broken.py").write_text("def (:\n")
    (tmp_path / "broken.toml").write_text("[tool.bandit\n")
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.splitlines()[-1].endswith(f"[{code}]"), done.stderr


def test_without_bandit_the_sentence_says_how_to_get_it(bad: Path) -> None:
    hidden = "import sys; sys.modules['bandit'] = None; from deuteron.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", hidden, "review", str(bad)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pip install 'deuteron[review]'" in done.stderr
    assert done.stderr.endswith("[review-missing]\n")


def test_the_page_lists_every_rule() -> None:
    page = (ROOT / "docs" / "review.md").read_text("utf-8")
    assert rules.document() in page, "run `python tools/review_page.py`"
