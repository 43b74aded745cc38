"""The packet matrix as a page of the documentation."""

from __future__ import annotations

from tests.packets.rows import ROWS

_HEAD = """# Packet matrix

What no namespace of ours lets through or answers, tried with real packets on the real kernel
(`tests/packets`). Each row is sent from each of its places, and nothing of it may be seen to leave a link
of ours; then its control is: the right packet at the same router, or the very same packet at a careless
one, so that no row passes because its packet was malformed.

Places: `distributed` and `centralised` are instances without a floating IP before a router of that kind,
`floating` is one with; `fip`, `gateway` and `snat` are the internet before `fg-`, before `qg-` of a
centralised router, and before that of a distributed one. This page is written by `python -m tests.packets`.

| what holds | tried from | control | advisories |
| --- | --- | --- | --- |
"""


def page() -> str:
    """The page, with a line for each row."""
    lines = [
        f"| {row.name} | {', '.join(row.stages)} | "
        f"{'the right packet' if row.twin else 'the same at a careless host'} | {', '.join(row.advisories)} |"
        for row in ROWS
    ]
    return _HEAD + "\n".join(lines) + "\n"
