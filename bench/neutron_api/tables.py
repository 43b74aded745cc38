"""What to print of the API under load, ours beside a peer's."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

from rich.table import Table

Figures = dict[str, Any]


def tables(results: list[Figures]) -> Iterator[Table]:
    """Steps of the API, and pages of a big store."""
    ours, theirs = ([one for one in results if one["case"] == name] for name in ("api", "neutron_api"))
    if ours or theirs:
        yield _steps(ours, theirs)
    for one in results:
        if one["case"] == "api_pages":
            yield _pages(one)


def _steps(ours: list[Figures], theirs: list[Figures]) -> Table:
    made = Table(title="the API at 8 clients (agent on), and alone", title_justify="left")
    made.add_column("what")
    for name in ("per s", "alone, ms", "CPU ms", "of the agent", "neutron per s", "alone, ms", "ratio"):
        made.add_column(name, justify="right")
    for step in (ours or theirs)[0]["steps"]:
        made.add_row(step, *_of_ours(ours, step), *_of_theirs(theirs, step), _ratio(ours, theirs, step))
    return made


def _median(found: list[Figures], step: str, clients: str, key: str) -> float:
    return statistics.median(float(one["steps"][step][clients][key]) for one in found)


def _of_ours(found: list[Figures], step: str) -> Iterator[str]:
    if not found:
        yield from ("", "", "", "")
        return
    yield f"{_median(found, step, 'eight', 'per_s'):,.0f}"
    yield f"{_median(found, step, 'one', 'median_ms'):.2f}"
    for name in ("api", "agent"):
        yield f"{statistics.median(one['steps'][step]['eight']['cpu_ms'][name] for one in found):.2f}"


def _of_theirs(found: list[Figures], step: str) -> Iterator[str]:
    yield f"{_median(found, step, 'eight', 'per_s'):,.1f}" if found else ""
    yield f"{_median(found, step, 'one', 'median_ms'):,.0f}" if found else ""


def _ratio(ours: list[Figures], theirs: list[Figures], step: str) -> str:
    if not (ours and theirs):
        return ""
    return f"{_median(ours, step, 'eight', 'per_s') / _median(theirs, step, 'eight', 'per_s'):.0f}x"


def _pages(one: Figures) -> Table:
    made = Table(title=f"lists of a store with {one['ports']:,} ports, ms", title_justify="left")
    made.add_column("what")
    for name in ("ports", "median", "best", "CPU"):
        made.add_column(name, justify="right")
    for name, page in one["pages"].items():
        figures = (f"{page[key]:.1f}" for key in ("median_ms", "best_ms", "cpu_ms"))
        made.add_row(name, f"{page['ports']:,}", *figures)
    return made
