"""``python -m tests.faults``: every fault of every operation, as a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from os import cpu_count
from typing import Final

import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.faults.campaign import Row
from tests.faults.cases import case_of
from tests.faults.operations import OPERATIONS, Operation
from tests.support.sandbox import enter_once, why_not

BACKENDS: Final = ("fake", "disk", "linux")


def one(backend: str, operation: Operation, seed: int) -> Row:
    """One row; runs in a process of its own."""
    # Here: a fake needs no sandbox, and the modules of the others are not needed for it.
    from tests.faults import on_disk, on_fake, on_linux

    case = case_of(operation)
    runs: dict[str, Callable[[], Row]] = {
        "fake": lambda: on_fake.campaign(case),
        "disk": lambda: on_disk.campaign(case),
        "linux": lambda: on_linux.campaign(case, seed=seed),
    }
    return runs[backend]()


def table_of(rows: Sequence[Row]) -> Table:
    """The table of ``docs/design/reliability.md``."""
    made = Table("operation", "on", box=None)
    for column in ("steps", "injected", "leaks", "unequal"):
        made.add_column(column, justify="right")
    for row in rows:
        counts = (row.steps, row.injected, row.leaks, row.unequal)
        made.add_row(row.operation, row.backend, *map(str, counts))
    total = [sum(getattr(row, name) for row in rows) for name in ("injected", "leaks", "unequal")]
    made.add_row("all", "", "", *map(str, total), style="bold")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign; 0 where nothing leaked and nothing was unequal."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser.add_argument("-b", "--backend", choices=BACKENDS, action="append", help="only these")
    parser.add_argument("-k", "--only", default="", help="only operations whose name has this in it")
    parser.add_argument("-p", "--parallel", type=int, default=cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0, help="which questions to the kernel are refused")
    asked = parser.parse_args(arguments)
    if reason := why_not():
        print(f"not on the real kernel: {reason}", file=sys.stderr)
    backends = [one for one in asked.backend or BACKENDS if one == "fake" or not reason]
    jobs = [(backend, each) for backend in backends for each in OPERATIONS if asked.only in each.name]
    rows: list[Row] = []
    with (
        Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress,
        ProcessPoolExecutor(asked.parallel) as pool,
    ):
        task = progress.add_task("Injecting", total=len(jobs))
        futures = [pool.submit(one, backend, each, asked.seed) for backend, each in jobs]
        for future in futures:
            rows.append(future.result())
            progress.advance(task)
            for finding in rows[-1].findings:
                print(finding, file=sys.stderr, flush=True)
    if asked.output == "json":
        print(msgspec.json.format(msgspec.json.encode(rows)).decode())
    else:
        Console().print(table_of(rows))
    return 1 if any(row.findings for row in rows) else 0


if __name__ == "__main__":
    enter_once()
    sys.exit(main())
