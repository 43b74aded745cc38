"""Reading the configuration: the environment before the file, the file before the defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec

from deuteron.config.keys import Key, keys
from deuteron.config.model import Config
from deuteron.errors import HostError, InputError
from deuteron.files import Purpose, absolute, read_checked

#: Names the file; an empty one says that there is none.
VARIABLE: Final = "DEUTERON_CONFIG"

Source = Literal["default", "file", "environment"]


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration as read.

    Attributes:
        config: what holds.
        file: where it was read, ``None`` where there is no file.
        sources: for each key, where its value comes from.
    """

    config: Config
    file: Path | None
    sources: dict[str, Source]


def load_config(path: Path | None = None, *, environment: Mapping[str, str] | None = None) -> Config:
    """What :func:`load` reads, without where it comes from.

    Raises:
        InputError: see :func:`load`.
        HostError: likewise.
    """
    return load(path, environment=environment).config


def load(path: Path | None = None, *, environment: Mapping[str, str] | None = None) -> Loaded:
    """Read the configuration.

    Args:
        path: of the file; ``None``: what ``DEUTERON_CONFIG`` names, or the default place, where there
            need not be one.
        environment: ``DEUTERON_*``; by default the process's.

    Raises:
        InputError: ``no-config``, ``not-toml``, ``unknown-config-key`` or ``bad-config-value``.
        HostError: ``unsafe-file`` and its like: others could have written it; ``config-unusable``.
    """
    environment = os.environ if environment is None else environment
    file = path or _named(environment)
    required = file is not None
    if file is None and environment.get(VARIABLE) != "":
        file = default_file(environment)
    content = None if file is None else _content(file, required=required)
    written = {} if content is None else _parse(content, file)
    said = _of_environment(environment)
    config = _convert(written, file)
    for key, text in said.items():
        config = _said(config, key, text)
    sources: dict[str, Source] = {
        key.name: "environment" if key in said else "file" if _has(written, key.name) else "default"
        for key in keys()
    }
    return Loaded(
        config=config, file=None if content is None or file is None else absolute(file), sources=sources
    )


def default_file(environment: Mapping[str, str]) -> Path:
    """``/etc/deuteron/deuteron.toml`` for root, else below the user's ``$XDG_CONFIG_HOME``."""
    if os.geteuid() == 0:
        return Path("/etc/deuteron/deuteron.toml")
    home = environment.get("XDG_CONFIG_HOME", "")
    # The specification says to ignore a relative path.
    base = Path(home) if home.startswith("/") else Path.home().resolve() / ".config"
    return base / "deuteron" / "deuteron.toml"


def credential(name: str, environment: Mapping[str, str] | None = None) -> Path | None:
    """A secret that systemd hands over (``LoadCredential=``), ``None`` where it does not; systemd.exec(5)."""
    environment = os.environ if environment is None else environment
    directory = environment.get("CREDENTIALS_DIRECTORY", "")
    if not directory.startswith("/"):
        return None
    file = Path(directory) / name
    return file if os.path.lexists(file) else None


def _named(environment: Mapping[str, str]) -> Path | None:
    named = environment.get(VARIABLE, "")
    return Path(named) if named else None


def _content(file: Path, *, required: bool) -> bytes | None:
    try:
        return read_checked(file, Purpose.CONFIG)
    except FileNotFoundError:
        if not required:
            return None
        raise InputError(
            "no-config", f"{file}: there is no such file; write it, or name another one (--config FILE)"
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a path"
        raise HostError(
            "config-unusable",
            f"the configuration {file} cannot be read: {reason}; let this user read it (chmod 644), or"
            " name another one (--config FILE)",
        ) from error


def _parse(content: bytes, file: Path | None) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError("not-toml", f"{file}: this is not UTF-8 text, at octet {error.start}") from error
    except ValueError as error:  # TOMLDecodeError, and what int() says of thousands of digits
        raise InputError("not-toml", f"{file}: this is not TOML: {error}") from error
    except RecursionError as error:
        raise InputError(
            "not-toml", f"{file}: nested far too deep; a configuration has two levels"
        ) from error


def _convert(written: dict[str, Any], file: Path | None) -> Config:
    _known(written, Config, file, "")
    try:
        return msgspec.convert(written, Config, dec_hook=_path)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$.")
        name = place.rstrip("`")
        raise InputError("bad-config-value", f"{file}: {name}: {_plain(problem)}{_takes(name)}") from error


def _known(written: dict[str, Any], table: type[msgspec.Struct], file: Path | None, prefix: str) -> None:
    """Refuse a key that nobody reads."""
    fields = {field.name: field.type for field in msgspec.structs.fields(table)}
    for name, value in written.items():
        if name not in fields:
            raise _unknown(prefix + name, fields, file, prefix)
        of = get_args(fields[name])[0]
        if isinstance(value, dict) and isinstance(of, type) and issubclass(of, msgspec.Struct):
            _known(value, of, file, f"{prefix}{name}.")


def _unknown(name: str, fields: Mapping[str, object], file: Path | None, prefix: str) -> InputError:
    every = [key.name for key in keys()]
    near = get_close_matches(name, every, n=1, cutoff=0.6) or [
        one for one in every if one.rpartition(".")[2] == name.rpartition(".")[2]
    ]
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(prefix + one for one in fields)}"
    return InputError("unknown-config-key", f"{file}: unknown key {name!r}; {hint}")


def _of_environment(environment: Mapping[str, str]) -> dict[Key, str]:
    return {key: environment[key.environment] for key in keys() if environment.get(key.environment)}


def _said(config: Config, key: Key, text: str) -> Config:
    """The configuration with a value of the environment.

    A list's items stand apart by spaces; a path is from the working directory, as an option's is.
    """
    table, _, name = key.name.rpartition(".")
    value: object = text.split() if isinstance(key.default, tuple) else text
    if key.is_path:
        value = absolute(Path(text))
    within = getattr(config, table) if table else config
    document = {field: getattr(within, field) for field in within.__struct_fields__} | {name: value}
    try:
        text.encode()
        changed = msgspec.convert(document, type(within), strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        problem = str(error).partition(" - at `$.")[0]
        sentence = f"{key.environment}: {_plain(problem)}{_takes(key.name)}"
        raise InputError("bad-config-value", sentence) from error
    except UnicodeEncodeError as error:
        raise InputError("bad-config-value", f"{key.environment}: this is not UTF-8 text") from error
    return msgspec.structs.replace(config, **{table: changed}) if table else changed


def _path(of: type, value: object) -> object:
    """An absolute path: whose working directory it would be from is nobody's guess."""
    if of is not Path:
        raise NotImplementedError
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise ValueError("a path has to be absolute, like /etc/deuteron/policy.toml")
    return Path(value)


def _plain(problem: str) -> str:
    """What msgspec says, with TOML's words for a type."""
    words = {"`str`": "a text", "`int`": "a whole number", "`float`": "a number", "`array`": "a list"}
    words |= {"`object`": "a table", "`bool`": "true or false", "`null`": "nothing"}
    for word, ours in words.items():
        problem = problem.replace(word, ours)
    return problem[:1].lower() + problem[1:]


def _takes(name: str) -> str:
    """What the key's value may be, "" where a table was asked for."""
    types = [key.type for key in keys() if key.name == name.partition("[")[0]]
    return f"; it takes: {types[0]}" if types else ""


def _has(written: dict[str, Any], name: str) -> bool:
    table, _, key = name.rpartition(".")
    within = written.get(table, {}) if table else written
    return isinstance(within, dict) and key in within
