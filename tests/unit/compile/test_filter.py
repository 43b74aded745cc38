"""The shape of the filter: what makes "take any one thing away" safe, and what it costs."""

from __future__ import annotations

import pytest

from deuteron.compile.filter import Gate, distributed_table, fip_table, network_table, router_table
from deuteron.compile.policy import packaged
from deuteron.compile.scopes import Family, Scopes
from deuteron.objects import NftTable, nft_text
from deuteron.objects.nft import Remember, Verdict

POLICY = packaged()
APART = Scopes(v4=Family(groups=(("qr-1",), ("qr-2",)), outside=("qr-1",), untranslated=("qr-1",)))


def gate(*, snat: bool = True, scopes: Scopes | None = None) -> Gate:
    return Gate(
        dev="qg-1",
        address="203.0.113.7",
        snat=snat,
        ndp_proxy=True,
        elsewhere=(7,),
        scopes=scopes or Scopes(),
    )


TABLES = {
    "centralised": router_table(POLICY, "qrouter-1", gate(), inner="qr-*"),
    "snat off": router_table(POLICY, "qrouter-1", gate(snat=False), inner="qr-*"),
    "address scopes": router_table(POLICY, "qrouter-1", gate(scopes=APART), inner="qr-*", scopes=APART),
    "snat off, address scopes": router_table(
        POLICY, "qrouter-1", gate(snat=False, scopes=APART), inner="qr-*", scopes=APART
    ),
    "no gateway": router_table(POLICY, "qrouter-1", None, inner="qr-*"),
    "snat": router_table(POLICY, "snat-1", gate(), inner="sg-*"),
    "distributed": distributed_table(POLICY, "qrouter-1", "rfp-1"),
    "fip": fip_table(POLICY, "fip-1"),
    "network": network_table(POLICY, "net-1"),
}


@pytest.fixture(params=sorted(TABLES))
def table(request: pytest.FixtureRequest) -> NftTable:
    return TABLES[request.param]


def test_no_rule_drops_so_that_whichever_is_missing_less_passes(table: NftTable) -> None:
    drops = [
        rule.comment for chain in table.chains for rule in chain.rules if Verdict("drop") in rule.statements
    ]
    assert drops == []


def test_what_judges_packets_drops_what_it_does_not_know(table: NftTable) -> None:
    """Chains that accept by default only mark, translate, or say that nothing is tracked."""
    for chain in table.chains:
        judges = any(Verdict("accept") in rule.statements for rule in chain.rules) and chain.type == "filter"
        assert not judges or chain.policy == "drop", chain.name
    assert {chain.policy for chain in table.chains if chain.name in {"forward", "input", "output"}} == {
        "drop"
    }


def test_every_rule_says_why(table: NftTable) -> None:
    assert [chain.name for chain in table.chains for rule in chain.rules if not rule.comment] == []


def test_what_rules_remember_has_room_and_an_end(table: NftTable) -> None:
    sets = {one.name: one for one in table.sets}
    for chain in table.chains:
        for rule in chain.rules:
            for one in rule.statements:
                if isinstance(one, Remember):
                    assert sets[one.set].size > 0
                    assert sets[one.set].timeout > 0


@pytest.mark.parametrize(
    ("name", "most"),
    [("centralised", 72), ("distributed", 64), ("snat", 72), ("no gateway", 42), ("fip", 44), ("network", 5)],
)
def test_how_many_statements_a_table_takes(name: str, most: int) -> None:
    """None of them is per floating IP: those are elements."""
    assert len(nft_text.create_table(TABLES[name]).splitlines()) <= most


def test_a_table_is_written_in_the_order_in_which_it_is_listed(table: NftTable) -> None:
    assert [one.name for one in table.sets] == sorted(one.name for one in table.sets)
    assert [one.name for one in table.chains] == sorted(one.name for one in table.chains)
