"""The same random history on the fake and on the real kernel ends in the same state, step by step."""

from __future__ import annotations

import random

import msgspec
import pytest

from deuteron.kernel.fake import FakeKernel
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.protocol import Kernel
from deuteron.objects import Address, Create, Delete, KernelObject, Netns, Route, Step, Sysctl, Update, Veth
from tests.contract.rigs import FakeRig, LinuxRig
from tests.contract.things import ADDRESS, BASE, CONTENTS, ELEMENT, LOOK, NEIGHBOUR, ROUTE, VETH, VM, VM_VETH
from tests.support.sandbox import Host

#: States of things that exclude each other: the same key in another state.
OTHERS: tuple[KernelObject, ...] = (
    msgspec.structs.replace(NEIGHBOUR, mac="fa:16:3e:00:00:aa"),
    msgspec.structs.replace(ELEMENT, value=("10.0.0.77",)),
    msgspec.structs.replace(VETH, master=""),
    msgspec.structs.replace(ROUTE, nexthops=(msgspec.structs.replace(ROUTE.nexthops[0], via="10.0.0.200"),)),
)
SECOND = msgspec.structs.replace(ADDRESS, address="10.0.0.2/24")
FLOATING = msgspec.structs.replace(ADDRESS, address="203.0.113.50/32")
VM_ADDRESS = Address(netns=VM, dev="eth0", address="10.0.0.5/24")

POOL: tuple[KernelObject, ...] = (*BASE, *CONTENTS, VM_VETH, VM_ADDRESS, SECOND, FLOATING)


def a_step(chance: random.Random) -> Step:
    """Mostly things being made, now and then one goes or changes."""
    thing = chance.choice(POOL)
    draw = chance.random()
    if draw < 0.12 and not isinstance(thing, Sysctl):
        return Delete(thing)
    if draw < 0.2:
        other = chance.choice(OTHERS)
        (usual,) = (one for one in POOL if one.key == other.key)
        old, new = (usual, other) if chance.random() < 0.7 else (other, usual)
        return Update(old=old, new=new)
    return Create(thing)


def history(seed: int, length: int) -> list[Step]:
    """Steps at random, most things made once in order so that the rest has something to stand on."""
    chance = random.Random(seed)
    steps: list[Step] = [Create(thing) for thing in POOL if chance.random() < 0.9]
    while len(steps) < length:
        step = a_step(chance)
        steps.append(step)
        if isinstance(step, Delete) and chance.random() < 0.5:
            # Containers are made again, or soon nothing would be left to play with.
            steps += [Create(one) for one in POOL if chance.random() < 0.8]
    return steps


def both_agree(fake: Kernel, linux: Kernel, step: Step) -> None:
    """Run the step on both and compare all that can be seen; an update of what is not there is not run."""
    if isinstance(step, Update) and fake.observe(LOOK).objects.get(step.old.key) != step.old:
        return
    ours, theirs = fake.run([step]), linux.run([step])
    assert ours.done == theirs.done, (step, ours.error, theirs.error)
    errors = (ours.error.errno if ours.error else 0, theirs.error.errno if theirs.error else 0)
    assert errors[0] == errors[1], (step, ours.error, theirs.error)
    seen, real = fake.observe(LOOK), linux.observe(LOOK)
    assert seen.objects == real.objects, (step, differences(seen.objects, real.objects))
    assert seen.owners == real.owners, step
    assert (seen.netns, seen.links) == (real.netns, real.links), step
    assert {(one.netns, one.kind) for one in seen.foreign} == {(one.netns, one.kind) for one in real.foreign}


def differences(fake: dict[tuple[str, ...], KernelObject], linux: dict[tuple[str, ...], KernelObject]) -> str:
    lines = [f"only in the fake: {fake[key]!r}" for key in fake.keys() - linux.keys()]
    lines += [f"only in the kernel: {linux[key]!r}" for key in linux.keys() - fake.keys()]
    lines += [
        f"{fake[key]!r} != {linux[key]!r}" for key in fake.keys() & linux.keys() if fake[key] != linux[key]
    ]
    return "\n".join(lines)


@pytest.mark.kernel
@pytest.mark.parametrize("seed", range(10))
def test_fake_and_kernel_agree_after_every_step(seed: int, linux_kernel: LinuxKernel, host: Host) -> None:
    print(f"seed {seed}")
    fake, linux = FakeRig(), LinuxRig(linux_kernel, host)
    for rig in (fake, linux):
        rig.netns(VM)
    for step in history(seed, 120):
        both_agree(fake.kernel, linux.kernel, step)


@pytest.mark.parametrize("seed", range(20))
def test_making_and_unmaking_ends_where_it_began(seed: int) -> None:
    fake = FakeKernel()
    fake.add_instance_netns(VM)
    before = fake.snapshot()
    for step in history(seed, 200):
        fake.run([step])
    kinds: tuple[type[KernelObject], ...] = (Route, Veth, Netns)
    for kind in kinds:
        left = [thing for thing in fake.observe(LOOK).objects.values() if isinstance(thing, kind)]
        outcome = fake.run([Delete(thing) for thing in left])
        assert outcome.failed is None, outcome.error
    assert fake.snapshot() == before
