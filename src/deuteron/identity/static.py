"""Tokens that stand in a file, as hashes.

.. code-block:: toml

    [[token]]
    sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # of the token
    user = "alice"
    project = "6f70656e737461636b0000000000beef"
    roles = ["member", "reader"]
    expires = 2027-01-01T00:00:00Z                                                # if it does
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec

from deuteron.errors import DeuteronError, InputError
from deuteron.files import Purpose
from deuteron.identity.caller import Caller
from deuteron.identity.tokens import digest, token_of
from deuteron.identity.watched import Watched
from deuteron.resources.refusal import Unauthorized

#: How many a file may have: each is compared for each request, so that time tells nothing.
MOST: Final = 1000

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of the file.

    Attributes:
        sha256: of the token, in hexadecimal.
        user: its id.
        project: id of the project that the token is for.
        roles: of the user in the project.
        expires: when it is good for nothing any more; ``None`` for never.
    """

    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    user: _Name
    project: _Name
    roles: tuple[_Name, ...] = ()
    expires: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class _Tokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: tuple[Token, ...] = ()


class StaticTokens:
    """Knows the tokens of a file; a change of it holds from the next request on.

    Where a change is not acceptable, what the file said before still holds; without a file nobody gets in.

    Args:
        path: of the file; its owner's alone (mode 0600).
        now: the time.
        trouble: told, once, that a changed file is not acceptable.

    Raises:
        InputError: ``bad-token-file``.
        HostError: ``unsafe-file`` and its like; ``unreadable-file``.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        trouble: Callable[[DeuteronError], None] | None = None,
    ) -> None:
        self._file = Watched(path, Purpose.SECRET, _read)
        self._now = now
        self._trouble = trouble

    async def caller(self, headers: Mapping[str, str]) -> Caller:
        """Whose the token is.

        Raises:
            Unauthorized: nobody's, or not any more.
        """
        given = digest(token_of(headers))
        if self._file.look() and self._file.trouble is not None and self._trouble is not None:
            self._trouble(self._file.trouble)
        found = self._found(given)
        if found is None or (found.expires is not None and found.expires <= self._now()):
            raise Unauthorized()
        roles = frozenset(found.roles)
        return Caller(found.user, found.project, roles, is_admin="admin" in {one.lower() for one in roles})

    async def close(self) -> None:
        """Nothing is open."""

    def _found(self, given: bytes) -> Token | None:
        """All entries are gone through, whichever it is."""
        found = None
        trouble = self._file.trouble
        known = () if trouble is not None and trouble.code == "unreadable-file" else self._file.value
        for sha256, token in known:
            if hmac.compare_digest(sha256, given):
                found = token
        return found


def new_token() -> tuple[str, str]:
    """A token that nobody can guess, and its hash for the file."""
    token = secrets.token_urlsafe(32)
    return token, digest(token).hex()


def written(tokens: tuple[Token, ...]) -> bytes:
    """The file that says these."""
    return b"\n".join(_entry(one) for one in tokens)


def _entry(one: Token) -> bytes:
    lines = [
        "[[token]]",
        f'sha256 = "{one.sha256}"',
        f"user = {_quoted(one.user)}",
        f"project = {_quoted(one.project)}",
        f"roles = [{', '.join(map(_quoted, one.roles))}]",
    ]
    if one.expires is not None:
        lines.append(f"expires = {one.expires.isoformat()}")
    return ("\n".join(lines) + "\n").encode()


def _quoted(text: str) -> str:
    """A basic string of TOML; JSON's are, but for one character."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def _why(error: Exception) -> str:
    """What is wrong, without the words of the file: one of them may be a token."""
    if not isinstance(error, msgspec.ValidationError):
        return "it is not TOML in UTF-8"
    problem, _, place = str(error).partition(" - at ")
    return f"a key that none has, at {place or '`$`'}" if "unknown field" in problem else str(error)


def _read(path: Path, content: bytes) -> tuple[tuple[bytes, Token], ...]:
    try:
        tokens = msgspec.toml.decode(content, type=_Tokens).token
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            "bad-token-file", f"{path}: this is no file of tokens: {_why(error)}; mend it"
        ) from None
    if len(tokens) > MOST:
        raise InputError("bad-token-file", f"{path}: over {MOST} tokens; take Keystone for so many users")
    known = {one.sha256 for one in tokens}
    if len(known) != len(tokens):
        raise InputError("bad-token-file", f"{path}: one token stands there twice; keep one of its entries")
    return tuple((bytes.fromhex(one.sha256), one) for one in tokens)
