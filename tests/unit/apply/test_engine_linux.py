"""The same laws on the real kernel, and the script of each plan beside it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deuteron.apply.destroy import destroy_plan
from deuteron.apply.engine import Prepared, apply_plan, prepare, verify
from deuteron.apply.look import look_for
from deuteron.kernel.linux import LinuxKernel
from deuteron.objects import KernelObject, Key, Wanted
from deuteron.reconcile import Plan
from deuteron.reconcile.shell import render_shell
from tests.support.sandbox import Host, private_host
from tests.unit.apply.hosts import CHANGES, WORLDS, Change, changed, wanted_of
from tests.unit.compile.world import World, distributed

pytestmark = pytest.mark.kernel


def furnish(host: Host) -> None:
    host.make_bridge("br-ex")
    for name in ("vm5", "vm6", "vm7", "vm8"):
        host.make_netns(name)


def carry_out(kernel: LinuxKernel, plan: Prepared) -> None:
    result = apply_plan(kernel, plan)
    assert result.ok, result.failed


def seen(kernel: LinuxKernel, *wanted: Wanted) -> dict[Key, KernelObject]:
    return kernel.observe(look_for(*wanted)).objects


@pytest.mark.parametrize("make", WORLDS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_there_and_back_and_away(
    make: Callable[[], World], change: Change, host: Host, linux_kernel: LinuxKernel
) -> None:
    furnish(host)
    before, after = changed(make, change)
    carry_out(linux_kernel, prepare(linux_kernel, before))
    assert verify(linux_kernel, before).none
    start = seen(linux_kernel, before, after)
    carry_out(linux_kernel, prepare(linux_kernel, after, before))
    assert verify(linux_kernel, after).none
    carry_out(linux_kernel, prepare(linux_kernel, before, after))
    assert seen(linux_kernel, before, after) == start
    carry_out(linux_kernel, destroy_plan(linux_kernel))
    assert not seen(linux_kernel, before, after)
    assert host.leaks() == []


def run_script(plan: Plan, folder: Path) -> None:
    script = folder / "plan.sh"
    script.write_text(render_shell(plan))
    done = subprocess.run(["bash", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_script_of_a_change_does_what_apply_does(change: Change, tmp_path: Path) -> None:
    before, after = changed(distributed, change)
    found = []
    for by_script in (False, True):
        with private_host() as host:
            furnish(host)
            kernel = LinuxKernel(host.netns_dir)
            try:
                for plan_of in (before, after):
                    plan = prepare(kernel, plan_of, before)
                    run_script(plan.plan, tmp_path) if by_script else carry_out(kernel, plan)
                found.append(seen(kernel, before, after))
                assert verify(kernel, after).none
                plan = destroy_plan(kernel, after)
                run_script(plan.plan, tmp_path) if by_script else carry_out(kernel, plan)
                assert host.leaks() == []
            finally:
                kernel.close()
    assert found[0] == found[1]


def test_a_step_that_the_kernel_refuses_leaves_the_unit_as_it_was(
    host: Host, linux_kernel: LinuxKernel
) -> None:
    """A namespace of that name appears between the plan and its execution."""
    furnish(host)
    wanted = wanted_of(distributed())
    before = seen(linux_kernel, wanted)
    plan = prepare(linux_kernel, wanted)
    host.make_netns(next(name for name in _namespaces(wanted) if name.startswith("snat-")))
    result = apply_plan(linux_kernel, plan)
    (bad,) = result.failed
    assert (bad.unit.partition("/")[0], bad.outcome) == ("router", "undone")
    assert not [key for key in seen(linux_kernel, wanted) if key[1].startswith(("qrouter-", "snat-"))]
    assert before == {}


def _namespaces(wanted: Wanted) -> set[str]:
    return {obj.key[1] for unit in wanted.units for obj in unit.objects if obj.key[0] == "netns"}
