"""A world compiled, applied to the executing fake, and walked by packets."""

from __future__ import annotations

from typing import Any

from tests.unit.compile.world import World

from deuteron.compile import compile_host
from deuteron.kernel.fake import FakeKernel, Packet, Trace
from deuteron.objects import Observed, Wanted
from deuteron.reconcile.plan import make_plan

INTERNET = "internet"


def started(world: World, *machine: str, gateway: str = "", bridge: str = "br-ex") -> FakeKernel:
    """A host with the world's bridges and instances, all of it applied; ``machine`` addresses the outside."""
    wanted = compile_host(world.view())
    kernel = FakeKernel()
    for need in sorted({need for unit in wanted.units for need in unit.needs}):
        if need.kind == "bridge":
            kernel.add_host_bridge(need.name)
        elif need.name not in kernel.state.namespaces:
            kernel.add_instance_netns(need.name)
    if machine:
        kernel.add_machine(INTERNET, bridge, *machine, gateway=gateway)
    run(kernel, wanted)
    return kernel


def run(kernel: FakeKernel, wanted: Wanted) -> None:
    """Apply to a host where nothing of ours is."""
    steps = [step for unit in make_plan(wanted, Observed(objects={}, owners={})).units for step in unit.steps]
    outcome = kernel.run(steps)
    assert outcome.error is None, (outcome.error, steps[outcome.failed or 0])


def send(kernel: FakeKernel, netns: str, dst: str, **more: Any) -> Trace:
    """One packet from a namespace."""
    return kernel.trace(Packet(netns=netns, dst=dst, **more))


def talks(kernel: FakeKernel, netns: str, dst: str, **more: Any) -> Trace:
    """A packet that arrives, and whose answer comes back; returns its way there."""
    there = send(kernel, netns, dst, **more)
    assert there.delivered, explain(there)
    back = kernel.reply(there)
    assert back.delivered, explain(back)
    assert back.netns == netns, explain(back)
    assert back.packet.src == there.sent.dst, explain(back)
    return there


def explain(trace: Trace) -> str:
    """A trace for people."""
    hops = "\n".join(f"{hop.netns}: {hop.what}" for hop in trace.hops)
    return f"{trace.verdict} {trace.reason} {trace.rule} in {trace.netns}\n{hops}\n{trace.packet}"
