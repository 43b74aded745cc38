"""Words of the filter: matches, verdicts, rules and base chains, as all tables of ours use them.

Rules of the filter chains only ever accept: their chains drop.  So whichever rule, set element or
set is taken away, less passes than before, never more.
"""

from __future__ import annotations

from typing import Final

from deuteron.compile.policy import Kind, Policy
from deuteron.objects import NftChain, NftRule
from deuteron.objects.nft import Field, Limit, Match, SetRef, Statement, Verdict

ACCEPT: Final = Verdict("accept")

IPV4: Final = Match("meta nfproto", "ipv4")
IPV6: Final = Match("meta nfproto", "ipv6")
TRANSLATED: Final = Match("ct status", ("dnat", "snat"))
TO_FLOATING_IP: Final = Match("ct status", "dnat")
KNOWN: Final = Match("ct state", ("established", "related"))
VALID: Final = Match("ct state", ("established", "new", "related"))

#: Legs' addresses and whatever calls itself so: never the business of another link (RFC 3927, 2.7).
LINK_LOCAL4: Final = "169.254.0.0/16"


def rule(*matches: Match, does: Statement | tuple[Statement, ...], comment: str) -> NftRule:
    """A rule; ``comment`` says in the kernel too what packet it is for, or why."""
    return NftRule(matches=matches, statements=does if isinstance(does, tuple) else (does,), comment=comment)


def base(policy: Policy, kind: Kind, name: str, *rules: NftRule) -> NftChain:
    """A base chain of the policy, with rules."""
    chain = policy.chain(kind, name)
    return NftChain(
        name=name,
        type=chain.type,
        hook=chain.hook,
        priority=chain.priority,
        policy=chain.policy,
        rules=rules,
    )


def within(policy: Policy, kind: Kind, name: str) -> Limit:
    """A rate of the policy, as much at once as in a second."""
    rate = policy.limit(kind, name)
    return Limit(rate, rate)


def came(*devs: str) -> Match:
    """In by one of these links, by name or the beginning of a name and ``*``."""
    return Match("iifname", devs if len(devs) > 1 else devs[0])


def goes(*devs: str) -> Match:
    """Out of one of these links."""
    return Match("oifname", devs if len(devs) > 1 else devs[0])


def among(field: Field, name: str) -> Match:
    """A field whose value is in a set of the table."""
    return Match(field, SetRef(name))
