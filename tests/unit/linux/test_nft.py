from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from msgspec.structs import replace

from deuteron.errors import HostError, KernelError
from deuteron.kernel.linux import nft
from deuteron.kernel.linux.libc import CLONE_NEWNET, unshare
from deuteron.kernel.linux.nft import Nftables, NftListing
from deuteron.objects import NftElement, NftTable
from deuteron.objects.nft_text import (
    add_elements,
    create_table,
    delete_elements,
    delete_table,
    destroy_elements,
    destroy_table,
    replace_table,
    update_elements,
)
from tests.support import nft_tables
from tests.support.nft_tables import CENTRALISED, DISTRIBUTED, ELEMENTS, FIP, NETNS, SNAT, TABLES

pytestmark = pytest.mark.kernel

_SO_SNDBUFFORCE = 32


def enlarges() -> bool:
    """Whether this user may give a socket any buffer it likes."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as one:
        try:
            one.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, 4096)
        except PermissionError:
            return False
    return True


ENLARGES = enlarges()


@pytest.fixture
def nftables(host: object) -> Nftables:
    """In a network namespace of the test's own."""
    return Nftables()


def held(nftables: Nftables) -> tuple[NftTable | None, set[NftElement]]:
    listing = nftables.list(NETNS)
    return listing.table, set(listing.elements)


def elements_of(table: NftTable) -> list[NftElement]:
    names = {one.name for one in table.sets}
    return [element for element in ELEMENTS if element.set in names]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_what_was_made_is_what_is_listed(nftables: Nftables, table: NftTable) -> None:
    nftables.run(create_table(table, elements_of(table)))
    assert held(nftables) == (table, set(elements_of(table)))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=nft_tables.tables, elements=nft_tables.elements)
def test_every_table_of_the_language_reads_back_as_it_was_written(
    nftables: Nftables, table: NftTable, elements: Sequence[NftElement]
) -> None:
    # Forms that nft would not list as they stand are refused beforehand; test_nft_text has these.
    try:
        nftables.run(replace_table(table, elements))
    except KernelError as error:
        # Fields of both address families in one rule.
        contradicts = ("conflicting", "cannot use exthdr with ip", "datatype mismatch", "Address family for")
        assume(error.code != "nft-not-expressible" and not any(one in error.message for one in contradicts))
        raise
    assert held(nftables) == (table, set(elements))


def test_an_empty_namespace_has_neither_table_nor_foreign_ones(nftables: Nftables) -> None:
    assert nftables.list(NETNS) == NftListing(table=None)


def test_foreign_tables_are_reported_and_left_alone(nftables: Nftables) -> None:
    nftables.run("add table ip filter\nadd table inet deuteron2\n")
    nftables.run(create_table(SNAT))
    nftables.run(delete_table(SNAT))
    assert nftables.list(NETNS) == NftListing(table=None, foreign=("inet deuteron2", "ip filter"))


def test_a_table_that_exists_cannot_be_created_again(nftables: Nftables) -> None:
    nftables.run(create_table(SNAT))
    with pytest.raises(KernelError) as caught:
        nftables.run(create_table(CENTRALISED, ELEMENTS))
    assert (caught.value.code, caught.value.errno) == ("nft-rejected", errno.EEXIST)
    assert held(nftables) == (SNAT, set())


def test_a_replacement_leaves_nothing_of_the_old_table(nftables: Nftables) -> None:
    nftables.run(replace_table(CENTRALISED, ELEMENTS))
    nftables.run(replace_table(FIP))
    assert held(nftables) == (FIP, set())


def test_a_refused_statement_takes_its_whole_transaction_with_it(nftables: Nftables) -> None:
    nftables.run(create_table(CENTRALISED, ELEMENTS[:1]))
    with pytest.raises(KernelError, match="File exists") as caught:
        nftables.run(add_elements(ELEMENTS))
    assert caught.value.errno == errno.EEXIST
    assert held(nftables) == (CENTRALISED, set(ELEMENTS[:1]))


def test_an_error_names_the_kind_of_statement_and_no_address(nftables: Nftables) -> None:
    nftables.run(create_table(CENTRALISED))
    with pytest.raises(KernelError) as caught:
        nftables.run(delete_elements(ELEMENTS[:1]))
    assert caught.value.errno == errno.ENOENT
    assert caught.value.message == (
        "nftables refused 'delete element inet deuteron fixed_to_floating': No such file or directory"
    )


def test_what_is_destroyed_may_be_gone_already(nftables: Nftables) -> None:
    nftables.run(destroy_table(CENTRALISED))
    nftables.run(create_table(CENTRALISED, ELEMENTS[:2]))
    nftables.run(destroy_elements(ELEMENTS))
    assert held(nftables) == (CENTRALISED, set())
    nftables.run(destroy_table(CENTRALISED))
    assert nftables.list(NETNS).table is None


def test_an_update_changes_the_value_of_an_element(nftables: Nftables) -> None:
    nftables.run(create_table(CENTRALISED, ELEMENTS))
    changed = replace(ELEMENTS[0], value=("203.0.113.99",))
    nftables.run(update_elements([changed]))
    assert held(nftables) == (CENTRALISED, {changed, *ELEMENTS[1:]})


@pytest.mark.parametrize(
    "foreign",
    [
        "add rule inet deuteron forward counter accept",
        "add rule inet deuteron forward tcp dport 22 accept",
        "insert rule inet deuteron forward accept",
        "add rule inet deuteron forward ct state == established accept",
        "add rule inet deuteron forward ct state != established accept",
        "add rule inet deuteron forward ct original ip saddr 10.0.0.1 accept",
        "add rule inet deuteron forward ip saddr 10.0.0.1-10.0.0.9 accept",
        "add rule inet deuteron forward ip saddr & 255.0.0.255 == 10.0.0.1 accept",
        "add rule inet deuteron forward limit rate 1/second accept",
        'add rule inet deuteron forward log prefix "x" accept',
        "add rule inet deuteron forward meta mark set ct mark accept",
        "add chain inet deuteron stray\nadd rule inet deuteron forward jump stray",
        "add rule inet deuteron forward meta mark set 1 ip saddr 10.0.0.1 accept",
        "add rule inet deuteron forward iifname vmap { lo : accept }",
        "add rule inet deuteron forward meta l4proto tcp",
        "add rule inet deuteron prerouting meta l4proto tcp dnat ip to 10.0.0.1:80",
        "add rule inet deuteron prerouting dnat ip to 10.0.0.1 persistent",
        "add rule inet deuteron prerouting dnat ip to ip daddr map { 10.0.0.1 : 10.0.0.2 }",
        "add chain inet deuteron forward { policy accept; }",
        "add chain inet deuteron stray",
        "add chain inet deuteron stray { type route hook output priority 0; policy accept; }",
        "add set inet deuteron stray { type ipv4_addr; flags timeout; }",
        "add set inet deuteron stray { type ipv4_addr; size 5; }",
        "add counter inet deuteron stray",
        "add element inet deuteron fixed_with_floating { 10.9.9.9 }",
        'add element inet deuteron fixed_with_floating { 10.9.9.9 comment "x" }',
        'add element inet deuteron floating_to_fixed { 10.9.9.9 comment "x" : 10.0.0.1 }',
        "add table inet deuteron { flags dormant; }",
        "delete element inet deuteron proxied6 { 2001:db8::5 }",
    ],
)
def test_what_others_did_to_our_table_shows_and_is_mended_by_a_replacement(
    nftables: Nftables, foreign: str
) -> None:
    nftables.run(create_table(CENTRALISED, ELEMENTS))
    before = held(nftables)
    nftables.run(foreign + "\n")
    assert held(nftables) != before
    nftables.run(replace_table(CENTRALISED, ELEMENTS))
    assert held(nftables) == (CENTRALISED, set(ELEMENTS))


def test_an_element_that_others_gave_a_comment_can_be_deleted(nftables: Nftables) -> None:
    nftables.run(create_table(CENTRALISED))
    nftables.run('add element inet deuteron floating_to_fixed { 10.9.9.9 comment "x" : 10.0.0.1 }\n')
    (odd,) = nftables.list(NETNS).elements
    assert odd.key == ("nft_element", NETNS, "floating_to_fixed", "10.9.9.9")
    nftables.run(delete_elements([odd]))
    assert held(nftables) == (CENTRALISED, set())


def test_the_same_meaning_in_nft_json_makes_an_equal_table(nftables: Nftables) -> None:
    nftables.run(create_table(DISTRIBUTED, elements_of(DISTRIBUTED)))
    with_text = held(nftables)
    nftables.run(destroy_table(DISTRIBUTED))
    with nftables._context(nft._JSON) as context:
        nftables._call(context, _DISTRIBUTED_JSON.encode())
    assert held(nftables) == with_text


def test_the_generation_rises_with_each_transaction_and_with_nothing_else(nftables: Nftables) -> None:
    first = nftables.generation()
    nftables.run(create_table(CENTRALISED, ELEMENTS))
    second = nftables.generation()
    nftables.list(NETNS)
    assert first < second == nftables.generation()
    with pytest.raises(KernelError):
        nftables.run(create_table(CENTRALISED))
    assert nftables.generation() == second


def test_transactions_and_listings_are_counted(nftables: Nftables) -> None:
    nftables.list(NETNS)
    nftables.run("")
    assert (nftables.transactions, nftables.listings) == (0, 0)
    nftables.run(create_table(SNAT))
    nftables.list(NETNS)
    assert (nftables.transactions, nftables.listings) == (1, 1)


@pytest.mark.skipif(
    not ENLARGES, reason="needs root of the host, for a socket's buffer as large as ten thousand elements"
)
def test_ten_thousand_elements_are_one_transaction_and_read_back(nftables: Nftables) -> None:
    many = nft_tables.floating_elements(10_000)
    nftables.run(create_table(CENTRALISED, many))
    assert held(nftables) == (CENTRALISED, set(many))
    assert nftables.transactions == 1


def test_threads_in_namespaces_of_their_own_do_not_disturb_each_other(nftables: Nftables) -> None:
    seen: dict[int, bool] = {}

    def work(number: int) -> None:
        unshare(CLONE_NEWNET)
        table, elements = (CENTRALISED, DISTRIBUTED)[number % 2], nft_tables.floating_elements(number + 1)
        rounds = []
        for _ in range(25):
            nftables.run(replace_table(table, elements))
            rounds.append(held(nftables) == (table, set(elements)))
        seen[number] = all(rounds)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == dict.fromkeys(range(4), True)
    assert nftables.list(NETNS).table is None


def test_no_descriptor_is_left_open(nftables: Nftables) -> None:
    nftables.run(create_table(SNAT))
    nftables.list(NETNS)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        nftables.run(replace_table(SNAT))
        nftables.list(NETNS)
        nftables.generation()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_listing_a_namespace_without_a_table_does_not_ask_the_library(
    nftables: Nftables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Nftables, "_list", lambda self: pytest.fail("asked"))
    assert nftables.list(NETNS) == NftListing(table=None)


def test_a_host_without_the_library_is_told_which_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nft, "_LIBRARY", "libnftables.so.does-not-exist")
    with pytest.raises(HostError, match="libnftables1") as caught:
        Nftables()
    assert caught.value.code == "no-libnftables"


_OURS = '"family": "inet", "table": "deuteron"'
_DISTRIBUTED_JSON = """{"nftables": [
 {"add": {"table": {"family": "inet", "name": "deuteron"}}},
 {"add": {"map": {OURS, "name": "fixed_to_floating", "type": "ipv4_addr", "map": "ipv4_addr",
   "elem": [["10.0.0.5", "203.0.113.50"]]}}},
 {"add": {"set": {OURS, "name": "fixed_with_floating", "type": "ipv4_addr", "elem": ["10.0.0.5"]}}},
 {"add": {"map": {OURS, "name": "floating_to_fixed", "type": "ipv4_addr", "map": "ipv4_addr",
   "elem": [["203.0.113.50", "10.0.0.5"]]}}},
 {"add": {"set": {OURS, "name": "proxied6", "type": "ipv6_addr", "elem": ["2001:db8::5"]}}},
 {"add": {"chain": {OURS, "name": "forward", "type": "filter", "hook": "forward", "prio": 0,
   "policy": "drop"}}},
 {"add": {"chain": {OURS, "name": "marking", "type": "filter", "hook": "prerouting", "prio": -150,
   "policy": "accept"}}},
 {"add": {"rule": {OURS, "chain": "forward", "expr": [
   {"match": {"op": "==", "left": {"meta": {"key": "oifname"}}, "right": "rfp-1"}},
   {"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 16}}, {"accept": null}]}}},
 {"add": {"rule": {OURS, "chain": "forward", "expr": [
   {"match": {"op": "==", "left": {"meta": {"key": "oifname"}}, "right": "rfp-1"}},
   {"match": {"op": "!", "left": {"ct": {"key": "status"}}, "right": "dnat"}}, {"drop": null}]}}},
 {"add": {"rule": {OURS, "chain": "marking", "expr": [
   {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "qr-*"}},
   {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}},
     "right": "@fixed_with_floating"}},
   {"mangle": {"key": {"meta": {"key": "mark"}}, "value": 16}}]}}},
 {"add": {"rule": {OURS, "chain": "marking", "expr": [
   {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "qr-*"}},
   {"match": {"op": "==", "left": {"payload": {"protocol": "ip6", "field": "saddr"}}, "right": "@proxied6"}},
   {"mangle": {"key": {"meta": {"key": "mark"}}, "value": 16}}]}}}
]}""".replace("OURS", _OURS)
