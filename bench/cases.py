"""The cases, each run in a process of its own, so that memory and garbage are its own."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from bench import arena, datapath, served, shell, through_pyroute2, views
from bench.arena import Applied, Arena, quiet, settle
from bench.neutron_api import case as neutron_api
from deuteron.apply.engine import Prepared, apply_plan
from deuteron.apply.undo import take_back
from deuteron.cli.main import spare_the_collector
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.kernel.linux.later import finish

Figures = dict[str, Any]


def routers(count: int) -> Figures:
    """From nothing, and the same again."""
    return _from_nothing(views.many_routers(count), count)


def floating_ips(count: int) -> Figures:
    """Floating IPs on a host that has their router already, and the same again."""
    with Arena() as host:
        host.apply(views.many_floating_ips(0))
        return _figures(host, views.many_floating_ips(count), count)


def _from_nothing(view: HostView, count: int) -> Figures:
    with Arena() as host:
        return _figures(host, view, count)


def _figures(host: Arena, view: HostView, count: int) -> Figures:
    before = arena.rss()
    first = host.apply(view)
    again = host.apply_restarted(view)
    return {
        "count": count,
        "each_ms": first.total / count * 1e3,
        "each_run_ms": first.run / count * 1e3,
        "each_cpu_ms": first.cpu / count * 1e3,
        "first": msgspec.to_builtins(first),
        "again": msgspec.to_builtins(again),
        "again_seconds": again.total,
        "again_writes": again.steps + again.messages + again.transactions,
        "rss_mb": arena.rss(),
        "rss_before_mb": before,
    }


def versus_shell(count: int, rounds: int) -> Figures:
    """The same routers by apply and by bash, alternating."""
    ours: list[Applied] = []
    theirs: list[tuple[float, int]] = []
    for _ in range(rounds):
        ours.append(_fresh(count))
        theirs.append(shell.measure(count))
    mine, peer = _median([one.total for one in ours]), _median([one[0] for one in theirs])
    return {
        "count": count,
        "deuteron_ms": mine / count * 1e3,
        "shell_ms": peer / count * 1e3,
        "ratio": peer / mine,
        "deuteron_processes": ours[0].processes,
        "shell_processes": theirs[0][1],
        "rounds": {"deuteron": [one.total for one in ours], "shell": [one[0] for one in theirs]},
    }


def versus_pyroute2(count: int, rounds: int) -> Figures:
    """The same routers by apply and through pyroute2, alternating."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        ours.append(_fresh(count).run)
        theirs.append(through_pyroute2.measure(count))
    mine, peer = _median(ours), _median(theirs)
    return {
        "count": count,
        "deuteron_ms": mine / count * 1e3,
        "pyroute2_ms": peer / count * 1e3,
        "ratio": peer / mine,
        "rounds": {"deuteron": ours, "pyroute2": theirs},
    }


def _fresh(count: int) -> Applied:
    with Arena() as host:
        applied = host.apply(views.many_routers(count))
    settle()
    return applied


def journal(count: int, rounds: int) -> Figures:
    """The same routers with the journal and without, alternating; the journal on the disk of this tree."""
    view = views.many_routers(count)
    with_it: list[tuple[float, float]] = []
    without: list[float] = []
    for _ in range(rounds):
        without.append(_fresh(count).total)
        with Arena() as host, tempfile.TemporaryDirectory(dir=Path(__file__).parent / "results") as folder:
            with_it.append(host.apply_recorded(view, Path(folder)))
        settle()
    mine, bare = _median([total for total, _ in with_it]), _median(without)
    return {
        "count": count,
        "with_ms": mine / count * 1e3,
        "without_ms": bare / count * 1e3,
        "ratio": mine / bare,
        "share": _median([part / (total - part) for total, part in with_it]),
        "rounds": {"with": with_it, "without": without},
    }


def one_more(have: int, rounds: int) -> Figures:
    """One more floating IP on a host with none and on one with many, alternating; taken away each time."""
    with Arena() as empty, Arena() as full:
        empty.apply(views.many_floating_ips(0))
        full.apply(views.many_floating_ips(have))
        plans = [(host, _one_more_plan(host, count)) for host, count in ((empty, 1), (full, have + 1))]
        times: list[list[float]] = [[], []]
        for _ in range(rounds):
            for (host, plan), found in zip(plans, times, strict=True):
                found.append(_there_and_back(host, plan))
    at_empty, at_full = map(_median, times)
    return {
        "have": have,
        "empty_ms": at_empty * 1e3,
        "full_ms": at_full * 1e3,
        "ratio": at_full / at_empty,
        "rounds": {"empty": times[0], "full": times[1]},
    }


def _one_more_plan(host: Arena, count: int) -> Prepared:
    prepared = quiet(host.plan(compile_host(views.many_floating_ips(count))))
    if sum(len(unit.steps) for unit in prepared.plan.units) != _STEPS_OF_ONE:
        raise RuntimeError("one more floating IP is more than its route and its elements")
    return prepared


def _there_and_back(host: Arena, prepared: Prepared) -> float:
    """Seconds from the call of apply to the last acknowledgement; then all is taken back."""

    def work() -> float:
        begun = time.perf_counter()
        result = apply_plan(host.kernel, prepared)
        seconds = time.perf_counter() - begun
        left = [line for unit in prepared.plan.units for line in take_back(host.kernel, unit.steps)]
        finish()  # what the kernel frees after the removal would hold up the next addition
        if not result.ok or left:
            raise RuntimeError(f"one more floating IP failed: {result.failed or left}")
        return seconds

    return host.call(work)


#: Three elements and a route.
_STEPS_OF_ONE: Final = 4


def packets(have: int, rounds: int, seconds: float) -> Figures:
    """Connections and round trips with one floating IP and with many, alternating."""
    found = datapath.measure((1, have), rounds, seconds)
    one, many = found["1"], found[str(have)]
    return {
        "have": have,
        "one": one,
        "many": many,
        "connections_ratio": many["connections_per_second"] / one["connections_per_second"],
        "rtt_ratio": many["rtt_us"] / one["rtt_us"],
    }


def serve(routers: int, ports: int, instances: int, samples: int) -> Figures:
    """The whole service, as a user starts it, with so many routers and ports on each one's network."""
    return served.measure(routers, ports, instances, samples)


def _median(values: list[float]) -> float:
    return statistics.median(values)


CASES: Final[dict[str, Callable[..., Figures]]] = {
    "routers": routers,
    "floating_ips": floating_ips,
    "versus_shell": versus_shell,
    "versus_pyroute2": versus_pyroute2,
    "journal": journal,
    "one_more": one_more,
    "packets": packets,
    "serve": serve,
    "api": neutron_api.api,
    "api_pages": neutron_api.api_pages,
    "neutron_api": neutron_api.neutron_api,
}
#: Cases that ask something on the host itself, not in a sandbox.
OUTSIDE: Final = frozenset({"neutron_api"})


def run(name: str, arguments: dict[str, Any]) -> Figures:
    """Run a case, in the sandbox, and say how busy the machine was with other things at its begin."""
    settle()
    load = os.getloadavg()[0]
    spare_the_collector()  # as the command line does
    arena.count_processes()
    figures = CASES[name](**arguments)
    return {"case": name, "load": load, **figures}
