"""The recorded requests of a neutron-server get equal answers, but for the differences that are listed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.api_parity.compare import ABSENT, Difference, values
from tests.api_parity.differences import Known, judge, load_differences
from tests.api_parity.recording import load, recordings
from tests.api_parity.replay import replay
from tests.api_parity.symbols import Bindings, Symbols, UnboundError

ROOT = Path(__file__).resolve().parents[2]
RECORDED = {path.stem.removeprefix("seq-"): path for path in recordings()}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Difference]]:
    """What each recording shows; asked once for all tests of this file."""
    return {name: replay(load(path), tmp_path_factory.mktemp(name)) for name, path in RECORDED.items()}


def test_every_difference_has_its_reason(found: dict[str, list[Difference]]) -> None:
    known = load_differences()
    unreasoned = [
        (name, one.step, one.request, one.at, one.neutron, one.deuteron)
        for name, several in found.items()
        for one in judge(several, known).unreasoned
    ]
    assert not unreasoned, "mend it, or give it a reason in differences.toml"


def test_every_listed_difference_occurs(found: dict[str, list[Difference]]) -> None:
    several = [one for several in found.values() for one in several]
    assert [one.what for one in judge(several, load_differences()).unused] == []


def test_what_is_recorded_covers_what_is_served() -> None:
    asked = " ".join(step.path for path in RECORDED.values() for step in load(path).steps)
    for path in (
        "/networks",
        "/subnets",
        "/subnetpools",
        "/address-scopes",
        "/ports",
        "/routers",
        "/add_router_interface",
        "/add_extraroutes",
        "/floatingips",
        "/port_forwardings",
        "/quotas",
        "/rbac-policies",
        "/tags",
        "/agents",
        "/availability_zones",
        "/network-ip-availabilities",
        "/extensions",
    ):
        assert path in asked
    assert {"openstack", "openstacksdk"} <= {load(path).client for path in RECORDED.values()}


def test_the_page_is_as_the_differences_are() -> None:
    tool = ROOT / "tools" / "compatibility_page.py"
    ran = subprocess.run([sys.executable, str(tool), "--check"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


# ---- that the comparison sees what it is to see


@pytest.mark.parametrize(
    ("said", "other"),
    [
        ('"mtu":1500', '"mtu":1501'),
        ('"status":"ACTIVE"', '"status":"BUILD"'),
        ('"description":"with all"', '"colour":"red"'),
        ('"admin_state_up":false', '"admin_state_up":0'),
        ("could not be found", "was not found"),
        ('"status":404', '"status":410'),
        ('"id":"<id-2>"', '"id":"<id-1>"'),
    ],
)
def test_another_answer_is_seen(said: str, other: str, tmp_path: Path) -> None:
    text = RECORDED["networks"].read_text("utf-8")
    assert said in text
    changed = tmp_path / "changed.json"
    changed.write_text(text.replace(said, other), "utf-8")
    assert judge(replay(load(changed), tmp_path), load_differences()).unreasoned


def test_another_order_is_seen_where_an_order_was_asked_for() -> None:
    one, other = [{"name": "a"}, {"name": "b"}], [{"name": "b"}, {"name": "a"}]
    assert list(values({"networks": one}, {"networks": other}, "", Bindings(""), ordered=True))
    assert not list(values({"networks": one}, {"networks": other}, "", Bindings(""), ordered=False))


def test_a_symbol_stands_for_one_thing() -> None:
    symbols, bindings = Symbols("http://peer"), Bindings("http://here")
    first, second = "11111111-2222-4333-8444-555555555555", "66666666-2222-4333-8444-555555555555"
    assert symbols.of({"id": first, "next": f"http://peer/{first}"}) == {
        "id": "<id-1>",
        "next": "<url>/<id-1>",
    }
    assert symbols.of({"ip_address": "10.0.0.7"}) == {"ip_address": "<address-1>"}
    assert bindings.equal("<id-1>", first)
    assert not bindings.equal("<id-1>", second)
    assert bindings.equal("<url>/<id-1>", f"http://here/{first}")
    assert bindings.request("x/<id-1>") == f"x/{first}"
    with pytest.raises(UnboundError):
        bindings.request("<id-2>")


def test_a_reason_is_for_what_it_names_alone() -> None:
    one = Known(
        topic="t", what="w", reason="r", requests=("GET /v2.0/*",), at=("networks[].mtu",), neutron="1"
    )
    difference = Difference("GET /v2.0/networks", "networks[].mtu", "1", ABSENT)
    assert one.meets(difference)
    assert not one.meets(Difference("GET /v2.0/networks", "networks[].name", "1", ABSENT))
    assert not one.meets(Difference("GET /v2.0/networks", "networks[].mtu", "2", ABSENT))
    assert judge([], [one]).unused == (one,)
