from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.support.nft_tables import CENTRALISED, ELEMENTS, NETNS, TABLES, floating_elements

from deuteron.errors import KernelError
from deuteron.objects import NftChain, NftElement, NftRule, NftSet, NftTable
from deuteron.objects.nft import Lookup, Match, Nat, SetRef, Verdict
from deuteron.objects.nft_text import (
    add_elements,
    create_table,
    delete_elements,
    delete_table,
    destroy_elements,
    destroy_table,
    replace_table,
    rule_text,
    update_elements,
)

ACCEPT = Verdict("accept")


def rule(*matches: Match, comment: str = "") -> NftRule:
    return NftRule(matches=matches, statements=(ACCEPT,), comment=comment)


def test_a_table_is_created_exclusively_one_statement_per_line() -> None:
    lines = create_table(CENTRALISED, ELEMENTS).splitlines()
    assert lines[0] == "create table inet deuteron"
    assert (
        "add map inet deuteron forwarded_ports"
        " { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }" in lines
    )
    assert "add chain inet deuteron forward { type filter hook forward priority 0; policy drop; }" in lines
    assert (
        'add rule inet deuteron forward iifname "qr-*" oifname "qr-*" accept comment "between networks"'
        in lines
    )
    assert (
        "create element inet deuteron forwarded_ports"
        " { 203.0.113.51 . tcp . 80 : 10.0.0.6 . 8080, 203.0.113.51 . udp . 53 : 10.0.0.6 . 53 }" in lines
    )
    assert all(line.split()[0] in {"create", "add"} for line in lines)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_same_table_is_the_same_text_whatever_the_order_of_its_elements(table: NftTable) -> None:
    assert create_table(table, ELEMENTS) == create_table(table, ELEMENTS[::-1])


def test_ten_thousand_elements_of_a_set_are_one_command() -> None:
    text = add_elements(floating_elements(10_000))
    assert text.count("\n") == 1
    assert text.startswith("create element inet deuteron floating_to_fixed { 100.64.0.1 : 10.0.0.0, ")


def test_elements_of_several_sets_are_one_command_each_and_none_is_no_text() -> None:
    assert [line.split()[4] for line in delete_elements(ELEMENTS).splitlines()] == [
        "fixed_to_floating",
        "fixed_with_floating",
        "floating_to_fixed",
        "forwarded_ports",
        "proxied6",
    ]
    assert add_elements(()) == delete_elements(()) == update_elements(()) == ""


def test_deleting_an_element_needs_its_key_alone() -> None:
    assert delete_elements(ELEMENTS[:1]) == "delete element inet deuteron fixed_to_floating { 10.0.0.5 }\n"


def test_an_update_is_a_deletion_and_an_addition() -> None:
    assert update_elements(ELEMENTS[:1]) == delete_elements(ELEMENTS[:1]) + add_elements(ELEMENTS[:1])


def test_what_may_be_gone_is_added_before_it_is_deleted() -> None:
    assert destroy_table(CENTRALISED) == "add table inet deuteron\n" + delete_table(CENTRALISED)
    assert destroy_elements(ELEMENTS[1:2]) == (
        "add element inet deuteron fixed_with_floating { 10.0.0.5 }\n"
        "delete element inet deuteron fixed_with_floating { 10.0.0.5 }\n"
    )


def test_a_replacement_is_one_text_that_ends_with_the_new_table() -> None:
    text = replace_table(CENTRALISED, ELEMENTS)
    assert text == destroy_table(CENTRALISED) + create_table(CENTRALISED, ELEMENTS)


def test_not_one_of_some_flags_is_no_comparison_of_the_whole_bit_field() -> None:
    assert rule_text(rule(Match("ct status", "dnat", "!="))) == "ct status ! dnat accept"
    assert rule_text(rule(Match("ct state", ("invalid", "new"), "!="))) == "ct state ! invalid,new accept"


def test_protocols_do_not_need_etc_protocols() -> None:
    assert rule_text(rule(Match("meta l4proto", "ipv6-icmp"))) == "meta l4proto icmpv6 accept"
    assert rule_text(rule(Match("meta l4proto", "ospf"))) == "meta l4proto 89 accept"


HOSTILE = '10.0.0.1 }\nflush ruleset\n#"'


@pytest.mark.parametrize(
    "match",
    [
        Match("iifname", 'lo" accept #'),
        Match("iifname", "a device name too long"),
        Match("iifname", "*"),
        Match("ip saddr", HOSTILE),
        Match("ip saddr", "10.0.0.300"),
        Match("ip saddr", "2001:db8::1"),
        Match("ip saddr", SetRef("a b")),
        Match("ip6 saddr", "10.0.0.1"),
        Match("meta l4proto", "nonsense"),
        Match("meta mark", "0x10"),
        Match("meta mark", "4294967296"),
        Match("th dport", "65536"),
        Match("th dport", "١"),
        Match("ct state", "tracked"),
        Match("fib saddr . iif oif", "1"),
        Match("ip daddr } flush", "10.0.0.1"),  # type: ignore[arg-type]  # the type is not checked at run time
        Match("ip daddr", "10.0.0.1", "<"),  # type: ignore[arg-type]  # the type is not checked at run time
    ],
)
def test_a_match_outside_the_grammar_is_refused(match: Match) -> None:
    with pytest.raises(KernelError, match="nothing was sent") as caught:
        rule_text(rule(match))
    assert caught.value.code == "nft-not-expressible"


@pytest.mark.parametrize("comment", ['"', "a\nb", "$x", "a\\", "`id`", "é", "x" * 128])
def test_a_comment_cannot_end_its_quotes(comment: str) -> None:
    with pytest.raises(KernelError):
        rule_text(rule(comment=comment))


@pytest.mark.parametrize(
    "element",
    [
        NftElement(netns=NETNS, set="a", item=(HOSTILE,)),
        NftElement(netns=NETNS, set="a", item=("10.0.0.1",), value=(HOSTILE,)),
        NftElement(netns=NETNS, set="a }", item=("10.0.0.1",)),
        NftElement(netns=NETNS, set="a", item=()),
        NftElement(netns=NETNS, set="a", item=("",)),
    ],
)
def test_an_element_outside_the_grammar_is_refused(element: NftElement) -> None:
    with pytest.raises(KernelError):
        add_elements([element])


@pytest.mark.parametrize("name", ["mark", "a b", "", "x" * 32, "1a", "A;"])
def test_a_name_that_nft_would_not_take_for_one_is_refused(name: str) -> None:
    chain = NftChain(name=name, type="filter", hook="input", priority=0, policy="drop")
    for table in (
        NftTable(netns=NETNS, chains=(chain,)),
        NftTable(netns=NETNS, sets=(NftSet(name=name, type=("ipv4_addr",)),)),
    ):
        with pytest.raises(KernelError):
            create_table(table)


@pytest.mark.parametrize("change", [{"type": "x"}, {"hook": "x"}, {"policy": "x"}, {"priority": 1 << 20}])
def test_a_chain_outside_the_grammar_is_refused(change: dict[str, object]) -> None:
    chain = replace(CENTRALISED.chains[0], **change)
    with pytest.raises(KernelError):
        create_table(NftTable(netns=NETNS, chains=(chain,)))


def test_a_translation_outside_the_grammar_is_refused() -> None:
    for to in (HOSTILE, "2001:db8::1", Lookup((), "a"), Lookup(("ip daddr",), "a b")):
        with pytest.raises(KernelError):
            rule_text(NftRule(statements=(Nat("dnat", "ip", to),)))


@pytest.mark.parametrize(
    "matches",
    [
        (Match("meta nfproto", "ipv4"), Match("ip saddr", "10.0.0.1")),
        (Match("meta l4proto", "icmp"), Match("icmp type", "echo-request")),
        (Match("meta l4proto", "tcp"), Match("iifname", "lo"), Match("th dport", "80")),
        (Match("ip saddr", ("10.0.0.1",)),),
        (Match("ip saddr", ("10.0.0.2", "10.0.0.1")),),
        (Match("ip saddr", ("10.0.0.0/24", "10.0.1.0/24")),),
        (Match("ip saddr", "10.0.0.1/32"),),
        (Match("ip saddr", "10.0.0.1/24"),),
        (Match("ip6 saddr", "2001:DB8::1"),),
    ],
)
def test_a_rule_that_nft_would_list_in_another_form_is_refused(matches: tuple[Match, ...]) -> None:
    with pytest.raises(KernelError):
        rule_text(rule(*matches))


def test_a_rule_without_statements_is_refused() -> None:
    with pytest.raises(KernelError):
        rule_text(NftRule(statements=(), comment="raw {}"))
