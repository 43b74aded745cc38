"""A plan in words, in JSON and as a script."""

from __future__ import annotations

import json
import subprocess

from deuteron.compile import compile_host
from deuteron.objects import Address, Netns, Observed, Unit, Wanted
from deuteron.reconcile import Plan, make_plan
from deuteron.reconcile.explain import explain
from deuteron.reconcile.render import NO_CHANGES, render_json, render_text
from deuteron.reconcile.shell import render_shell
from tests.unit.compile.world import distributed
from tests.unit.reconcile.test_plan import HOME, address, observed, veth, wanted

FRESH = Observed(objects={}, owners={})


def plan() -> Plan:
    return make_plan(wanted(HOME, veth(mtu=1400), address("10.0.0.1/24")), observed(wanted(HOME, veth())))


def test_no_difference_says_so() -> None:
    assert render_text(Plan()) == f"{NO_CHANGES}\n"
    assert "No changes" in render_shell(Plan())


def test_the_first_character_tells_what_happens_and_the_last_line_counts() -> None:
    lines = render_text(plan()).splitlines()
    assert lines == [
        "router r1 (router/1)",
        "~ veth tap1 in net-1: mtu 1500 -> 1400",
        "+ address 10.0.0.1/24 on qr-1 in qrouter-1",
        "",
        "Plan: 1 to add, 1 to change, 0 to destroy, in 1 unit.",
    ]


def test_verbose_says_why() -> None:
    assert "    it is where this unit answers and is routed to" in render_text(plan(), verbose=True)


def test_json_has_a_version_and_the_whole_steps() -> None:
    document = json.loads(render_json(plan()))
    assert document["version"] == 1
    assert document["tally"] == {"add": 1, "change": 1, "destroy": 0, "units": 1}
    (unit,) = document["units"]
    assert [step["type"] for step in unit["steps"]] == ["Update", "Create"]
    assert unit["steps"][1]["object"]["address"] == "10.0.0.1/24"


def test_every_object_of_a_world_is_described_and_explained() -> None:
    world = compile_host(distributed().view())
    text = render_text(make_plan(world, FRESH), verbose=True)
    assert text.count("\n+ ") == text.count("\n    it ")
    address = next(obj for unit in world.units for obj in unit.objects if isinstance(obj, Address))
    assert str(explain(world, address.key)).endswith("is where this unit answers and is routed to")
    assert explain(world, ("address", "nowhere")) is None


def test_the_script_is_bash_and_names_are_quoted() -> None:
    odd = Wanted(
        units=(Unit(name="network/1", title="n", objects=(Netns(name="net-$(boom) x", owner="o"),)),)
    )
    script = render_shell(make_plan(odd, FRESH))
    assert "'net-$(boom) x'" in script
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0


def test_the_titles_of_a_script_cannot_end_their_comment() -> None:
    odd = Wanted(units=(Unit(name="network/1", title="n\nboom", objects=(Netns(name="net-1", owner="o"),)),))
    assert "\nboom" not in render_shell(make_plan(odd, FRESH))
    assert "\nboom" not in render_text(make_plan(odd, FRESH))
