"""Runs the cases, prints a table, and writes ``bench/results/<when>.json``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import cases
from bench.neutron_api import tables as neutron_api_tables
from deuteron.kernel.linux import sandbox

_ROOT = Path(__file__).parent.parent
_RESULTS = Path(__file__).parent / "results"
_MAPPING = dict[str, Any]
#: Turns of two that are compared.
_TURNS = 2


def agenda(*, quick: bool, neutron: str = "") -> list[tuple[str, _MAPPING]]:
    """The cases with their sizes; ``neutron`` is the URL of a running neutron-server to be asked the same."""
    routers = (1, 20) if quick else (1, 10, 100, 200, 1_000)
    floating = (1, 1_000) if quick else (1, 10, 100, 1_000, 10_000)
    return [
        *(("routers", {"count": count}) for count in routers),
        *(("floating_ips", {"count": count}) for count in floating),
        ("versus_shell", {"count": routers[-1] if quick else 200, "rounds": 1 if quick else 3}),
        ("versus_pyroute2", {"count": 3 if quick else 10, "rounds": 1 if quick else 5}),
        ("journal", {"count": routers[-1] if quick else 200, "rounds": 1 if quick else 5}),
        ("one_more", {"have": floating[-1], "rounds": 20 if quick else 60}),
        ("packets", {"have": floating[-1], "rounds": 1 if quick else 9, "seconds": 0.5 if quick else 1.0}),
        (
            "serve",
            {"routers": 10 if quick else 1_000, "ports": 10, "instances": 6, "samples": 10 if quick else 40},
        ),
        *_of_the_api(quick, neutron),
        ("api_pages", {"count": 10_000 if quick else 100_000}),
    ]


def _of_the_api(quick: bool, neutron: str) -> Iterator[tuple[str, _MAPPING]]:
    """Ours, and in turn a peer's where there is one."""
    for _ in range(_TURNS if neutron else 1):
        yield "api", {"quick": quick}
        if neutron:
            yield "neutron_api", {"url": neutron, "quick": quick}


def main() -> None:
    """``python -m bench [--quick] [--only CASE]``."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds: for CI")
    parser.add_argument("--only", action="append", choices=cases.CASES, help="this case only; repeatable")
    parser.add_argument("--neutron", default="", metavar="URL", help="a neutron-server to be asked as well")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        name, arguments = json.loads(options.case)
        if name not in cases.OUTSIDE:
            sandbox.enter_sandbox()
        print(json.dumps(cases.run(name, arguments)))
        return
    results = list(_run_all(agenda(quick=options.quick, neutron=options.neutron), options.only))
    written = _write(results, quick=options.quick)
    console = Console(width=110)
    for table in tables(results):
        console.print(table)
    console.print(f"written to {written.relative_to(_ROOT)}")


def _run_all(todo: list[tuple[str, _MAPPING]], only: list[str] | None) -> Iterator[_MAPPING]:
    for name, arguments in todo:
        if only and name.removeprefix("neutron_") not in only:
            continue
        print(f"{name} {arguments} ...", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "bench", "--case", json.dumps([name, arguments])]
        done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"the case {name} {arguments} failed, see above")
        yield json.loads(done.stdout.splitlines()[-1])


def _write(results: list[_MAPPING], *, quick: bool) -> Path:
    now = datetime.now(UTC)
    _RESULTS.mkdir(exist_ok=True)
    written = _RESULTS / f"{now:%Y%m%d-%H%M%S}{'-quick' if quick else ''}.json"
    machine = {
        "kernel": platform.release(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
    }
    document = {"at": now.isoformat(), "machine": machine, "results": results}
    written.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return written


def tables(results: list[_MAPPING]) -> Iterator[Table]:
    """What to print."""
    for name, title in (
        ("routers", "routers, each with a tenant network and a floating IP, from nothing"),
        ("floating_ips", "floating IPs of one router"),
    ):
        found = [one for one in results if one["case"] == name]
        if found:
            yield _scale(title, found)
    yield from neutron_api_tables.tables(results)
    rest = [row for one in results for row in _rows(one)]
    if rest:
        yield _table("beside others, and beside itself", ("what", "this", "that", "ratio"), rest)


def _scale(title: str, found: list[_MAPPING]) -> Table:
    header = (
        "count",
        "ms each",
        "of it kernel",
        "CPU ms each",
        "messages",
        "nft",
        "processes",
        "again, s",
        "again, writes",
        "RSS MB",
    )
    rows: list[tuple[str, ...]] = []
    for one in found:
        first = one["first"]
        rows.append(
            (
                f"{one['count']:,}",
                f"{one['each_ms']:.2f}",
                f"{one['each_run_ms']:.2f}",
                f"{one['each_cpu_ms']:.2f}",
                f"{first['messages']:,}",
                f"{first['transactions']:,}",
                f"{first['processes']}",
                f"{one['again_seconds']:.2f}",
                f"{one['again_writes']}",
                f"{one['rss_mb']:.0f}",
            )
        )
    return _table(title, header, rows)


def _rows(one: _MAPPING) -> Iterator[tuple[str, ...]]:
    match one["case"]:
        case "versus_shell":
            what = f"{one['count']} routers by apply, by the shell script; ms each"
            yield what, f"{one['deuteron_ms']:.1f}", f"{one['shell_ms']:.1f}", f"{one['ratio']:.1f}x"
            yield "processes", str(one["deuteron_processes"]), f"{one['shell_processes']:,}", ""
        case "versus_pyroute2":
            what = f"{one['count']} routers by apply, through pyroute2; ms each, kernel part"
            yield what, f"{one['deuteron_ms']:.1f}", f"{one['pyroute2_ms']:.1f}", f"{one['ratio']:.1f}x"
        case "journal":
            what = f"{one['count']} routers with the journal, without; ms each"
            yield what, f"{one['with_ms']:.2f}", f"{one['without_ms']:.2f}", f"{one['ratio']:.2f}x"
            yield "of it the journal, measured in the same apply", "", "", f"{one['share']:.1%}"
        case "one_more":
            what = f"one more floating IP on a host with 0, with {one['have']:,}; ms, kernel part"
            yield what, f"{one['empty_ms']:.2f}", f"{one['full_ms']:.2f}", f"{one['ratio']:.2f}x"
        case "packets":
            rates = [one[many]["connections_per_second"] for many in ("one", "many")]
            trips = [one[many]["rtt_us"] for many in ("one", "many")]
            what = f"new TCP connections/s with 1 floating IP, with {one['have']:,}"
            yield what, f"{rates[0]:,.0f}", f"{rates[1]:,.0f}", f"{one['connections_ratio']:.2f}x"
            yield "ping, us", f"{trips[0]:.0f}", f"{trips[1]:.0f}", f"{one['rtt_ratio']:.2f}x"
        case "serve":
            found, again = one["floating_ip"], one["restart"]
            what = f"POST floating IP to first answered ping, {one['routers']:,} routers; ms, worst"
            yield what, f"{found['median_ms']:.1f}", f"{found['worst_ms']:.1f}", ""
            yield (
                "memory of all of serve, MB; after a restart",
                f"{one['total_mb']:.0f}",
                f"{again['total_mb']:.0f}",
                "",
            )
            yield (
                "restart: API answers; begun, with the first look at everything; s",
                f"{again['answers_s']:.1f}",
                f"{again['looked_s']:.1f}",
                "",
            )
            lost = f"{again['pings_lost']} of {again['pings']:,}"
            yield (
                "restart: kernel writes, pings lost",
                f"{again['steps'] + again['kernel_messages']}",
                lost,
                "",
            )


def _table(title: str, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    made = Table(title=title, title_justify="left")
    for at, name in enumerate(header):
        made.add_column(name, justify="left" if at == 0 else "right")
    for row in rows:
        made.add_row(*row)
    return made
