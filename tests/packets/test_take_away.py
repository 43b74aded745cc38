"""Take any one rule, element or parameter of ours away: never more open than wanted.

On the fake kernel each one, on the real one a sample; its seed is printed with every failure.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from deuteron.kernel.linux import LinuxKernel
from tests.packets.fake_host import DECIDES, FakeHost
from tests.packets.probe import one_cpu
from tests.packets.real_flows import RealFlows
from tests.packets.reference import BLUE, INTERNET, RED, Ground
from tests.packets.stages import Stages
from tests.packets.take_away import each_one, put_back, take, without_filters
from tests.support.sandbox import private_host

#: Wanted for every instance, and closed to one with an NDP proxy: its ping to its router's own external
#: address goes by the leg and comes back to the ``snat-`` from outside with an inside source, which the
#: guard there drops.  Without the proxy's mark it goes by ``sg-``, as that of its neighbours does.
ALSO_WANTED = {("floating", f"echo6 {RED.v6(5)} > {RED.gateway6}", "red1")}

#: Things taken away on the real kernel.
SAMPLE = 24


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> FakeHost:
    """One distributed and one centralised router, two tenants."""
    return FakeHost(tmp_path_factory.mktemp("fake"), (RED, BLUE))


def test_no_single_thing_holds_a_door_shut_alone(fake: FakeHost) -> None:
    before = fake.open(fake.flows)
    known = {flow for flow, _, _ in before}
    # What takes no step in a namespace is not changed by what is taken away there.
    touched = {flow: frozenset(fake.touched(flow)) for flow in fake.flows if flow not in known}
    wider: list[str] = []
    count = 0
    for taken in each_one(fake.wanted):
        count += 1
        if taken.knob and taken.knob not in DECIDES:
            continue  # it changes nothing here: that is for the real kernel
        flows = [flow for flow, met in touched.items() if taken.netns in met]
        take(fake.kernel, taken.step)
        new = [key for key in fake.open(flows) if key not in before]
        put_back(fake.kernel, taken.step)
        wider += [f"{taken.what} opens {flow} to {end or 'host'}" for flow, end, _ in new[:3]]
    assert count > 100, count
    assert not wider, "\n" + "\n".join(wider)


def test_open_doors_are_seen(fake: FakeHost) -> None:
    """That the matrix of flows can tell: without the filter chains it is far wider."""
    before = fake.open(fake.flows)
    steps = list(without_filters(fake.wanted))
    for step in steps:
        take(fake.kernel, step)
    new = fake.open(fake.flows).keys() - before.keys()
    for step in steps:
        put_back(fake.kernel, step)
    assert len(new) >= 20, new
    assert fake.open(fake.flows).keys() == before.keys()


def test_what_is_wanted_is_open(fake: FakeHost) -> None:
    ends = {(flow.netns, flow.dst, end) for flow, end, _ in fake.open(fake.flows) if not flow.src}
    assert (INTERNET, RED.floating, "red1") in ends
    assert (INTERNET, BLUE.floating, "blue1") in ends
    assert ("red1", BLUE.floating, "blue1") in ends
    assert ("red2", RED.v6(5), "red1") in ends
    assert (INTERNET, RED.v6(5), "red1") in ends
    assert (INTERNET, RED.v6(6), "red2") not in ends


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealFlows]:
    """The reference host on the real kernel."""
    with private_host() as host, one_cpu():
        kernel = LinuxKernel(host.netns_dir)
        ground = Ground(host, kernel, tmp_path_factory.mktemp("real"))
        stages = Stages(ground)
        try:
            yield RealFlows(stages)
        finally:
            stages.close()
            ground.close()
            kernel.close()


@pytest.mark.kernel
def test_on_the_real_kernel_neither(real: RealFlows) -> None:
    seed = random.randrange(1 << 32)
    wanted, kernel = real.wanted, real.kernel
    sample = random.Random(seed).sample(list(each_one(wanted)), SAMPLE)
    before = real.settled() | ALSO_WANTED
    assert len(before) >= 20, (seed, before)
    wider: list[str] = []
    for taken in sample:
        take(kernel, taken.step)
        wider += [f"{taken.what} opens {each}" for each in sorted(real.open() - before)[:3]]
        put_back(kernel, taken.step)
    assert not wider, f"seed {seed}\n" + "\n".join(wider)
    assert real.site_is_as_wanted()


@pytest.mark.kernel
def test_open_doors_are_seen_on_the_real_kernel(real: RealFlows) -> None:
    before = real.settled()
    steps = list(without_filters(real.wanted))
    for step in steps:
        take(real.kernel, step)
    new = real.open() - before
    for step in steps:
        put_back(real.kernel, step)
    assert len(new) >= 10, new
