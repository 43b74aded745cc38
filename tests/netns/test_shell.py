"""The script of a plan, run by bash on a fresh host, makes the state that apply makes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deuteron.apply.destroy import NOTHING
from deuteron.apply.engine import prepare
from deuteron.apply.look import look_for
from deuteron.compile import compile_host
from deuteron.inputs import load
from deuteron.lab.payload_world import PayloadWorld
from deuteron.objects import Observed, Wanted
from deuteron.reconcile.shell import render_shell
from tests.netns.site import Site
from tests.support.sandbox import Host

ROOT = Path(__file__).parents[2]
MISSING = [tool for tool in ("bash", "ip", "nft", "sysctl") if shutil.which(tool) is None]

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(bool(MISSING), reason=f"not on this machine: {', '.join(MISSING)}"),
]


def inputs() -> list[Any]:
    """Every example, every golden topology, and each host of every recorded payload."""
    files = [*ROOT.glob("examples/*.yaml"), ROOT / "src/deuteron/lab/demo.yaml"]
    files += ROOT.glob("tests/golden/**/*.yaml")
    cases = [
        pytest.param(
            each,
            None,
            id=f"{each.parent.name}-{each.stem}",
            marks=[pytest.mark.tun] if "tap:" in each.read_text() else [],
        )
        for each in sorted(files)
    ]
    for payload in sorted(ROOT.glob("tests/data/neutron-payloads/*.json")):
        names = sorted(json.loads(payload.read_text())["hosts"])
        cases += [pytest.param(payload, name, id=f"{payload.stem}-{name}") for name in names]
    return cases


def run(script: str) -> None:
    done = subprocess.run(["bash"], input=script, text=True, capture_output=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr


def seen(site: Site, wanted: Wanted) -> Observed:
    return site.kernel.observe(look_for(wanted))


def differences(one: Observed, other: Observed) -> list[str]:
    """What is ours and not the same, a line each."""
    keys = sorted(one.objects.keys() | other.objects.keys())
    return [
        f"{one.objects.get(key)} {one.owners.get(key)} != {other.objects.get(key)} {other.owners.get(key)}"
        for key in keys
        if one.objects.get(key) != other.objects.get(key) or one.owners.get(key) != other.owners.get(key)
    ]


@pytest.mark.parametrize(("file", "name"), inputs())
def test_the_script_makes_what_apply_makes_and_takes_it_away(
    site: Site, host: Host, file: Path, name: str | None
) -> None:
    view = load(file, host=name).view
    wanted = compile_host(view)
    PayloadWorld(site.ground, view).prepare()
    bare = site.ground.namespaces(), site.ground.links()

    script = render_shell(prepare(site.kernel, wanted).plan)
    site.converge(wanted)
    applied = seen(site, wanted)
    site.converge(NOTHING)

    run(script)
    by_script = seen(site, wanted)
    assert differences(applied, by_script) == []
    assert by_script.foreign == applied.foreign

    run(render_shell(prepare(site.kernel, NOTHING, wanted).plan))
    assert host.leaks() == []
    assert (site.ground.namespaces(), site.ground.links()) == bare


def test_the_script_of_a_change_makes_the_change(site: Site) -> None:
    file = ROOT / "src/deuteron/lab/demo.yaml"
    view = load(file).view
    moved = site.directory / "moved.yaml"
    moved.write_text(
        file.read_text()
        .replace("203.0.113.51, port_id: web-2", "203.0.113.51, port_id: batch")
        .replace("{name: green}", "{name: green, mtu: 1400}")
    )
    PayloadWorld(site.ground, view).prepare()
    site.converge(compile_host(view))
    after = compile_host(load(moved).view)
    script = render_shell(prepare(site.kernel, after).plan)
    run(script)
    site.wanted = after
    assert site.remaining() == []
