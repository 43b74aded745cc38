"""The API's certificate, and which address needs one."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Final

from deuteron.config.model import Api
from deuteron.errors import HostError, InputError
from deuteron.files import Purpose, open_checked

_OPENED: Final = "/proc/self/fd/{}"


def needed(api: Api, *, local: bool) -> None:
    """Refuse to have tokens pass where others listen.

    Args:
        api: the configuration's table.
        local: only users of this host can reach the socket.

    Raises:
        InputError: ``in-the-clear``; ``bad-certificates``, one of the two files is not named.
    """
    if (api.tls_certificate is None) != (api.tls_key_file is None):
        raise InputError(
            "bad-certificates",
            "api.tls_certificate and api.tls_key_file go together; set both, or neither",
        )
    if not (local or api.tls_certificate or api.plaintext or api.auth == "noauth"):
        raise InputError(
            "in-the-clear",
            f"tokens would pass in the clear on {api.listen}; set api.tls_certificate and api.tls_key_file,"
            " or listen on a loopback address behind a proxy that speaks TLS (on another host:"
            " api.plaintext = true)",
        )


def context(api: Api) -> ssl.SSLContext | None:
    """What the API speaks TLS by, ``None`` where it does not; to be made while the key can be read.

    Raises:
        InputError: ``bad-certificates``: the files hold no such thing, or not of each other.
        HostError: ``unsafe-file`` and its like; ``unreadable-file``.
    """
    if api.tls_certificate is None or api.tls_key_file is None:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    load(made, api.tls_certificate, api.tls_key_file)
    return made


def load(made: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Take certificate and key from their files; connections from now on see them.

    Raises:
        InputError: as :func:`context`; what was loaded before stays.
        HostError: likewise.
    """
    public = private = -1
    try:
        public, private = _opened(certificate, Purpose.CONFIG), _opened(key, Purpose.SECRET)
        # An empty passphrase: OpenSSL would ask at the terminal for one.
        made.load_cert_chain(_OPENED.format(public), _OPENED.format(private), lambda: "")
    except ssl.SSLError as error:
        raise InputError(
            "bad-certificates",
            f"{certificate} and {key} are no certificate and its private key, both PEM and without a"
            " passphrase; put those there",
        ) from error
    finally:
        for one in (public, private):
            if one >= 0:
                os.close(one)


def _opened(path: Path, what: Purpose) -> int:
    try:
        return open_checked(path, what)
    except OSError as error:
        raise HostError(
            "unreadable-file",
            f"{path} cannot be read: {error.strerror}; put it there, for root or the API's user to read",
        ) from error
