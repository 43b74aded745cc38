"""Write the tables of docs/compatibility.md from the differences that tests hold; ``--check`` compares."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pages import ROOT, between, settle

from deuteron.resources import EXTENSIONS, RESOURCES

sys.path.insert(0, str(ROOT))
from tests.api_parity.differences import load_differences  # the tree is no package

INVENTORY: Final = ROOT / "tests" / "data" / "neutron-api" / "inventory.json"
DIFFERENCES: Final = ("<!-- differences -->\n\n", "\n<!-- end of differences -->\n")
LACKING: Final = ("<!-- lacking -->\n\n", "\n<!-- end of lacking -->\n")
RECORDED: Final = ("<!-- recorded -->\n\n", "\n<!-- end of recorded -->\n")


def differences() -> Iterator[str]:
    """A table for each topic."""
    topics: defaultdict[str, list[str]] = defaultdict(list)
    for one in load_differences():
        topics[one.topic].append(f"| {one.what} | {one.reason} |")
    for topic, rows in topics.items():
        yield from (f"### {topic}", "", "| in `deuteron serve` | because |", "| --- | --- |", *rows, "")


def lacking() -> Iterator[str]:
    """What a neutron-server with all that is in its own tree has more."""
    inventory = json.loads(INVENTORY.read_text("utf-8"))
    attributes: Mapping[str, Mapping[str, str]] = inventory["attributes"]
    names: Mapping[str, str] = inventory["extensions"]
    yield from (
        "### Attributes of what is served",
        "",
        "| resource | attributes, and the extension of each |",
    )
    yield "| --- | --- |"
    for collection in sorted(attributes.keys() & RESOURCES.keys()):
        known = {*RESOURCES[collection].attributes, "tenant_id"}
        more = [f"`{name}` ({of})" for name, of in attributes[collection].items() if name not in known]
        if more:
            yield f"| {collection} | {', '.join(more)} |"
    yield from ("", "### Resources", "", "| resource | extension |", "| --- | --- |")
    for collection in sorted(attributes.keys() - RESOURCES.keys()):
        of = sorted({alias for alias in attributes[collection].values() if alias})
        yield f"| {collection} | {', '.join(of)} |"
    yield from ("", "### Extensions", "", "| alias | name |", "| --- | --- |")
    for alias in sorted(names.keys() - EXTENSIONS.keys()):
        yield f"| `{alias}` | {names[alias]} |"


def recorded() -> Iterator[str]:
    """How many requests of whom are held against the answers."""
    yield from ("| sequence | asked by | requests |", "| --- | --- | --- |")
    for path in sorted((ROOT / "tests" / "data" / "neutron-api").glob("seq-*.json")):
        one: Any = json.loads(path.read_text("utf-8"))
        yield f"| {path.stem.removeprefix('seq-')} | {one['client']} | {len(one['steps'])} |"


def page(text: str) -> str:
    """The page with its tables made anew; what stands around them stays."""
    tables = {DIFFERENCES: differences(), LACKING: lacking(), RECORDED: recorded()}
    return between(text, {marks: "\n".join(rows).rstrip() + "\n" for marks, rows in tables.items()})


if __name__ == "__main__":
    settle("compatibility", page, "tests/api_parity/differences.toml")
