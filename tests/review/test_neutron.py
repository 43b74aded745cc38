"""What a reading of two files of Neutron's has found is found by the review.

The table is ours: the function, the lines of the pinned release that it is about, and which of
the rules have to say something there.  "Any" is enough where a row has several.
"""

from __future__ import annotations

import ast
from functools import lru_cache

import pytest

from deuteron.review.hit import Hit
from deuteron.review.module import examine_text
from tests.review.neutron import source, sources

FIP = "dvr_fip_ns.py"
ITEM = "item_allocator.py"

#: File, function, first and last line, the rules that have to be found there, what the reading said.
ROWS = [
    (FIP, "create_or_update_gateway_port", 137, 149, "R103", "a failure leaves the subscription"),
    (FIP, "_create_gateway_port", 162, 204, "R103", "eight steps, and no way back"),
    (FIP, "_create_gateway_port", 198, 198, "R104", "the port is remembered before its settings are made"),
    (FIP, "_create_gateway_port", 200, 202, "R201 R202", "proxy_delay by command, status ignored"),
    (FIP, "_create_gateway_port", 203, 204, "R201 R202", "proxy_arp by command, status ignored"),
    (FIP, "create", 206, 212, "R203", "ip_nonlocal_bind falls back to the host"),
    (FIP, "create", 213, 216, "R204", "nothing is tracked, and nothing dropped"),
    (FIP, "subscribe", 101, 104, "R301", "subscribers beside the lock"),
    (FIP, "unsubscribe", 106, 108, "R301", "subscribers beside the lock"),
    (FIP, "_fip_port_lock", 120, 125, "R302", "a lock for each interface, over what all of them share"),
    (FIP, "delete", 218, 222, "R104", "destroyed is said before it is so"),
    (FIP, "delete", 218, 222, "R301", "no lock in delete"),
    (FIP, "delete_rtr_2_fip_link", 369, 417, "R303", "no lock in the removal of a link"),
    (FIP, "create_rtr_2_fip_link", 419, 459, "R304", "no lock in the making of a link"),
    (FIP, "_delete", 224, 240, "R105", "one exception in the loop keeps the namespace"),
    (FIP, "_add_rtr_ext_route_rule_to_route_table", 294, 308, "R301", "the port is forgotten outside of it"),
    (FIP, "create_rtr_2_fip_link", 419, 459, "R103", "pair, cable, addresses, rule, routes leak"),
    (FIP, "_fip_port_lock", 129, 130, "R401", "a device's name in the log"),
    (FIP, "create_or_update_gateway_port", 144, 145, "R403", "the whole port in the log"),
    (FIP, "_create_gateway_port", 168, 168, "R401", "a device's name in the log"),
    (FIP, "_create_gateway_port", 183, 183, "R401", "a device's name in the log"),
    (FIP, "create", 207, 207, "R401", "the namespace's name in the log"),
    (FIP, "_delete", 233, 233, "R401", "a device's name in the log"),
    (FIP, "_delete", 239, 239, "R401", "the namespace's name in the log"),
    (FIP, "_update_gateway_route", 338, 341, "R401", "device and namespace in the log"),
    (FIP, "delete_rtr_2_fip_link", 371, 371, "R401", "a router's id in the log"),
    (FIP, "create_rtr_2_fip_link", 421, 421, "R401", "a router's id in the log"),
    (FIP, "_delete", 232, 232, "R501", "where does the port get deleted?"),
    (FIP, "_delete", 238, 238, "R501", "open work"),
    (FIP, "_add_rtr_ext_route_rule_to_route_table", 282, 282, "R501", "open work"),
    (ITEM, "_write", 129, 131, "R601 R602", "in place, default umask"),
    (ITEM, "__init__", 58, 60, "R403", "a bad line is copied to the log"),
    (ITEM, "allocate", 79, 115, "R305", "no lock around the pool"),
    (ITEM, "release", 117, 120, "R305", "no lock around the pool"),
    (ITEM, "_read", 133, 137, "R605", "looked at, then opened"),
]  # fmt: skip


@lru_cache
def hits(file: str) -> tuple[Hit, ...]:
    return examine_text(source(file))


@pytest.mark.parametrize(("file", "function", "first", "last", "rules", "said"), ROWS)
def test_each_row_of_the_reading_is_found(
    file: str, function: str, first: int, last: int, rules: str, said: str
) -> None:
    spans = [
        (node.lineno, node.end_lineno or 0)
        for node in ast.walk(ast.parse(source(file)))
        if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    assert any(begin <= last and first <= end for begin, end in spans), f"{function} is not at {first}-{last}"
    found = {hit.rule for hit in hits(file) if first <= hit.line <= last}
    assert set(rules.split()) <= found, f"{file}:{first} ({said}): found {sorted(found)}"


def test_the_whole_agent_is_reviewed_without_an_error_and_not_loudly() -> None:
    """One in sixty lines at most, without log calls and open work, which are many indeed."""
    texts = sources()
    found = [hit for text in texts.values() for hit in examine_text(text) if hit.rule[1] not in "45"]
    lines = sum(text.count("\n") for text in texts.values())
    print(f"{len(texts)} files, {lines} lines, {len(found)} hits")
    assert 40 <= len(found) <= lines / 60
