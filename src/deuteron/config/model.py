"""Every key of the configuration, with its type, its default and what it means.

The page ``docs/configuration.md`` and ``deuteron config doc`` are made of this.  No key holds a
secret: what is secret is a file of its own, and the key is called ``*_file``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=255)]


class Log(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is written of what was done, without an address or a name in it."""

    form: Annotated[
        Literal["text", "json"],
        Meta(description="How a record is written: `text` to be read, `json` one document a line."),
    ] = "text"
    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least that is written."),
    ] = "info"
    file: Annotated[
        Path | None,
        Meta(
            description="Where it is written; by default what stays running writes to standard output,"
            " and a command that ends writes none. It is made with mode 0640.",
            examples=["/var/log/deuteron/deuteron.log"],
        ),
    ] = None
    key_file: Annotated[
        Path | None,
        Meta(
            description="The key of the pseudonyms, mode 0600; by default the credential `log.key` where"
            " systemd hands one over, else `log.key` in the state directory.",
            examples=["/etc/deuteron/log.key"],
        ),
    ] = None


class Confine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a process that stays running may still do."""

    mode: Annotated[
        Literal["require", "best"],
        Meta(
            description="`require`: it does not run where the kernel lacks a means to confine it;"
            " `best`: it says what is missing and runs."
        ),
    ] = "require"


class Audit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `deuteron audit` is to know."""

    baseline: Annotated[
        Path | None,
        Meta(
            description="Findings that are accepted, each with a reason and an end date.",
            examples=["/etc/deuteron/baseline.toml"],
        ),
    ] = None


class Api(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The API of `deuteron serve`."""

    listen: Annotated[
        str,
        Meta(
            description="Where it listens: `ADDRESS:PORT`, `[ADDRESS]:PORT` or `unix:PATH`; with port 0 the"
            " kernel chooses one."
        ),
    ] = "127.0.0.1:9696"
    auth: Annotated[
        Literal["noauth", "tokens", "keystone"],
        Meta(
            description="Who is let in: `noauth` everybody on this host, on a loopback address or a unix"
            " socket only; `tokens` those of `tokens_file`; `keystone` those that a Keystone knows."
        ),
    ] = "noauth"
    user: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=32,
            description="Whom the API's process runs as, where root starts it; `nobody` where there is none.",
        ),
    ] = "deuteron-api"
    agent_user: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=32,
            description="Whom the agent runs as, where the two are services of their own; it, root and"
            " nobody else may connect to `feed`.",
        ),
    ] = "deuteron"
    directory: Annotated[
        Path | None,
        Meta(
            description="Where the API's database is, of the API's user and mode 0700; by default `api` in"
            " the state directory.",
            examples=["/var/lib/deuteron-api"],
        ),
    ] = None
    feed: Annotated[
        Path | None,
        Meta(
            description="The socket on which the agent and commands of this host meet the API; by default"
            " `run/feed` in the state directory.",
            examples=["/run/deuteron-api/feed"],
        ),
    ] = None
    tls_certificate: Annotated[
        Path | None,
        Meta(
            description="The API's certificate with those that lead to it, PEM: it speaks TLS.",
            examples=["/etc/deuteron/api.crt"],
        ),
    ] = None
    tls_key_file: Annotated[
        Path | None,
        Meta(
            description="The certificate's private key, PEM, without a passphrase; mode 0600, of root or"
            " the API's user.",
            examples=["/etc/deuteron/api.key"],
        ),
    ] = None
    plaintext: Annotated[
        bool,
        Meta(
            description="Serve without TLS where others reach it, for a proxy in front that speaks it; by"
            " default an address that is not a loopback one needs a certificate."
        ),
    ] = False
    log_file: Annotated[
        Path | None,
        Meta(
            description="Where the API's process writes its log, in a directory of its user's; by default"
            " to standard output. `log.form` and `log.level` hold for it too.",
            examples=["/var/log/deuteron-api/api.log"],
        ),
    ] = None
    tokens_file: Annotated[
        Path | None,
        Meta(
            description="Hashes of tokens with user, project and roles; mode 0600, of the API's user.",
            examples=["/etc/deuteron/tokens.toml"],
        ),
    ] = None
    keystone_url: Annotated[
        str,
        Meta(
            description="Keystone's Identity API, by TLS but on a loopback address.",
            examples=["https://keystone.example:5000"],
        ),
    ] = ""
    keystone_credentials_file: Annotated[
        Path | None,
        Meta(
            description="Our own credentials at Keystone, to validate tokens; mode 0600, of the API's user.",
            examples=["/etc/deuteron/keystone.toml"],
        ),
    ] = None
    keystone_ca: Annotated[
        Path | None,
        Meta(
            description="Certificates that are trusted for Keystone in place of the system's, PEM.",
            examples=["/etc/deuteron/keystone-ca.pem"],
        ),
    ] = None
    policy: Annotated[
        Path | None,
        Meta(
            description="oslo.policy rules, YAML or JSON, in the place of packaged ones.",
            examples=["/etc/deuteron/api-policy.yaml"],
        ),
    ] = None


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it; a key that is not written has its default."""

    state_dir: Annotated[
        Path | None,
        Meta(
            description="Where the committed state is kept; by default `/var/lib/deuteron` for root,"
            " `$XDG_STATE_HOME/deuteron` for anybody else.",
            examples=["/var/lib/deuteron"],
        ),
    ] = None
    parallel: Annotated[
        int,
        Meta(
            ge=1, le=64, description="How many workers make units at the same time; the outcome is the same."
        ),
    ] = 1
    interval: Annotated[
        float,
        Meta(
            ge=1.0,
            le=86400.0,
            description="Seconds between two looks of `apply --watch` at everything, whether or not"
            " anything was heard.",
        ),
    ] = 60.0
    host: Annotated[
        Name | None,
        Meta(
            description="Whose part of an input is taken; by default the name of this host.",
            examples=["compute1"],
        ),
    ] = None
    external_bridges: Annotated[
        tuple[str, ...],
        Meta(
            description="For a `sync_routers` answer: where `fg-` and `qg-` ports are plugged, each"
            " `BRIDGE` or `NETWORK_ID=BRIDGE`; by default `br-ex`. A topology file says it itself.",
            examples=["br-ex"],
        ),
    ] = ()
    bridge_mappings: Annotated[
        tuple[str, ...],
        Meta(
            description="For `deuteron serve`: this host's bridge of each physical network, each"
            " `PHYSICAL_NETWORK:BRIDGE`.",
            examples=["physnet1:br-ex"],
        ),
    ] = ()
    policy: Annotated[
        Path | None,
        Meta(
            description="An operator's overrides of the host policy.",
            examples=["/etc/deuteron/policy.toml"],
        ),
    ] = None
    log: Annotated[Log, Meta(description="Logs.")] = Log()
    api: Annotated[Api, Meta(description="The API.")] = Api()
    confine: Annotated[Confine, Meta(description="Privileges.")] = Confine()
    audit: Annotated[Audit, Meta(description="The audit.")] = Audit()
