"""Every path that the configuration leads to: who could change or read what is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from deuteron.config.model import Config
from deuteron.config.read import credential
from deuteron.errors import DeuteronError, HostError
from deuteron.files import Purpose, check, check_directory

#: What is in a state directory, and what each is for; what is not there is not looked at.
STATE_FILES: Final = (
    ("state.sqlite", Purpose.STATE),
    ("state.sqlite-wal", Purpose.STATE),
    ("state.sqlite-shm", Purpose.STATE),
    ("lock", Purpose.LOCK),
    ("log.key", Purpose.SECRET),
)
#: And in the directory below ``/run``.
RUN_FILES: Final = (("host.lock", Purpose.LOCK), ("owner.json", Purpose.STATE))


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A path that was looked at.

    Attributes:
        path: it.
        what: it is for, in words.
        trouble: why it is refused, ``None`` where it is not.
    """

    path: Path
    what: str
    trouble: DeuteronError | None


def check_paths(
    config: Config, *, config_file: Path | None, state_dir: Path, run_dir: Path
) -> tuple[Checked, ...]:
    """Look at every path; nothing is made, and what is not there yet is no trouble.

    Args:
        config: what names them.
        config_file: where it was read, ``None`` where it was not.
        state_dir: the state directory.
        run_dir: where it stands who programs this host.
    """
    return tuple(_paths(config, config_file, state_dir, run_dir))


def unsafe(checked: tuple[Checked, ...]) -> HostError | None:
    """The first refusal as the one error of all, ``None`` where there is none."""
    troubles = [one.trouble for one in checked if one.trouble is not None]
    if not troubles:
        return None
    more = f" (and {len(troubles) - 1} more: deuteron config check)" if len(troubles) > 1 else ""
    return HostError(troubles[0].code, f"{troubles[0].message}{more}")


def key_file(config: Config, state_dir: Path) -> tuple[Path, Purpose]:
    """Where the key of the pseudonyms is: the key's own place, a credential, or the state directory."""
    if config.log.key_file is not None:
        return config.log.key_file, Purpose.SECRET
    handed = credential("log.key")
    if handed is not None:
        return handed, Purpose.CREDENTIAL
    return state_dir / "log.key", Purpose.SECRET


def _paths(config: Config, config_file: Path | None, state_dir: Path, run_dir: Path) -> Iterator[Checked]:
    yield from _file(config_file, Purpose.CONFIG)
    yield from _file(config.policy, Purpose.CONFIG)
    yield from _file(config.audit.baseline, Purpose.CONFIG)
    yield from _file(config.api.policy, Purpose.CONFIG)
    yield from _file(config.api.keystone_ca, Purpose.CONFIG)
    yield from _file(config.log.file, Purpose.LOG)
    for directory, files in ((state_dir, STATE_FILES), (run_dir, RUN_FILES)):
        found = tuple(_directory(directory))
        yield from found
        if all(one.trouble is None for one in found):  # else every file in it has the same to say
            for name, what in files:
                yield from _file(directory / name, what)
    key, what = key_file(config, state_dir)
    if key != state_dir / "log.key":
        yield from _file(key, what)


def _file(path: Path | None, what: Purpose) -> Iterator[Checked]:
    if path is None:
        return
    try:
        check(path, what)
    except FileNotFoundError:
        return
    except HostError as trouble:
        yield Checked(path=path, what=what.value.name, trouble=trouble)
    except OSError as error:
        yield Checked(path=path, what=what.value.name, trouble=_unreachable(path, what, error))
    else:
        yield Checked(path=path, what=what.value.name, trouble=None)


def _directory(path: Path) -> Iterator[Checked]:
    try:
        check_directory(path)
    except FileNotFoundError:
        return
    except HostError as trouble:
        yield Checked(path=path, what="directory", trouble=trouble)
    except OSError as error:
        yield Checked(path=path, what="directory", trouble=_unreachable(path, Purpose.DIRECTORY, error))
    else:
        yield Checked(path=path, what="directory", trouble=None)


def _unreachable(path: Path, what: Purpose, error: OSError) -> HostError:
    return HostError(
        "config-unusable",
        f"the {what.value.name} {path} cannot be looked at: {error.strerror}; run as its owner,"
        " or name another path",
    )
