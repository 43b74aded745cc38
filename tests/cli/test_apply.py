"""``deuteron apply``."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from typing import Any

import pytest

from deuteron.kernel.linux.netlink import link, route
from tests.cli.command import ONE_HOST, PAYLOADS, PROGRAM, ROOT, Site, example

pytestmark = pytest.mark.kernel

NO_CHANGES = "No changes. The host is as wanted.\n"
ROUTERS = 60


def test_twice_is_once(site: Site) -> None:
    first = site.run("apply", ONE_HOST)
    assert (first.status, first.err) == (0, "")
    assert re.fullmatch(r"Applied: \d+ made, 0 changed, 0 destroyed in 8 units, \d+ ms\.\n", first.out)
    made = site.picture()
    again = site.run("apply", ONE_HOST)
    assert (again.status, again.out, again.err) == (0, NO_CHANGES, "")
    assert site.picture() == made
    assert site.run("verify").status == 0


def test_json_says_of_every_unit_what_became_of_it(site: Site) -> None:
    ended = site.run("apply", ONE_HOST, "-o", "json")
    document = ended.document()
    assert (ended.status, ended.err) == (0, "")
    assert document.keys() == {"version", "ok", "seconds", "units"}
    assert document["ok"] is True
    assert {unit["outcome"] for unit in document["units"]} == {"done"}
    assert len(document["units"]) == 8


def test_a_router_that_is_no_longer_in_the_file_goes(site: Site) -> None:
    site.run("apply", ONE_HOST)
    lines = [line for line in example().splitlines() if "name: r2" not in line and "203.0.113.51" not in line]
    before = {name for name in site.namespaces() if name.startswith("qrouter-")}
    ended = site.run("apply", site.file("\n".join(lines)))
    assert ended.status == 0, ended.err
    after = {name for name in site.namespaces() if name.startswith("qrouter-")}
    assert (len(before), len(after)) == (2, 1)
    assert site.run("verify").status == 0


def add_default_route(site: Site, netns: str) -> None:
    """Somebody's own default route, by ``lo``, in an instance's namespace."""
    with site.host.netlink(netns) as rt:
        (ack,) = rt.batch([route.new_route("0.0.0.0/0", [route.NexthopRecord(1)])])
    assert ack.errno == 0


def test_a_unit_that_fails_is_named_and_taken_back_and_the_others_stay(site: Site) -> None:
    add_default_route(site, "vm2")
    ended = site.run("apply", ONE_HOST)
    assert ended.status == 1
    (line,) = ended.err.splitlines()
    assert line.startswith("✗ port vm2: step 5 of 5 (+ default route")
    assert re.search(r" \[[a-z-]+\]$", line)
    assert ended.out.startswith("Applied: 7 of 8 units; 1 failed, all of it taken back, ")
    assert "eth0" not in site.host.links("vm2")
    assert {"eth0"} <= site.host.links("vm1").keys() & site.host.links("vm3").keys()
    left = site.run("plan", ONE_HOST, "-o", "json").document()["units"]
    assert [unit["title"] for unit in left] == ["port vm2"]


def test_a_failing_unit_in_json(site: Site) -> None:
    add_default_route(site, "vm2")
    ended = site.run("apply", ONE_HOST, "-o", "json")
    assert ended.status == 1
    assert ended.document()["ok"] is False
    (failed,) = [unit for unit in ended.document()["units"] if unit["outcome"] != "done"]
    assert (failed["title"], failed["outcome"]) == ("port vm2", "undone")
    assert failed["code"]


def test_what_is_not_ours_in_our_namespaces_survives(site: Site) -> None:
    site.run("apply", ONE_HOST)
    router = next(name for name in site.namespaces() if name.startswith("qrouter-"))
    site.host.make_bridge("theirs", router)
    assert site.run("apply", ONE_HOST).out == NO_CHANGES
    site.run("apply", site.file(example(("203.0.113.51", "203.0.113.52"))))
    assert "theirs" in site.host.links(router)


@pytest.mark.parametrize(("payload", "agent"), [("dvr-one-fip", "net1"), ("legacy-dual-stack", "legacy1")])
def test_an_answer_of_a_server_there_and_away(payload: str, agent: str, bare: Site) -> None:
    bare.host.make_bridge("br-out")
    before = bare.picture()
    request = (PAYLOADS / f"{payload}.json", "--host", agent, "--external-bridge", "br-out")
    ended = bare.run("apply", *request)
    assert ended.status == 0, ended.err
    assert bare.run("apply", *request).out == NO_CHANGES
    assert bare.run("verify").status == 0
    assert bare.run("destroy").status == 0
    assert bare.picture() == before


def test_an_address_is_announced_three_times_before_the_command_ends(site: Site) -> None:
    with site.host.netlink() as rt:
        messages = [
            link.new_veth("uplink", "02:00:00:00:00:01", 1500, "wire", "02:00:00:00:00:02"),
            link.set_link("uplink", up=True, master=site.host.links()["br-ex"].index),
            link.set_link("wire", up=True),
        ]
        assert not any(ack.errno for ack in rt.batch(messages))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)) as listener:
        listener.bind(("wire", 0x0806))
        assert site.run("apply", ONE_HOST).status == 0
        listener.setblocking(False)
        heard = 0
        wanted = socket.inet_aton("203.0.113.50")
        while frame := received(listener):
            heard += frame[28:32] == wanted and frame[20:22] == b"\0\2"
    assert heard == 3


def received(listener: socket.socket) -> bytes:
    try:
        return listener.recv(2000)
    except BlockingIOError:
        return b""


def many_routers() -> str:
    """A file whose units take long enough to be interrupted among them."""
    networks = "".join(f"  - {{name: n{n}}}\n" for n in range(ROUTERS))
    subnets = "".join(
        f"  - {{name: s{n}, network_id: n{n}, cidr: 10.{n}.0.0/24}}\n" for n in range(1, ROUTERS)
    )
    routers = "".join(
        f"  - {{name: q{n}, external_gateway_info: {{network_id: public}}, interfaces: [s{n}]}}\n"
        for n in range(1, ROUTERS)
    )
    return example(
        ("networks:\n", f"networks:\n{networks}"),
        ("subnets:\n", f"subnets:\n{subnets}"),
        ("routers:\n", f"routers:\n{routers}"),
    )


def units(site: Site, topology: Any) -> dict[str, Any]:
    document = site.run("plan", topology, "-o", "json").document()
    return {unit["unit"]: unit["steps"] for unit in document["units"]}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_apply_leaves_no_half_unit(number: signal.Signals, site: Site) -> None:
    topology = site.file(many_routers())
    wanted = units(site, topology)
    with subprocess.Popen(
        [str(PROGRAM), "apply", str(topology)],
        env=site.run.environment(),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        deadline = time.monotonic() + 30
        while not any(name.startswith("qrouter-") for name in site.namespaces()):
            assert time.monotonic() < deadline
            time.sleep(0.0005)
        child.send_signal(number)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    # On a line of its own: a terminal has just drawn ^C.
    sentence = (
        "interrupted; the unit in progress was taken back; finish the change (deuteron recover)"
        " or go back to what was before it (deuteron recover --back)"
    )
    assert err == f"\ndeuteron: {sentence} [interrupted]\n"
    left = units(site, topology)
    assert 0 < len(left) < len(wanted)
    # Whatever is still to do is to be done from the beginning: each unit is there whole, or not at all.
    halves = [name for name, steps in left.items() if steps != wanted[name]]
    assert halves == []
    assert site.run("apply", topology).status == 0
