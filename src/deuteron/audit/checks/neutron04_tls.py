"""Check-Neutron-04."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

from deuteron.audit import served
from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    api = served.configured(facts)
    if api is None:
        return not_applicable("there is no API here: nobody logs in over the network")
    if api.auth != "keystone":
        return not_applicable("there is no Keystone that tokens are asked of")
    lines = (
        [] if _is_protected(api.keystone_url) else ["our credentials and all tokens go to Keystone in clear"]
    )
    return verdict(lines, "api.keystone_url = https://... in the configuration")


def _is_protected(url: str) -> bool:
    parts = urlsplit(url)
    with suppress(ValueError):
        return parts.scheme == "https" or ip_address(parts.hostname or "").is_loopback
    return parts.hostname == "localhost"


CHECK = Check(
    id="Check-Neutron-04",
    title="credentials go over protected connections",
    broken="credentials go over protected connections: not so",
    consideration=6,
    help='OpenStack Security Guide: "Is secure protocol used for authentication?"',
    run=_run,
)
