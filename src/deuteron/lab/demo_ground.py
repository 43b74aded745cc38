"""What the demo's story stands on: the real path of a file into a kernel, the real or the fake one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from deuteron.apply.destroy import NOTHING, destroy_plan
from deuteron.apply.engine import Prepared, apply_plan, prepare
from deuteron.compile import compile_host
from deuteron.errors import HostError
from deuteron.inputs import Allocations, load
from deuteron.kernel.fake import FakeKernel
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.protocol import Kernel
from deuteron.lab import demo_story
from deuteron.lab.demo_kernel import PacketProber
from deuteron.lab.demo_story import Applied, Chapter
from deuteron.lab.fake_world import FakeWorld, TraceProber
from deuteron.lab.payload_world import PayloadWorld
from deuteron.lab.proofs import Proof
from deuteron.lab.scene import Scene
from deuteron.lab.world import LinuxWorld, World
from deuteron.objects import Look, Wanted

Mode = Literal["packets", "simulated"]


class Machinery:
    """Load, compile, plan, apply: what ``deuteron apply`` does, on any kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._allocations = Allocations()
        self._wanted = NOTHING

    def apply(self, topology: Path) -> Applied:
        """See :class:`~deuteron.lab.demo_story.Engine`.

        Raises:
            HostError: ``demo-apply-failed``, a unit was taken back.
        """
        start = time.perf_counter()
        loaded = load(topology, allocations=self._allocations)
        self._allocations = loaded.allocations
        wanted = compile_host(loaded.view)
        return self._run(prepare(self._kernel, wanted, self._wanted), wanted, start)

    def destroy(self) -> Applied:
        """See :class:`~deuteron.lab.demo_story.Engine`.

        Raises:
            HostError: ``demo-apply-failed``, a unit was taken back.
        """
        start = time.perf_counter()
        return self._run(destroy_plan(self._kernel, self._wanted), NOTHING, start)

    def left(self) -> dict[str, int]:
        """See :class:`~deuteron.lab.demo_story.Engine`."""
        kinds = [key[0] for key in self._kernel.observe(Look()).objects]
        return {
            "namespaces": kinds.count("netns"),
            "links": kinds.count("link"),
            "tables": kinds.count("nft_table"),
        }

    def _run(self, prepared: Prepared, wanted: Wanted, start: float) -> Applied:
        result = apply_plan(self._kernel, prepared)
        if not result.ok:
            first = result.failed[0]
            raise HostError("demo-apply-failed", f"the demo could not be applied: {first.error}")
        self._wanted = wanted
        steps = sum(each.steps for each in result.units)
        return Applied(steps=steps, ms=(time.perf_counter() - start) * 1000)


def story(mode: Mode) -> Iterator[Chapter | Proof]:
    """The demo from beginning to end; in a sandbox where ``mode`` is ``packets``."""
    with tempfile.TemporaryDirectory(prefix="deuteron-demo-") as name:
        directory = Path(name)
        first = directory / "first.yaml"
        demo_story.write(first, demo_story.topology())
        if mode == "simulated":
            fake = FakeKernel()
            prober = TraceProber(fake, _surround(FakeWorld(fake), first))
            yield from demo_story.tell(Machinery(fake), prober, directory)
        else:
            yield from _on_the_kernel(first, directory)


def _on_the_kernel(first: Path, directory: Path) -> Iterator[Chapter | Proof]:
    with LinuxWorld() as world:
        before = world.links()
        prober = PacketProber(_surround(world, first))
        kernel = LinuxKernel()
        try:
            yield from demo_story.tell(Machinery(kernel), prober, directory)
        finally:
            kernel.close()
    start = time.perf_counter()
    namespaces, links = world.namespaces(), world.links()
    yield Proof(
        what=f"the sandbox is as it was: {len(namespaces)} namespaces, links: {' '.join(links)}",
        ok=not namespaces and links == before,
        ms=(time.perf_counter() - start) * 1000,
    )


def _surround(world: World, topology: Path) -> Scene:
    around = PayloadWorld(world, load(topology).view)
    around.prepare()
    return around.scene
