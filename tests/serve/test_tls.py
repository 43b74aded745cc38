"""Where others reach the API it speaks TLS, with a key that is root's alone; or it does not begin."""

from __future__ import annotations

import datetime
import os
import signal
import ssl
from collections.abc import Iterator
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cli.command import Deuteron, Site
from tests.serve.running import serving
from tests.support.reach import python_within_reach
from tests.support.sandbox import Host
from tests.support.users import needs_every_user

pytestmark = pytest.mark.kernel


@pytest.fixture
def site(host: Host) -> Iterator[Site]:
    place = Path("/run/t")
    place.mkdir(mode=0o755)
    with python_within_reach():
        yield Site(host, Deuteron(place / "state"), place)


def certificate(place: Path) -> tuple[Path, Path]:
    """One of 127.0.0.1 that it has signed itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "deuteron")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = place / "api.crt", place / "api.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    private.chmod(0o600)
    return public, private


def tls(public: Path, private: Path) -> dict[str, Any]:
    return {"DEUTERON_API_TLS_CERTIFICATE": str(public), "DEUTERON_API_TLS_KEY_FILE": str(private)}


def test_a_client_that_knows_the_certificate_is_served_and_no_other(site: Site) -> None:
    public, private = certificate(site.folder)
    with serving(site.run, site.folder, **tls(public, private)) as serve:
        url = serve.said["listen"]
        assert url.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=str(public))
        with httpx.Client(verify=trusted, trust_env=False) as client:
            answer = client.get(f"{url}/v2.0/networks")
            assert (answer.status_code, answer.json()) == (200, {"networks": []})
            (link,) = client.get(url).json()["versions"][0]["links"]
            assert link["href"].startswith("https://")
        with (
            httpx.Client(trust_env=False) as stranger,
            pytest.raises(httpx.ConnectError, match="CERTIFICATE"),
        ):
            stranger.get(url)
        plain = url.replace("https", "http")
        with httpx.Client(trust_env=False) as careless, pytest.raises(httpx.HTTPError):
            careless.get(plain).raise_for_status()
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with httpx.Client(verify=old, trust_env=False) as ancient, pytest.raises(httpx.ConnectError):
            ancient.get(url)
        assert serve.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("spoil", "code", "status"),
    [
        (lambda public, private: private.chmod(0o644), "unsafe-file", 1),
        (lambda public, private: private.write_bytes(public.read_bytes()), "bad-certificates", 2),
        (lambda public, private: public.unlink(), "unreadable-file", 1),
    ],
)
def test_a_certificate_that_cannot_be_used_is_refused_in_a_sentence(
    site: Site, spoil: object, code: str, status: int
) -> None:
    public, private = certificate(site.folder)
    assert callable(spoil)
    spoil(public, private)
    ended = site.run("serve", "--listen", "127.0.0.1:0", "-o", "json", **tls(public, private))
    assert (ended.status, code in ended.out + ended.err) == (status, True), (ended.out, ended.err)


@needs_every_user
def test_tokens_do_not_pass_in_the_clear_unless_that_is_asked_for(site: Site) -> None:
    file = site.folder / "tokens.toml"
    digest = sha256(b"open-sesame").hexdigest()
    file.write_text(f'[[token]]\nsha256 = "{digest}"\nuser = "u"\nproject = "p"\nroles = ["member"]\n')
    file.chmod(0o600)
    said: dict[str, Any] = {"DEUTERON_API_AUTH": "tokens", "DEUTERON_API_TOKENS_FILE": str(file)}
    ended = site.run("serve", "--listen", "0.0.0.0:0", "-o", "json", **said)
    assert (ended.status, "in-the-clear" in ended.out) == (2, True), (ended.out, ended.err)
    ended = site.run("serve", "-o", "json", DEUTERON_API_TLS_CERTIFICATE=str(file), **said)
    assert (ended.status, "bad-certificates" in ended.out) == (2, True), (ended.out, ended.err)
    if os.geteuid() == 0:
        from pwd import getpwnam

        nobody = getpwnam("nobody")
        os.chown(file, nobody.pw_uid, nobody.pw_gid)
    said |= {"DEUTERON_API_PLAINTEXT": "true", "DEUTERON_API_LISTEN": "0.0.0.0:0"}
    with serving(site.run, site.folder, "--listen", "0.0.0.0:0", **said) as serve:
        port = serve.said["listen"].rpartition(":")[2]
        with httpx.Client(trust_env=False) as client:
            answer = client.get(
                f"http://127.0.0.1:{port}/v2.0/networks", headers={"X-Auth-Token": "open-sesame"}
            )
        assert answer.status_code == 200
        assert serve.end() == 0
