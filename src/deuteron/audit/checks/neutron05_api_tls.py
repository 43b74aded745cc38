"""Check-Neutron-05."""

from __future__ import annotations

from deuteron.audit import served
from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    api = served.configured(facts)
    if api is None:
        return not_applicable("there is no API here: no server of ours listens")
    if api.tls_certificate is not None:
        return verdict([], seen=["it speaks TLS"])
    lines = [f"others reach the API in clear, {how}" for how in served.exposed(facts)]
    mend = (
        "api.tls_certificate and api.tls_key_file in the configuration, or api.listen = 127.0.0.1:9696;"
        " accept it in the baseline where a proxy on another host speaks TLS for it"
    )
    return verdict(lines, mend, seen=["only this host's users reach it"])


CHECK = Check(
    id="Check-Neutron-05",
    title="the API is protected by TLS",
    broken="the API can be reached by others, and without TLS",
    consideration=6,
    help='OpenStack Security Guide: "Is TLS enabled on Neutron API server?"',
    run=_run,
)
