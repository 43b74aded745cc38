"""Tokens of Keystone: who they let in, how often one is asked, and what happens when it does not answer."""

from __future__ import annotations

import asyncio
import datetime
import gc
import ipaddress
import logging
import ssl
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deuteron.errors import DeuteronError, HostError, InputError
from deuteron.identity.caller import Caller
from deuteron.identity.keystone import Keystone
from deuteron.identity.keystone_client import Client, Password
from deuteron.resources.refusal import Refusal
from tests.identity.keystone_stand_in import SERVICE, StandIn, token

OURS = Password(username=SERVICE["username"], password=SERVICE["password"], project=SERVICE["project"])
CANARY = "canary-token-7f3a"


def given(one: str = CANARY, **more: str) -> dict[str, str]:
    return {"x-auth-token": one, **more}


def with_keystone(
    test: Callable[[StandIn, Keystone], Awaitable[None]], *, credentials: Password = OURS, **options: Any
) -> None:
    async def run() -> None:
        async with StandIn() as server:
            server.tokens[CANARY] = token()
            keystone = Keystone(Client(server.url, credentials), **options)
            try:
                await test(server, keystone)
            finally:
                await keystone.close()

    asyncio.run(run())


async def refused(keystone: Keystone, headers: dict[str, str]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await keystone.caller(headers)
    return caught.value


async def _asked(server: StandIn) -> None:
    async with asyncio.timeout(10):
        while not server.asked:
            await asyncio.sleep(0)


def test_a_good_token_is_its_users() -> None:
    async def test(_server: StandIn, keystone: Keystone) -> None:
        assert await keystone.caller(given()) == Caller(
            "u-alice",
            "blue",
            frozenset({"member", "reader"}),
            user_domain_id="default",
            project_domain_id="default",
        )

    with_keystone(test)


@pytest.mark.parametrize("one", ["", "unknown", "a b", "t\x00", "é", "x" * 8193])
def test_anything_else_is_nobodys(one: str) -> None:
    async def test(server: StandIn, keystone: Keystone) -> None:
        assert (await refused(keystone, given(one))).status == 401
        assert set(server.asked) <= {"POST", "GET unknown"}

    with_keystone(test)


def test_no_token_is_nobodys_and_nobody_is_asked() -> None:
    async def test(server: StandIn, keystone: Keystone) -> None:
        problem = await refused(keystone, {})
        assert (problem.status, problem.message) == (
            401,
            "The request you have made requires authentication.",
        )
        assert not server.asked

    with_keystone(test)


def test_one_request_is_made_for_a_token_however_many_bring_it() -> None:
    async def test(server: StandIn, keystone: Keystone) -> None:
        server.open.clear()
        all_of_them = asyncio.gather(*(keystone.caller(given()) for _ in range(50)))
        await _asked(server)
        server.open.set()
        assert {one.user_id for one in await all_of_them} == {"u-alice"}
        await keystone.caller(given())
        assert server.asked == {"POST": 1, f"GET {CANARY}": 1}

    with_keystone(test)


def test_who_goes_away_takes_the_answer_from_nobody() -> None:
    async def test(server: StandIn, keystone: Keystone) -> None:
        server.open.clear()
        first = asyncio.ensure_future(keystone.caller(given()))
        second = asyncio.ensure_future(keystone.caller(given()))
        await _asked(server)
        first.cancel()
        server.open.set()
        assert (await second).user_id == "u-alice"
        assert server.asked[f"GET {CANARY}"] == 1

    with_keystone(test)


def test_a_revoked_token_is_refused_once_what_is_remembered_has_ended() -> None:
    async def test(server: StandIn, keystone: Keystone) -> None:
        await keystone.caller(given())
        del server.tokens[CANARY]
        assert (await refused(keystone, given())).status == 401

    with_keystone(test, remembered=0.0)


def test_a_token_that_has_ended_is_refused_whatever_is_remembered() -> None:
    now = [0.0]

    async def test(server: StandIn, keystone: Keystone) -> None:
        server.tokens[CANARY] = token(expires_at="1970-01-01T00:01:40.000000Z")
        now[0] = 99.0
        await keystone.caller(given())
        now[0] = 100.0
        assert (await refused(keystone, given())).status == 401
        assert server.asked[f"GET {CANARY}"] == 1

    with_keystone(test, now=lambda: now[0])


def test_tokens_that_are_made_up_drive_out_nobodys_good_one_and_fill_no_memory() -> None:
    async def test(server: StandIn, keystone: Keystone) -> None:
        await keystone.caller(given())
        for number in range(30):
            await refused(keystone, given(f"made-up-{number}"))
        await refused(keystone, given("made-up-29"))
        await keystone.caller(given())
        assert server.asked[f"GET {CANARY}"] == 1
        assert server.asked["GET made-up-29"] == 1
        assert len(keystone._known) == 11

    with_keystone(test, most=10)


def test_our_own_token_is_got_again_when_it_has_ended() -> None:
    async def test(server: StandIn, keystone: Keystone) -> None:
        await keystone.caller(given())
        server.ours.clear()
        server.tokens["second"] = token("red")
        assert (await keystone.caller(given("second"))).project_id == "red"
        assert server.asked["POST"] == 2

    with_keystone(test)


def test_a_services_roles_are_those_of_its_own_token() -> None:
    async def test(server: StandIn, keystone: Keystone) -> None:
        server.tokens["of-nova"] = token("service", "service")
        caller = await keystone.caller(given(**{"x-service-token": "of-nova"}))
        assert caller.roles == {"member", "reader"}
        assert caller.service_roles == {"service"}
        assert (await refused(keystone, given(**{"x-service-token": "made-up"}))).status == 401

    with_keystone(test)


def test_tokens_for_a_domain_and_for_the_system_are_for_no_project() -> None:
    async def test(server: StandIn, keystone: Keystone) -> None:
        server.tokens["system"] = token("", project=None, system={"all": True})
        server.tokens["domain"] = token("", project=None, domain={"id": "d"})
        assert (await keystone.caller(given("system"))).scope == "system"
        domain = await keystone.caller(given("domain"))
        assert (domain.scope, domain.domain_id, domain.project_id) == ("domain", "d", "")

    with_keystone(test)


ANSWERS = {
    "an error": b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    "a redirect": b"HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "no HTTP": b"220 mail.example ESMTP\r\n\r\n",
    "nothing": b"",
    "no JSON": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{]",
    "no token": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "far too much": b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b" " * 2_000_000,
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=list(ANSWERS))
def test_where_keystone_does_not_answer_as_one_it_is_a_503_and_told_once(answer: bytes) -> None:
    told: list[DeuteronError] = []

    async def test(server: StandIn, keystone: Keystone) -> None:
        server.tokens["first"] = token()
        await keystone.caller(given("first"))  # so that we have a token of our own
        server.instead = answer
        if not answer:
            server._server.close()
            server.instead = b"HTTP/1.1 500 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        for _ in range(2):
            problem = await refused(keystone, given())
            assert (problem.status, problem.type) == (503, "ServiceUnavailable")
            assert problem.message == "The Keystone service is temporarily unavailable."
        assert [one.code for one in told] in (["keystone-answer"], ["keystone-unreachable"])
        assert (await keystone.caller(given("first"))).user_id == "u-alice"  # remembered

    with_keystone(test, trouble=told.append)


def test_an_unreachable_keystone_is_a_503_and_what_is_good_again_is_let_in() -> None:
    async def test() -> None:
        async with StandIn() as server:
            url = server.url
        keystone = Keystone(Client(url, OURS))
        assert (await refused(keystone, given())).status == 503
        await keystone.close()

    asyncio.run(test())


def test_credentials_that_keystone_does_not_take_are_told() -> None:
    told: list[DeuteronError] = []

    async def test(_server: StandIn, keystone: Keystone) -> None:
        assert (await refused(keystone, given())).status == 503
        assert [one.code for one in told] == ["keystone-refused"]

    wrong = Password(username="deuteron", password="wrong", project="service")
    with_keystone(test, credentials=wrong, trouble=told.append)


@pytest.mark.parametrize("what", ["unknown", "unavailable"])
def test_no_error_log_or_traceback_has_the_token(what: str, caplog: pytest.LogCaptureFixture) -> None:
    async def test(server: StandIn, keystone: Keystone) -> None:
        server.tokens.clear()
        if what == "unavailable":
            server._server.close()
            server.instead = ANSWERS["an error"]
        with pytest.raises(Refusal) as caught:
            await keystone.caller(given())
        told = [
            *traceback.TracebackException.from_exception(caught.value).format(),
            repr(keystone),
            repr(OURS),
        ]
        assert CANARY not in "".join(told)
        assert SERVICE["password"] not in "".join(told)

    with caplog.at_level(logging.INFO):
        with_keystone(test)
    assert CANARY not in caplog.text


def test_nothing_that_stays_has_the_token_in_the_clear() -> None:
    async def test(server: StandIn, keystone: Keystone) -> None:
        server.tokens[CANARY] = token()
        await keystone.caller(given())
        server.tokens.clear()
        assert CANARY not in repr([vars(keystone), keystone._known._kept, keystone._known._coming])
        kept = keystone._known._kept
        gc.collect()
        assert all(len(key) == 32 for one in kept for key in one)

    with_keystone(test)


# -- TLS ---------------------------------------------------------------------------------------------------


def _certificate(directory: Path, name: str) -> tuple[ssl.SSLContext, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "keystone")])
    now = datetime.datetime.now(datetime.UTC)
    alternative = x509.IPAddress(ipaddress.ip_address(name))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "cert").write_bytes(pem)
    (directory / "key").write_bytes(secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "cert", directory / "key")
    return context, pem


@pytest.mark.parametrize(
    ("name", "trusted", "let_in"),
    [("127.0.0.1", True, True), ("127.0.0.1", False, False), ("127.0.0.2", True, False)],
    ids=["good", "nobody's we trust", "another's name"],
)
def test_a_keystone_is_trusted_by_its_certificate(
    tmp_path: Path, name: str, trusted: bool, let_in: bool
) -> None:
    context, pem = _certificate(tmp_path, name)
    told: list[DeuteronError] = []

    async def test() -> None:
        async with StandIn(context) as server:
            server.tokens[CANARY] = token()
            keystone = Keystone(Client(server.url, OURS, ca=pem if trusted else None), trouble=told.append)
            if let_in:
                assert (await keystone.caller(given())).user_id == "u-alice"
            else:
                assert (await refused(keystone, given())).status == 503
                assert "no certificate that is trusted" in told[0].message
                assert not server.asked
            await keystone.close()

    asyncio.run(test())


def test_the_environment_redirects_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert httpx.Client().trust_env

    async def test(_server: StandIn, keystone: Keystone) -> None:
        assert (await keystone.caller(given())).user_id == "u-alice"

    with_keystone(test)


# -- what it is given --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://keystone.example:5000",
            "http://192.0.2.1:5000",
            "ftp://127.0.0.1",
            "127.0.0.1:5000",
            "https://",
        ),
        *("https://user:secret@keystone.example", "https://keystone.example/?x=1", "http://localhost:5000"),
    ],
)
def test_a_url_that_would_show_tokens_or_is_none_is_refused(url: str) -> None:
    with pytest.raises(InputError) as problem:
        Client(url, OURS)
    assert problem.value.code == "bad-keystone-url"
    assert "secret" not in problem.value.message


@pytest.mark.parametrize("content", [b"", b"no certificate"])
def test_certificates_that_are_none_are_refused(content: bytes) -> None:
    with pytest.raises(InputError) as problem:
        Client("https://keystone.example", OURS, ca=content)
    assert problem.value.code == "bad-certificates"


def _file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    "text",
    [
        'username = "n"\npassword = "p"\nproject = "service"\n',
        'application_credential_id = "i"\napplication_credential_secret = "s"\n',
    ],
)
def test_credentials_are_a_password_or_an_application_credential(tmp_path: Path, text: str) -> None:
    Client.of_files("https://keystone.example", _file(tmp_path / "c.toml", text))


@pytest.mark.parametrize("text", ["", 'password = "canary"', "canary", 'username = "canary"\nx = 1'])
def test_credentials_that_are_none_are_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as problem:
        Client.of_files("https://keystone.example", _file(tmp_path / "c.toml", text))
    assert problem.value.code == "bad-credentials-file"
    assert "canary" not in problem.value.message


def test_credentials_that_others_may_read_are_refused(tmp_path: Path) -> None:
    path = _file(tmp_path / "c.toml", 'username = "n"\npassword = "p"\nproject = "service"\n', 0o644)
    with pytest.raises(HostError) as problem:
        Client.of_files("https://keystone.example", path)
    assert problem.value.code == "unsafe-file"
