"""The two requests that are made of a Keystone: a token for ourselves, and whether one of a user is good."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import msgspec

from deuteron.errors import DeuteronError, HostError, InputError
from deuteron.files import Purpose, read_checked
from deuteron.identity.keystone_said import Said, read

#: Seconds for one request, from the wait for a connection to the last byte; and for one step of it.
_WHOLE: Final = 8.0
_STEP: Final = 4.0
_CONNECTIONS: Final = 16
_LARGEST: Final = 1 << 20

_OK: Final = 200
_CREATED: Final = 201
_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class Answered(Exception):  # noqa: N818 - carries the error that a person acts on
    """Keystone did not answer as it should.

    Args:
        reason: for whoever runs the service; names neither token nor user.
    """

    def __init__(self, reason: DeuteronError) -> None:
        super().__init__(reason.code)
        self.reason = reason


class Password(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service user's name and password."""

    username: _Text
    password: _Text
    project: _Text
    user_domain: _Text = "Default"
    project_domain: _Text = "Default"

    def __repr__(self) -> str:
        return "Password()"


class Application(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An application credential."""

    application_credential_id: _Text
    application_credential_secret: _Text

    def __repr__(self) -> str:
        return "Application()"


Credentials = Password | Application


class Client:
    """Speaks to one Keystone, by TLS that is verified.

    Args:
        url: of the Identity API, ``https://keystone.example:5000``; ``http`` on a loopback address alone.
        credentials: our own.
        ca: certificates that are trusted in place of the system's, PEM.

    Raises:
        InputError: ``bad-keystone-url``, ``bad-certificates``.
    """

    def __init__(self, url: str, credentials: Credentials, *, ca: bytes | None = None) -> None:
        self._tokens = f"{_base(url)}/auth/tokens"
        self._credentials = credentials
        self._verified = _verified(ca)
        self._http: httpx.AsyncClient | None = None
        self._ours = ""
        self._getting = asyncio.Lock()

    @classmethod
    def of_files(cls, url: str, credentials: Path, ca: Path | None = None) -> Client:
        """With credentials (mode 0600) and certificates from files.

        Raises:
            InputError: ``bad-credentials-file``, and as the class.
            HostError: ``unsafe-file`` and its like; ``unreadable-file``.
        """
        trusted = None if ca is None else _content(ca, Purpose.CONFIG)
        return cls(url, _credentials(credentials), ca=trusted)

    async def validate(self, token: str) -> Said | None:
        """What Keystone says of a user's token; ``None`` where it is none.

        Raises:
            Answered: Keystone cannot be asked, or does not know us.
        """
        for _ in range(2):  # our own token may have ended
            ours = await self._own()
            headers = {"X-Auth-Token": ours, "X-Subject-Token": token}
            status, content, _given = await self._send("GET", f"{self._tokens}?nocatalog=1", headers)
            if status == _OK:
                return _said(content)
            if status == _NOT_FOUND:
                return None
            if status != _UNAUTHORIZED:
                raise _unexpected(status)
            if self._ours == ours:
                self._ours = ""
        raise _refused()

    async def close(self) -> None:
        """Let go of the connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _own(self) -> str:
        """Our token, got once however many wait for it."""
        async with self._getting:
            if not self._ours:
                body = msgspec.json.encode(_body(self._credentials))
                headers = {"Content-Type": "application/json"}
                status, _content, given = await self._send("POST", self._tokens, headers, body)
                if status == _UNAUTHORIZED:
                    raise _refused()
                if status != _CREATED or not given:
                    raise _unexpected(status)
                self._ours = given
            return self._ours

    async def _send(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None = None
    ) -> tuple[int, bytes, str]:
        """Status, body, and the token that an answer gives."""
        if self._http is None:
            self._http = _http(self._verified)
        try:
            async with (
                asyncio.timeout(_WHOLE),
                self._http.stream(method, url, headers=headers, content=body) as answer,
            ):
                return answer.status_code, await _body_of(answer), answer.headers.get("x-subject-token", "")
        except (httpx.HTTPError, TimeoutError, ssl.SSLError) as error:
            # Without its cause: it may hold the request, and that the tokens.
            raise _unreachable(error) from None


def _http(verified: ssl.SSLContext) -> httpx.AsyncClient:
    """No proxy, ``.netrc`` or certificate of the environment's, and no redirect, gets hold of a token."""
    return httpx.AsyncClient(
        verify=verified,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(_STEP),
        limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "deuteron"},
    )


async def _body_of(answer: httpx.Response) -> bytes:
    """The body as it is sent: nothing is unpacked, so it is not larger than it looks."""
    content = bytearray()
    async for piece in answer.aiter_raw():
        content += piece
        if len(content) > _LARGEST:
            raise Answered(HostError("keystone-answer", "Keystone's answer is larger than any; is it one?"))
    return bytes(content)


def _said(content: bytes) -> Said:
    try:
        return read(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Answered(
            HostError("keystone-answer", "what answers in Keystone's place is none; correct its URL")
        ) from None


def _body(credentials: Credentials) -> dict[str, Any]:
    """``POST /v3/auth/tokens``."""
    if isinstance(credentials, Application):
        secret = {
            "id": credentials.application_credential_id,
            "secret": credentials.application_credential_secret,
        }
        identity = {"methods": ["application_credential"], "application_credential": secret}
        return {"auth": {"identity": identity}}
    user = {
        "name": credentials.username,
        "domain": {"name": credentials.user_domain},
        "password": credentials.password,
    }
    project = {"name": credentials.project, "domain": {"name": credentials.project_domain}}
    return {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": project},
        }
    }


def _base(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InputError(
            "bad-keystone-url", f"{url} is no URL; write https://keystone.example:5000"
        ) from error
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo or parsed.query:
        raise InputError(
            "bad-keystone-url", "Keystone's URL has a scheme, a host and a path, and nothing else"
        )
    if parsed.scheme == "http" and not _loopback(parsed.host):
        raise InputError(
            "bad-keystone-url", f"{url}: tokens and a password would pass in the clear; take https, with --ca"
        )
    base = url.rstrip("/")
    return base if base.endswith("/v3") else f"{base}/v3"


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _verified(ca: bytes | None) -> ssl.SSLContext:
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # with verification of certificate and name
        if ca is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(cadata=ca.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
        raise InputError("bad-certificates", "the file of trusted certificates is no PEM; mend it") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _content(path: Path, what: Purpose) -> bytes:
    try:
        return read_checked(path, what)
    except OSError as error:
        raise HostError(
            "unreadable-file", f"{path} cannot be read: {error.strerror}; put it there"
        ) from error


def _credentials(path: Path) -> Credentials:
    """Of a TOML file.  What a parser says of it may quote it, and is not passed on."""
    content = _content(path, Purpose.SECRET)
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.toml.decode(content, type=Password)
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.toml.decode(content, type=Application)
    raise InputError(
        "bad-credentials-file",
        f"{path}: it has to have username, password and project, and user_domain and project_domain where"
        " they are not Default; or application_credential_id and application_credential_secret",
    )


def _unreachable(error: Exception) -> Answered:
    what = "has no certificate that is trusted" if _is_tls(error) else "cannot be reached"
    why = f"Keystone {what} ({type(error).__name__}); look at its URL and at it"
    return Answered(HostError("keystone-unreachable", why))


def _is_tls(error: BaseException | None) -> bool:
    """Whether a certificate is behind it; at most as many causes are looked at as libraries stack."""
    for _ in range(8):
        if error is None:
            return False
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _unexpected(status: int) -> Answered:
    return Answered(HostError("keystone-answer", f"Keystone answered {status}; look at its log"))


def _refused() -> Answered:
    return Answered(
        HostError(
            "keystone-refused", "Keystone does not take our credentials; correct the file that has them"
        )
    )
