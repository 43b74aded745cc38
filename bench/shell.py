"""The peer that everybody has: the script of ``plan --format shell``, run by bash."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time

from bench import views
from bench.arena import Arena, quiet, settle
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.reconcile.shell import render_shell

# In a pid namespace of its own each new process has the next number: the last one tells how many there were.
_COUNTED = """unshare --pid --fork bash -c 'bash "$1"; sh -c "echo processes \\$\\$"; true' - "$1" """


def script(host: Arena, view: HostView) -> str:
    """The script that makes ``host`` what ``view`` says, without announcements."""
    return render_shell(quiet(host.plan(compile_host(view))).plan)


def run(host: Arena, view: HostView) -> tuple[float, int]:
    """Seconds that bash takes for the script, and how many processes it starts."""
    text = script(host, view)
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
        file.write(text)
        file.flush()

        def work() -> tuple[float, str]:
            begun = time.perf_counter()
            done = subprocess.run(
                ["bash", "-c", _COUNTED, "-", file.name], capture_output=True, text=True, check=False
            )
            return time.perf_counter() - begun, done.stdout + done.stderr

        seconds, output = host.call(work)
    found = re.search(r"processes (\d+)", output)
    left = host.plan(compile_host(view)).plan.units
    if found is None or left:
        raise RuntimeError(f"the script left {len(left)} units undone: {output[-400:]}")
    return seconds, int(found[1]) - 2


def measure(count: int) -> tuple[float, int]:
    """The same on a host of its own with ``count`` routers."""
    with Arena() as host:
        result = run(host, views.many_routers(count))
    settle()
    return result
