"""Tokens in a file: who they let in, until when, and what nobody gets to see."""

from __future__ import annotations

import asyncio
import hmac
import traceback
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deuteron.errors import DeuteronError, HostError, InputError
from deuteron.identity.static import StaticTokens, Token, _read, new_token, written
from deuteron.identity.tokens import digest
from deuteron.resources.refusal import Refusal

CANARY = "canary-token-91c4"


def entry(token: str = CANARY, user: str = "alice", **more: object) -> Token:
    return Token(sha256=digest(token).hex(), user=user, project="blue", roles=("member",), **more)  # type: ignore[arg-type]  # one optional field


def put(path: Path, *tokens: Token) -> Path:
    path.write_bytes(written(tokens))
    path.chmod(0o600)
    return path


def status(tokens: StaticTokens, token: str = CANARY) -> int:
    try:
        asyncio.run(tokens.caller({"x-auth-token": token}))
    except Refusal as refusal:
        return refusal.status
    return 200


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return put(tmp_path / "tokens.toml", entry(), entry("other", "bob"))


def test_a_token_is_its_users(file: Path) -> None:
    caller = asyncio.run(StaticTokens(file).caller({"x-auth-token": CANARY}))
    assert (caller.user_id, caller.project_id) == ("alice", "blue")
    assert caller.roles == {"member"}
    assert not caller.is_admin


@pytest.mark.parametrize("token", ["", "canary", CANARY + "x", CANARY.upper(), digest(CANARY).hex(), "é"])
def test_anything_else_is_nobodys(file: Path, token: str) -> None:
    assert status(StaticTokens(file), token) == 401


def test_a_token_ends_when_it_says(tmp_path: Path) -> None:
    end = datetime(2026, 1, 1, tzinfo=UTC)
    now = [datetime(2025, 12, 31, tzinfo=UTC)]
    tokens = StaticTokens(put(tmp_path / "t", entry(expires=end)), now=lambda: now[0])
    assert status(tokens) == 200
    now[0] = end
    assert status(tokens) == 401


def test_a_token_that_is_taken_out_is_refused_at_once(file: Path) -> None:
    tokens = StaticTokens(file)
    assert status(tokens) == 200
    put(file, entry("other", "bob"))
    assert (status(tokens), status(tokens, "other")) == (401, 200)


def test_without_the_file_nobody_is_let_in_and_it_is_told_once(file: Path) -> None:
    told: list[DeuteronError] = []
    tokens = StaticTokens(file, trouble=told.append)
    file.unlink()
    assert [status(tokens) for _ in range(3)] == [401] * 3
    assert [one.code for one in told] == ["unreadable-file"]


def test_what_held_before_holds_where_a_change_is_not_acceptable(file: Path) -> None:
    told: list[DeuteronError] = []
    tokens = StaticTokens(file, trouble=told.append)
    file.write_text("[[token]")
    assert status(tokens) == 200
    assert [one.code for one in told] == ["bad-token-file"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(HostError) as refused:
        StaticTokens(file)
    assert refused.value.code == "unsafe-file"


@pytest.mark.parametrize(
    "text",
    [
        CANARY,
        f'[[token]]\n{CANARY} = "x"',
        f'[[token]]\nsha256 = "{CANARY}"\nuser = "a"\nproject = "b"',
        f'"{CANARY}" = 1',
        "[[token]]\n",
        "token = 7",
        '[[token]]\nuser = "a"\nproject = "b"\nroles = [7]\nsha256 = "' + "a" * 64 + '"',
        '[[token]]\nuser = "a"\nproject = "b"\nsha256 = "' + "a" * 64 + '"\nexpires = 2026-01-01T00:00:00\n',
        written((entry(), entry(user="bob"))).decode(),
    ],
)
def test_a_file_that_is_not_acceptable_is_refused_and_not_repeated(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(InputError) as refused:
        StaticTokens(file)
    assert refused.value.code == "bad-token-file"
    assert CANARY not in "".join(traceback.format_exception(refused.value))


def test_every_entry_is_compared_in_constant_time(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[object] = []

    def counted(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return real(one, other)

    real = hmac.compare_digest
    tokens = StaticTokens(file)
    monkeypatch.setattr("deuteron.identity.static.hmac.compare_digest", counted)
    for token in (CANARY, "other", "unknown"):
        compared.clear()
        status(tokens, token)
        assert len(compared) == 2


def test_no_refusal_and_nothing_kept_has_the_token(file: Path) -> None:
    tokens = StaticTokens(file)
    file.unlink()
    with pytest.raises(Refusal) as refused:
        asyncio.run(tokens.caller({"x-auth-token": CANARY}))
    assert CANARY not in "".join(traceback.format_exception(refused.value))
    assert CANARY not in repr([vars(tokens), vars(tokens._file)])


def test_a_new_token_is_one_that_the_file_knows_by_its_hash(tmp_path: Path) -> None:
    token, sha256 = new_token()
    path = put(tmp_path / "t", Token(sha256=sha256, user="u", project="p", roles=("admin",)))
    assert asyncio.run(StaticTokens(path).caller({"x-auth-token": token})).is_admin
    assert token.encode() not in path.read_bytes()
    assert new_token()[0] != token


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(st.lists(st.tuples(names, names, st.lists(names, max_size=3)), max_size=4))
def test_what_is_written_reads_as_it_was(said: list[tuple[str, str, list[str]]]) -> None:
    tokens = tuple(
        Token(
            sha256=digest(str(number)).hex(),
            user=user,
            project=project,
            roles=tuple(roles),
            expires=datetime(2027, 1, 1, tzinfo=UTC) if number else None,
        )
        for number, (user, project, roles) in enumerate(said)
    )
    assert tuple(one for _, one in _read(Path("t"), written(tokens))) == tokens
