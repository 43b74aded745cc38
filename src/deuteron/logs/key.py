"""The keys of the pseudonyms: a file of mode 0600, made on first use, never sent anywhere.

The newest key names things; older ones are kept with their dates, so that a log of last month
can still be read by who may.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from deuteron.edge import crossing
from deuteron.errors import HostError
from deuteron.files import Purpose, check_directory, read_checked, replace
from deuteron.logs.pseudonym import Pseudonyms

#: In the state directory, where the configuration names no other place.
KEY_FILE: Final = "log.key"
_OCTETS: Final = 32


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key.

    Attributes:
        made: when, UTC; it is in use from then until the next one is made.
        secret: 32 octets.
    """

    made: datetime
    secret: bytes

    def __repr__(self) -> str:
        return f"<key of {self.made:%Y-%m-%d}>"

    @property
    def pseudonyms(self) -> Pseudonyms:
        """What things are called under this key."""
        return Pseudonyms(self.secret)


class Keys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key file holds.

    Attributes:
        keys: the oldest first; never empty in a file.
    """

    keys: tuple[Key, ...]
    version: int = 1

    @property
    def current(self) -> Key:
        """The one in use."""
        return self.keys[-1]

    @property
    def pseudonyms(self) -> Pseudonyms:
        """What things are called now."""
        return self.current.pseudonyms


def _now() -> datetime:
    return datetime.now(UTC)


def keys_in(path: Path, *, clock: Callable[[], datetime] = _now) -> Keys:
    """The keys; the first one is made where the file is not there.

    Raises:
        HostError: ``key-unusable``, or the file is not safe to use.
    """
    there = read_keys(path)
    if there is not None:
        return there
    with _alone(path):
        # Somebody may have made it meanwhile, and named things by it.
        there = read_keys(path)
        return there if there is not None else _write(path, _with_new(Keys(keys=()), clock()))


def rotate(path: Path, *, clock: Callable[[], datetime] = _now) -> Keys:
    """Name things by a new key from now on; the old ones are kept.

    Raises:
        HostError: ``key-unusable``, or the file is not safe to use.
    """
    with _alone(path):
        return _write(path, _with_new(read_keys(path) or Keys(keys=()), clock()))


def read_keys(path: Path, what: Purpose = Purpose.SECRET, *, owner: int | None = None) -> Keys | None:
    """The keys that are there, ``None`` where there are none yet; nothing is made.

    Args:
        path: of the key file.
        what: ``CREDENTIAL`` where a service manager hands it over.
        owner: another user whose file is accepted, where root looks: the API's.

    Raises:
        HostError: ``key-unusable``, or the file is not safe to use.
    """
    with _usable(path):
        content = _read(path, what, owner)
        if content is None:
            return None
        found = msgspec.json.decode(content, type=Keys)
        if not found.keys or any(len(key.secret) != _OCTETS for key in found.keys):
            raise ValueError("a key is missing or short")
        return found


def _with_new(before: Keys, now: datetime) -> Keys:
    return Keys(keys=(*before.keys, Key(made=now, secret=secrets.token_bytes(_OCTETS))))


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unusable(path, error.strerror or "refused") from error
    except (ValueError, RecursionError) as error:
        # Not the sentence of the decoder: it may quote.
        raise _unusable(path, "it does not hold what a key file holds") from error


def _unusable(path: Path, why: str) -> HostError:
    message = (
        f"the key file {path} cannot be used ({why}); restore it, or move it away to have a new one made:"
        " pseudonyms of before can then not be told any more"
    )
    return HostError("key-unusable", message)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """No other process makes a key here meanwhile: the lock is on the directory, and nothing is left."""
    with _usable(path):
        check_directory(path.parent, make=True)
        with crossing("file.open"):
            descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with _usable(path), crossing("lock.take"):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, keys: Keys) -> Keys:
    with _usable(path):
        replace(path, msgspec.json.encode(keys), Purpose.SECRET)
    return keys


def _read(path: Path, what: Purpose, owner: int | None) -> bytes | None:
    try:
        return read_checked(path, what, owner=owner)
    except FileNotFoundError:
        return None
