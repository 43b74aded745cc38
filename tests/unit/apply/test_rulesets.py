"""Rulesets remembered between processes: they save listing and never hide a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from deuteron.apply.engine import apply_plan, prepare, verify
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.linux.memory import Ruleset
from deuteron.kernel.linux.nft import Nftables
from deuteron.objects import NftTable, Wanted
from deuteron.state import State
from tests.support.sandbox import Host
from tests.unit.apply.hosts import wanted_of
from tests.unit.apply.test_engine_linux import furnish
from tests.unit.compile.world import distributed

pytestmark = pytest.mark.kernel


def routers_of(wanted: Wanted) -> list[str]:
    return [thing.netns for unit in wanted.units for thing in unit.objects if isinstance(thing, NftTable)]


@pytest.fixture
def left(host: Host, tmp_path: Path) -> tuple[Wanted, list[Ruleset]]:
    """A host that an earlier process has made and read back, and what it left in its state directory."""
    furnish(host)
    wanted = wanted_of(distributed())
    kernel = LinuxKernel(host.netns_dir)
    assert apply_plan(kernel, prepare(kernel, wanted)).ok
    assert verify(kernel, wanted).none
    with State(tmp_path / "state") as state:
        state.remember(kernel.rulesets())
        kernel.close()
        return wanted, state.rulesets()


def test_a_restarted_agent_lists_nothing_that_has_not_changed(
    host: Host, left: tuple[Wanted, list[Ruleset]]
) -> None:
    wanted, rulesets = left
    kernel = LinuxKernel(host.netns_dir, rulesets=rulesets)
    assert verify(kernel, wanted).none
    assert kernel.tally().listings == 0
    kernel.close()


def test_a_rule_that_somebody_added_meanwhile_is_seen(host: Host, left: tuple[Wanted, list[Ruleset]]) -> None:
    wanted, rulesets = left
    netns = routers_of(wanted)[0]
    with host.inside(netns):
        Nftables().run("add rule inet deuteron forward accept")
    kernel = LinuxKernel(host.netns_dir, rulesets=rulesets)
    differences = verify(kernel, wanted)
    assert [
        step.old.key for unit in differences.plan.units for step in unit.steps if hasattr(step, "old")
    ] == [("nft_table", netns)]
    assert kernel.tally().listings == 1
    kernel.close()


def test_nothing_is_believed_of_another_boot_or_another_namespace_of_the_name(
    host: Host, left: tuple[Wanted, list[Ruleset]]
) -> None:
    wanted, rulesets = left
    lies = [
        Ruleset(
            netns=one.netns,
            boot=one.boot if number % 2 else "another",
            cookie=one.cookie + number % 2,
            generation=one.generation,
            listing=one.listing,
        )
        for number, one in enumerate(rulesets)
    ]
    kernel = LinuxKernel(host.netns_dir, rulesets=lies)
    assert verify(kernel, wanted).none
    assert kernel.tally().listings == len(routers_of(wanted)) > 1
    kernel.close()
