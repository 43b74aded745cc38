"""Private hosts to measure on, several in one process, and what was asked of the kernel."""

from __future__ import annotations

import gc
import queue
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from bench import views
from deuteron.apply import look_for
from deuteron.apply.engine import Prepared, apply_plan, prepare
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.kernel.linux import LinuxKernel, sandbox
from deuteron.lab.world import LinuxWorld
from deuteron.objects import Run, Wanted
from deuteron.reconcile.plan import Plan
from deuteron.state import State
from deuteron.state.journal import Target

T = TypeVar("T")

_PROCESS_EVENTS = frozenset({"subprocess.Popen", "os.fork", "os.posix_spawn", "os.exec", "os.system"})
_started = [0]


def count_processes() -> None:
    """From now on, count the processes that this one starts."""

    def hook(event: str, _arguments: object) -> None:
        if event in _PROCESS_EVENTS:
            _started[0] += 1

    sys.addaudithook(hook)


class Applied(msgspec.Struct, frozen=True):
    """One apply, in seconds and counts.

    Attributes:
        compile: from the view to the wanted objects (and starting, where the agent has to).
        observe: from there to the plan: the look at the kernel and the difference.
        run: from the call of apply to the last acknowledgement.
        cpu: processor time of this process for all three, the kernel's on its behalf included.
        units: seconds by kind of unit, within ``run``.
    """

    compile: float
    observe: float
    run: float
    cpu: float
    steps: int
    messages: int
    sends: int
    transactions: int
    processes: int
    units: dict[str, float]

    @property
    def total(self) -> float:
        """All three."""
        return self.compile + self.observe + self.run


class Arena:
    """A host of its own: a thread in network and mount namespaces of its own, with a provider bridge."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="arena")
        self._thread.start()
        self.call(self._prepare)

    def _loop(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _prepare(self) -> None:
        sandbox.private_network()
        self.world = LinuxWorld()
        self.world.bridge(views.BRIDGE, 1500)
        self.kernel = LinuxKernel()

    def call(self, work: Callable[[], T]) -> T:
        """Run ``work`` on this host."""
        future: Future[T] = Future()

        def job() -> None:
            try:
                future.set_result(work())
            except BaseException as error:  # handed to the caller, whatever it is
                future.set_exception(error)

        self._jobs.put(job)
        return future.result()

    def plan(self, wanted: Wanted) -> Prepared:
        """What is to do on this host."""
        return self.call(lambda: prepare(self.kernel, wanted))

    def apply(self, view: HostView) -> Applied:
        """Make the host what ``view`` says, announcements left out."""
        return self.call(lambda: _apply(lambda: self.kernel, view))

    def apply_restarted(self, view: HostView) -> Applied:
        """The same by an agent that has just started, with what the last one left in the state directory."""
        return self.call(lambda: self._apply_restarted(view))

    def _apply_restarted(self, view: HostView) -> Applied:
        self.kernel.observe(look_for(compile_host(view)))  # as the command line reads back what it did
        with tempfile.TemporaryDirectory() as folder, State(Path(folder)) as state:
            state.remember(self.kernel.rulesets())
            self.kernel.close()
            gc.collect()

            def start() -> LinuxKernel:
                self.kernel = LinuxKernel(rulesets=state.rulesets())
                return self.kernel

            return _apply(start, view)

    def apply_recorded(self, view: HostView, folder: Path) -> tuple[float, float]:
        """Make the host what ``view`` says with a journal in ``folder``: seconds in all, and its own."""
        return self.call(lambda: _apply_recorded(self.kernel, view, folder))

    def close(self) -> None:
        """Let the host go; its namespaces vanish with their last name."""
        self.call(self._leave)
        self._jobs.put(None)
        self._thread.join()

    def _leave(self) -> None:
        self.kernel.close()
        sandbox.leave_private_run()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _apply(kernel_of: Callable[[], LinuxKernel], view: HostView) -> Applied:
    started, cpu = _started[0], time.process_time()
    begun = time.perf_counter()
    kernel = kernel_of()
    before = kernel.tally()
    wanted = compile_host(view)
    compiled = time.perf_counter()
    prepared = quiet(prepare(kernel, wanted))
    planned = time.perf_counter()
    result = apply_plan(kernel, prepared)
    done = time.perf_counter()
    if not result.ok:
        raise RuntimeError(f"the bench's host was not made: {result.failed[0].error}")
    after = kernel.tally()
    units: dict[str, float] = {}
    for unit in result.units:
        kind = unit.unit.partition("/")[0]
        units[kind] = units.get(kind, 0.0) + unit.seconds
    return Applied(
        compile=compiled - begun,
        observe=planned - compiled,
        run=done - planned,
        cpu=time.process_time() - cpu,
        steps=sum(len(unit.steps) for unit in prepared.plan.units),
        messages=after.messages - before.messages,
        sends=after.sends - before.sends,
        transactions=after.transactions - before.transactions,
        processes=_started[0] - started,
        units=units,
    )


def _apply_recorded(kernel: LinuxKernel, view: HostView, folder: Path) -> tuple[float, float]:
    target = Target(verb="apply", view=view, source="bench", at=datetime.now(UTC))
    with State(folder) as state:
        begun = time.perf_counter()
        wanted = compile_host(view)
        prepared = quiet(prepare(kernel, wanted))
        planned = time.perf_counter()
        state.begin(target, prepared.plan.units)
        durable = time.perf_counter()
        result = apply_plan(kernel, prepared)
        done = time.perf_counter()
        state.finish(target, result, wanted=frozenset(unit.name for unit in wanted.units))
        finished = time.perf_counter()
    if not result.ok:
        raise RuntimeError(f"the bench's host was not made: {result.failed[0].error}")
    return finished - begun, (durable - planned) + (finished - done)


def quiet(prepared: Prepared) -> Prepared:
    """The same without announcements: arping waits a second for each, which is not what is compared."""
    units = tuple(
        msgspec.structs.replace(unit, steps=tuple(step for step in unit.steps if not isinstance(step, Run)))
        for unit in prepared.plan.units
    )
    return msgspec.structs.replace(prepared, plan=Plan(units=units))


def rss() -> float:
    """Resident memory of this process, MB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 1e6


def settle(seconds: float = 120.0) -> None:
    """Wait until the kernel has taken away the network namespaces that are gone, so that it does not
    do so during the next measurement."""
    deadline, last, still = time.monotonic() + seconds, -1, 0
    while time.monotonic() < deadline and still < 20:
        now = _live_namespaces()
        still = still + 1 if now == last else 0
        last = now
        time.sleep(0.1)


def _live_namespaces() -> int:
    try:
        lines = Path("/proc/slabinfo").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("net_namespace ")), 0)
