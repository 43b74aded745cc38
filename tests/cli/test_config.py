"""``deuteron config``, and what the configuration does for the other verbs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from deuteron.config.document import example, markdown
from tests.cli.command import ONE_HOST, PAYLOADS, Deuteron, Site

ANSWER = PAYLOADS / "dvr-one-fip.json"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deuteron.toml"


def write(file: Path, text: str) -> Path:
    file.write_text(text)
    file.chmod(0o644)
    return file


def test_the_page_is_printed(deuteron: Deuteron) -> None:
    assert deuteron("config", "doc").out == markdown()


def test_what_holds_is_shown_with_where_it_comes_from(deuteron: Deuteron, file: Path) -> None:
    write(file, 'parallel = 4\n[log]\nfile = "/var/log/x"\n')
    ended = deuteron("--config", file, "config", "show", "-o", "json", DEUTERON_INTERVAL="9")
    shown = {key["key"]: key for key in ended.document()["keys"]}
    assert shown["parallel"] == {"key": "parallel", "value": 4, "from": "file", "place": str(file)}
    assert (shown["interval"]["value"], shown["interval"]["place"]) == (9.0, "DEUTERON_INTERVAL")
    assert (shown["log.file"]["value"], shown["host"]["from"]) == ("/var/log/x", "default")
    text = deuteron("--config", file, "config", "show").out
    assert re.search(r'^log\.file +"/var/log/x"  \(file\)$', text, re.MULTILINE)


def test_a_sound_configuration_is_safe(deuteron: Deuteron, file: Path) -> None:
    write(file, "parallel = 2")
    ended = deuteron("config", "check", DEUTERON_CONFIG=str(file))
    assert ended.status == 0, ended
    assert f"safe    configuration file {file}" in ended.out
    document = deuteron("--config", file, "config", "check", "-o", "json").document()
    assert (document["safe"], document["file"]) == (True, str(file))


def test_every_unsafe_path_is_told_with_its_mend(deuteron: Deuteron, file: Path, tmp_path: Path) -> None:
    log, state = tmp_path / "a.log", tmp_path / "state"
    log.touch()
    log.chmod(0o666)
    state.mkdir()
    state.chmod(0o777)
    write(file, f'[log]\nfile = "{log}"\n')
    ended = deuteron("--config", file, "config", "check")
    assert ended.status == 3
    assert f"chmod 640 {log} [unsafe-file]" in ended.out
    assert f"chmod 700 {state} [unsafe-file]" in ended.out
    paths = deuteron("--config", file, "config", "check", "-o", "json").document()["paths"]
    assert {one["path"] for one in paths if not one["safe"]} == {str(log), str(state)}


@pytest.mark.parametrize(
    ("text", "code"),
    [("paralel = 1", "unknown-config-key"), ("parallel = 'x'", "bad-config-value"), ("x", "not-toml")],
)
def test_what_is_not_acceptable_stops_every_verb(
    deuteron: Deuteron, file: Path, text: str, code: str
) -> None:
    write(file, text)
    for verb in (["config", "check"], ["config", "show"], ["plan", "--offline", ONE_HOST], ["show"]):
        assert str(file) in deuteron("--config", file, *verb).refused(code, 2)


def test_a_configuration_that_others_can_write_stops_every_verb(deuteron: Deuteron, file: Path) -> None:
    write(file, "").chmod(0o666)
    for verb in (["config", "check"], ["plan", "--offline", ONE_HOST], ["apply", ONE_HOST]):
        assert f"chmod 644 {file}" in deuteron("--config", file, *verb).refused("unsafe-file", 1)


def test_a_broken_configuration_does_not_hide_its_own_description(deuteron: Deuteron, file: Path) -> None:
    write(file, "x")
    assert deuteron("--config", file, "config", "doc").status == 0
    assert deuteron("--config", file, "--help").status == 0


def test_an_option_is_stronger_than_the_environment_and_that_than_the_file(
    deuteron: Deuteron, file: Path
) -> None:
    write(file, 'state_dir = "/nowhere/of-the-file"')
    asked: list[str | Path] = ["--config", file, "show"]
    assert "/of-the-file;" in deuteron(*asked, DEUTERON_STATE_DIR="").refused("nothing-applied", 1)
    assert str(deuteron.state) in deuteron(*asked).refused("nothing-applied", 1)
    named = deuteron(*asked, "--state-dir", "/nowhere/of-the-option").refused("nothing-applied", 1)
    assert "/of-the-option;" in named


def test_an_answer_is_read_for_the_configured_host_and_bridge(deuteron: Deuteron, file: Path) -> None:
    write(file, 'host = "net1"\nexternal_bridges = ["br-provider"]\n')
    ended = deuteron("--config", file, "plan", "--offline", ANSWER)
    asked = deuteron("plan", "--offline", ANSWER, "--host", "net1", "--external-bridge", "br-provider")
    assert ended.out == asked.out
    assert "br-provider" in ended.out
    other = deuteron("--config", file, "plan", "--offline", ANSWER, "--host", "compute1")
    assert other.out != ended.out


def test_a_configured_bridge_is_no_trouble_for_a_topology_file(deuteron: Deuteron, file: Path) -> None:
    write(file, 'external_bridges = ["br-provider"]')
    assert deuteron("--config", file, "plan", "--offline", ONE_HOST).status in (0, 3)


def test_an_empty_name_says_that_there_is_no_file(deuteron: Deuteron) -> None:
    assert deuteron("config", "show", "-o", "json", DEUTERON_CONFIG="").document()["file"] is None


def test_the_example_of_the_page_is_acceptable(deuteron: Deuteron, file: Path, tmp_path: Path) -> None:
    policy = write(tmp_path / "policy.toml", "")
    write(file, example().replace("/etc/deuteron/policy.toml", str(policy)))
    assert deuteron("--config", file, "config", "show").status == 0


@pytest.mark.kernel
def test_nothing_is_applied_while_a_path_is_unsafe(site: Site, file: Path, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    os.mkfifo(log, 0o600)
    write(file, f'[log]\nfile = "{log}"\n')
    before = site.picture()
    error = site.run("--config", file, "apply", ONE_HOST)
    assert str(log) in error.refused("unsafe-type", 1)
    assert site.picture() == before
    log.unlink()
    assert site.run("--config", file, "apply", ONE_HOST).status == 0


@pytest.mark.kernel
def test_the_configured_number_of_workers_is_used_and_a_wrong_option_still_refused(
    site: Site, file: Path
) -> None:
    write(file, "parallel = 3")
    assert site.run("--config", file, "apply", ONE_HOST).status == 0
    assert site.run("--config", file, "apply", ONE_HOST, "-p", "0").status == 2
