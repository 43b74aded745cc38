"""Reading the configuration: what holds, where it comes from, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deuteron.agent.reasons import INTERVAL
from deuteron.config import Config, load, load_config
from deuteron.config.document import example, markdown
from deuteron.config.keys import keys
from deuteron.config.paths import check_paths, key_file, unsafe
from deuteron.config.read import credential, default_file
from deuteron.errors import DeuteronError, InputError
from deuteron.files import Purpose

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deuteron.toml"


def write(file: Path, text: str | bytes) -> Path:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(0o644)
    return file


def refused(file: Path, text: str | bytes, **environment: str) -> InputError:
    with pytest.raises(InputError) as error:
        load(write(file, text), environment=environment)
    return error.value


def test_without_a_file_every_key_has_its_default(file: Path) -> None:
    of = load(environment={"DEUTERON_CONFIG": ""})
    assert of.config == Config()
    assert of.file is None
    assert set(of.sources.values()) == {"default"}


def test_the_example_is_read_key_by_key(file: Path) -> None:
    of = load(write(file, example()), environment={})
    assert set(of.sources) == {key.name for key in keys()}
    assert set(of.sources.values()) == {"file"}
    assert of.file == file


def test_the_environment_is_stronger_than_the_file_and_the_file_than_the_default(file: Path) -> None:
    text = 'parallel = 2\ninterval = 5\n[log]\nform = "json"\n'
    environment = {
        "DEUTERON_INTERVAL": "7.5",
        "DEUTERON_LOG_LEVEL": "debug",
        "DEUTERON_EXTERNAL_BRIDGES": "a b",
    }
    of = load(write(file, text), environment=environment)
    assert (of.config.parallel, of.config.interval, of.config.host) == (2, 7.5, None)
    assert (of.config.log.form, of.config.log.level) == ("json", "debug")
    assert of.config.external_bridges == ("a", "b")
    assert of.sources["parallel"] == of.sources["log.form"] == "file"
    assert of.sources["interval"] == of.sources["log.level"] == "environment"
    assert of.sources["host"] == "default"


def test_a_variable_names_the_file(file: Path) -> None:
    write(file, "parallel = 3")
    assert load_config(environment={"DEUTERON_CONFIG": str(file)}).parallel == 3


def test_a_file_that_was_named_has_to_be_there(file: Path) -> None:
    with pytest.raises(InputError) as error:
        load(file, environment={})
    assert error.value.code == "no-config"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("paralel = 3", "unknown key 'paralel'; did you mean 'parallel'?"),
        ("[log]\nlevle = 'info'", "unknown key 'log.levle'; did you mean 'log.level'?"),
        ("level = 'info'", "unknown key 'level'; did you mean 'log.level'?"),
        ("[logs]\nlevel = 'info'", "unknown key 'logs'"),
        ("[log]\nkey = '/x'", "unknown key 'log.key'; did you mean 'log.key_file'?"),
        ("zzz = 1", "known are state_dir, parallel"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(file: Path, text: str, sentence: str) -> None:
    error = refused(file, text)
    assert error.code == "unknown-config-key"
    assert sentence in error.message
    assert str(file) in error.message


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("parallel = '3'", "parallel"),
        ("parallel = true", "parallel"),
        ("parallel = 0", "parallel"),
        ("parallel = 65", "parallel"),
        ("interval = 0.5", "interval"),
        ("interval = nan", "interval"),
        ("host = ''", "host"),
        ("policy = 'policy.toml'", "policy"),
        ("policy = 3", "policy"),
        ("state_dir = ''", "state_dir"),
        ("external_bridges = ['a', 3]", "external_bridges[1]"),
        ("log = 3", "log"),
        ("[log]\nform = 'xml'", "log.form"),
        ("[confine]\nmode = 'none'", "confine.mode"),
    ],
)
def test_a_value_of_another_type_or_range_is_refused_with_its_key(file: Path, text: str, key: str) -> None:
    error = refused(file, text)
    assert error.code == "bad-config-value"
    assert f": {key}: " in error.message


@pytest.mark.parametrize(
    ("name", "value"), [("PARALLEL", "x"), ("INTERVAL", "0"), ("LOG_FORM", "xml"), ("CONFINE_MODE", "none")]
)
def test_a_variable_of_another_type_is_refused_by_its_name(file: Path, name: str, value: str) -> None:
    error = refused(file, "", **{f"DEUTERON_{name}": value})
    assert error.code == "bad-config-value"
    assert f"DEUTERON_{name}: " in error.message


@pytest.mark.parametrize("text", ["x =", "a = 1\na = 2", b"\xff\xfe", "a = " + "[" * 5000, "\0"])
def test_what_is_not_toml_is_refused(file: Path, text: str | bytes) -> None:
    assert refused(file, text).code == "not-toml"


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_a_configuration_or_an_error_that_names_it(file: Path, content: bytes) -> None:
    problem = str(file)
    try:
        load(write(file, content), environment={})
    except DeuteronError as error:
        problem = error.message
    assert str(file) in problem


def test_others_may_not_write_the_configuration(file: Path) -> None:
    write(file, "").chmod(0o666)
    with pytest.raises(DeuteronError, match=f"chmod 644 {file}") as error:
        load(file, environment={})
    assert error.value.code == "unsafe-file"


def test_a_credential_is_where_systemd_says(tmp_path: Path) -> None:
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert credential("log.key", environment) is None
    (tmp_path / "log.key").touch()
    assert credential("log.key", environment) == tmp_path / "log.key"
    assert credential("log.key", {"CREDENTIALS_DIRECTORY": "relative"}) is None


def test_the_key_is_the_one_named_then_the_credential_then_the_state_directorys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert key_file(Config(), tmp_path / "state") == (tmp_path / "state" / "log.key", Purpose.SECRET)
    (tmp_path / "log.key").touch()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert key_file(Config(), tmp_path / "state") == (tmp_path / "log.key", Purpose.CREDENTIAL)


def test_a_users_file_is_below_his_configuration_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert default_file({"XDG_CONFIG_HOME": "/c"}) == Path("/c/deuteron/deuteron.toml")
    assert default_file({"XDG_CONFIG_HOME": "c"}).parts[-3:] == (".config", "deuteron", "deuteron.toml")


def test_every_unsafe_path_of_a_configuration_is_told(tmp_path: Path) -> None:
    state, run = tmp_path / "state", tmp_path / "run"
    for directory in (state, run):
        directory.mkdir(mode=0o700)
    log, key = tmp_path / "log", tmp_path / "key"
    for path in (log, key, state / "lock"):
        path.touch()
        path.chmod(0o666)
    config = Config(log=type(Config().log)(file=log, key_file=key))
    checked = check_paths(config, config_file=None, state_dir=state, run_dir=run)
    assert {one.path for one in checked if one.trouble} == {log, key, state / "lock"}
    whole = unsafe(checked)
    assert whole is not None
    assert "and 2 more" in whole.message
    assert list(tmp_path.rglob("*.sqlite")) == []


def test_the_interval_is_the_watchs_own() -> None:
    assert Config().interval == INTERVAL


def test_the_page_is_as_the_declarations_are() -> None:
    assert PAGE.read_text() == markdown(), "run: deuteron config doc >docs/configuration.md"


def test_every_key_has_a_meaning() -> None:
    assert [key.name for key in keys() if not key.about.endswith(".")] == []
