"""The rules as Bandit plugins: what another project sees."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from deuteron.review import plugins
from deuteron.review.rules import BY_ID, RULES
from deuteron.review.run import review

ROOT = Path(__file__).resolve().parents[2]
LEAK = """import os


def publish(path):
    fd = os.open(path, os.O_WRONLY){mark}
    os.write(fd, b"x")
    os.close(fd)
"""


def failed(path: Path, **options: object) -> list[tuple[str, int]]:
    report = review([path], version="0", **options)  # type: ignore[arg-type]  # passed on
    return [(one.check, one.place.line) for one in report.findings if one.status == "fail"]


def write(directory: Path, text: str) -> Path:
    file = directory / "module.py"
    file.write_text(text, encoding="utf-8")
    return file


def test_each_rule_is_a_plugin_of_its_own() -> None:
    for rule in RULES:
        found = getattr(plugins, f"deuteron_{rule.id.lower()}")
        assert found._test_id == rule.id
    with pytest.raises(AttributeError):
        _ = plugins.deuteron_r999


def test_the_distribution_names_every_plugin() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][
        "bandit.plugins"
    ]
    assert declared == {
        f"deuteron_{rule.lower()}": f"deuteron.review.plugins:deuteron_{rule.lower()}" for rule in BY_ID
    }


def test_what_is_found_bears_its_place_and_the_source(tmp_path: Path) -> None:
    file = write(tmp_path, LEAK.format(mark=""))
    (finding,) = [one for one in review([file], version="0").findings if one.status == "fail"]
    assert (finding.check, finding.place.file, finding.place.line) == ("R101", str(file), 5)
    assert finding.evidence == ("   5  fd = os.open(path, os.O_WRONLY)",)
    assert finding.mend == BY_ID["R101"].mend


@pytest.mark.parametrize(
    "mark", ["  # nosec R101 # the caller's", "  # nosec: R101 # the caller's", "  # nosec"]
)
def test_a_mark_in_the_line_accepts_it(tmp_path: Path, mark: str) -> None:
    assert failed(write(tmp_path, LEAK.format(mark=mark))) == []


def test_a_mark_for_another_rule_does_not(tmp_path: Path) -> None:
    assert failed(write(tmp_path, LEAK.format(mark="  # nosec R601 # no file"))) == [("R101", 5)]


def test_several_comments_at_one_statement_are_each_told(tmp_path: Path) -> None:
    word = "TO" + "DO"
    text = f"# {word}: one\n# {word}: two\n\n\ndef both():\n    a = 1\n    # {word}: three\n    return a\n"
    assert failed(write(tmp_path, text)) == [("R501", 1), ("R501", 2), ("R501", 7)]


def test_a_file_of_comments_alone_tells_the_first_and_the_lines_of_the_others(tmp_path: Path) -> None:
    word = "TO" + "DO"
    report = review([write(tmp_path, f"# {word}: one\n# {word}: two\n")], version="0")
    (finding,) = [one for one in report.findings if one.status == "fail"]
    assert (finding.check, finding.place.line) == ("R501", 1)
    assert "so in line 2" in finding.title


def test_the_settings_of_the_project_hold(tmp_path: Path) -> None:
    file = write(tmp_path, LEAK.format(mark=""))
    settings = tmp_path / "pyproject.toml"
    settings.write_text('[tool.bandit]\nskips = ["R101"]\n')
    assert failed(file, settings=settings) == []
    settings.write_text('[tool.bandit]\ntests = ["R101", "R501"]\n')
    assert failed(file, settings=settings) == [("R101", 5)]


def test_bandits_own_tests_run_where_asked(tmp_path: Path) -> None:
    file = write(tmp_path, "import pickle\n\n\ndef load(data):\n    return pickle.loads(data)\n")
    assert failed(file) == []
    assert {check for check, _ in failed(file, others=True)} == {"B301", "B403"}


def test_a_plugin_that_fails_is_not_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(plugins, "examine", broken)
    with pytest.raises(RuntimeError, match="Bandit internal error"):
        review([write(tmp_path, LEAK.format(mark=""))], version="0")


def test_the_installed_distribution_names_every_plugin() -> None:
    installed = entry_points(group="bandit.plugins")
    named = {one.name: one.load() for one in installed if one.name.startswith("deuteron_")}
    again = "the checkout was installed before they were declared: run `make`"
    assert sorted(named) == [f"deuteron_{rule.lower()}" for rule in sorted(BY_ID)], again
    assert {plugin._test_id for plugin in named.values()} == set(BY_ID)


def test_plain_bandit_finds_it_too(tmp_path: Path) -> None:
    word = "TO" + "DO"
    text = LEAK.format(mark="") + f"\n\ndef tell(log, mac):\n    log.info(mac)  # {word}: less\n"
    file = write(tmp_path, text + "    eval(mac)\n")
    done = subprocess.run(
        [sys.executable, "-m", "bandit", "-q", "-f", "json", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = [(one["test_id"], one["line_number"]) for one in json.loads(done.stdout)["results"]]
    expected = [("B307", 12), ("R101", 5), ("R401", 11), ("R501", 11)]  # one of Bandit's own between them
    assert (done.returncode, sorted(found)) == (1, expected)
