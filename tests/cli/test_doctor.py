"""``deuteron doctor``: on the real kernel, as a user calls it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deuteron.compile import compile_host
from deuteron.inputs import load
from deuteron.kernel.linux import LinuxKernel
from deuteron.kernel.linux.netlink import address, link, route, rule
from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.kernel.linux.nft import Nftables
from deuteron.objects import Create, Observed, Veth
from deuteron.reconcile import make_plan
from deuteron.state.directory import State
from deuteron.state.journal import Target
from tests.cli.command import ONE_HOST, Ended, Site, example

pytestmark = pytest.mark.kernel

NOTHING = "Nothing found. The host is as wanted.\n"


def applied(site: Site, file: Path = ONE_HOST) -> Site:
    ended = site.run("apply", file)
    assert ended.status == 0, ended.err
    return site


def router(site: Site, number: int = 0) -> str:
    return [name for name in site.namespaces() if name.startswith("qrouter-")][number]


def findings(ended: Ended) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ended.document()["findings"]
    return found


def kinds(ended: Ended) -> set[str]:
    return {one["kind"] for one in findings(ended)}


def batch(site: Site, netns: str, *messages: bytes) -> None:
    with site.host.netlink(netns) as rt:
        for ack in rt.batch(list(messages)):
            assert ack.errno == 0, ack


def dead_file(site: Site, name: str) -> Path:
    """What a process leaves that was killed between the making of the file and the mount."""
    NetnsDirectory(site.host.netns_dir).prepare()
    path = site.host.netns_dir / name
    path.touch()
    return path


def test_a_host_as_wanted_has_nothing(site: Site) -> None:
    ended = applied(site).run("doctor")
    assert (ended.status, ended.out, ended.err) == (0, NOTHING, "")
    document = site.run("doctor", "-o", "json").document()
    assert (document["healthy"], document["findings"]) == (True, [])


def test_a_bare_host_has_nothing_either(bare: Site) -> None:
    ended = bare.run("doctor")
    assert (ended.status, ended.out) == (0, NOTHING)
    assert not (bare.run.state / "state.sqlite").exists()


def test_what_is_missing_is_told_with_owner_age_and_origin_and_put_back(site: Site) -> None:
    applied(site)
    gone = site.remove_address(router(site), "10.0.")
    ended = site.run("doctor")
    assert ended.status == 3
    assert f"missing: address {gone} on qr-" in ended.out
    assert re.search(r"    router/[0-9a-f-]+; its namespace is \d+ s old; made by apply of /", ended.out)
    assert re.search(r"one-host\.yaml, \d{4}-\d\d-\d\d \d\d:\d\d UTC; deuteron doctor --repair\n", ended.out)
    repaired = site.run("doctor", "--repair")
    assert repaired.status == 0, repaired
    assert "Repaired: 1 unit, " in repaired.out
    assert repaired.out.endswith(NOTHING)
    assert site.run("verify").status == 0


def test_what_was_changed_is_told_by_field(site: Site) -> None:
    applied(site)
    netns = next(name for name in site.namespaces() if name.startswith("net-"))
    bridge = next(each.name for each in site.host.links(netns).values() if each.kind == "bridge")
    batch(site, netns, link.set_link(bridge, mtu=1333))
    ended = site.run("doctor")
    assert ended.status == 3
    assert re.search(rf"changed: bridge {bridge} in {netns}: MTU is 1333, not 1[45]\d0\n", ended.out)
    assert site.run("doctor", "--repair").status == 0
    assert site.run("doctor").out == NOTHING


def test_a_namespace_that_somebody_removed_comes_back(site: Site) -> None:
    applied(site)
    netns = router(site)
    NetnsDirectory(site.host.netns_dir).remove(netns)
    ended = site.run("doctor", "-o", "json")
    whole = [one for one in findings(ended) if one["what"].startswith(f"namespace {netns}, with ")]
    assert [one["kind"] for one in whole] == ["missing"]
    assert site.run("doctor", "--repair").status == 0
    assert site.run("verify").status == 0


def test_a_leak_is_told_with_what_made_it_and_removed(site: Site, tmp_path: Path) -> None:
    """A unit that an agent of another state directory made, and forgot."""
    stranger = site.file(
        "networks: [{name: lost}]\nsubnets: [{name: s, network_id: lost, cidr: 10.9.0.0/24}]\n"
        "routers: [{name: lost, interfaces: [s]}]\n",
        "lost.yaml",
    )
    applied(site, stranger)
    leaked = set(site.namespaces()) - {"vm1", "vm2", "vm3"}
    for path in site.run.state.glob("state.sqlite*"):
        path.unlink()
    # The same directory, made anew: it does not know of the first file any more.
    site.run("doctor", "--adopt", site.file("{}", "empty.yaml"))
    ended = site.run("doctor", "-o", "json")
    assert ended.status == 3
    assert kinds(ended) == {"leaked"}
    assert {one["netns"] for one in findings(ended)} == leaked
    assert {one["origin"] for one in findings(ended)} == {"unknown: not in this state directory"}
    assert site.run("doctor", "--repair").status == 0
    assert not leaked & set(site.namespaces())


def test_a_dead_file_is_half_made_and_removed(site: Site) -> None:
    applied(site)
    path = dead_file(site, "qrouter-dead")
    ended = site.run("doctor", "-o", "json")
    (finding,) = findings(ended)
    assert (ended.status, finding["kind"], finding["netns"]) == (3, "half-made", "qrouter-dead")
    assert finding["age"] < 60
    assert site.run("doctor", "--repair").status == 0
    assert not path.exists()


def test_a_dead_file_on_a_host_where_nothing_was_applied(bare: Site) -> None:
    path = dead_file(bare, "snat-dead")
    assert bare.run("doctor").status == 3
    ended = bare.run("doctor", "--repair")
    assert (ended.status, path.exists()) == (0, False), ended


def test_a_dead_file_in_the_place_of_a_wanted_namespace(site: Site) -> None:
    applied(site)
    netns = router(site)
    NetnsDirectory(site.host.netns_dir).remove(netns)
    dead_file(site, netns)
    ended = site.run("doctor", "-o", "json")
    assert kinds(ended) == {"half-made", "missing"}
    assert site.run("doctor", "--repair").status == 0
    assert site.run("verify").status == 0


def test_a_dead_file_of_somebody_else_stays(site: Site) -> None:
    applied(site)
    path = dead_file(site, "vm9")
    assert site.run("doctor", "--repair").out == NOTHING
    assert path.exists()


def foreign_things(site: Site) -> None:
    """One of each kind, in a namespace of ours and beside them."""
    netns = router(site)
    site.host.make_netns("qrouter-theirs")
    site.host.make_netns("net-theirs")
    site.host.make_bridge("br-theirs", "net-theirs")
    site.host.make_bridge("theirs", netns)
    site.host.make_bridge("tap-theirs")
    index = site.host.links(netns)["theirs"].index
    batch(
        site,
        netns,
        address.new_address(index, "192.0.2.9/24", protocol=4),
        route.new_route("198.51.100.0/24", [route.NexthopRecord(index)]),
        rule.new_rule(2, 77, 78),
    )
    with site.host.inside(netns):
        Nftables().run(
            "add table inet theirs; add chain inet theirs c { type filter hook input priority 9; }"
        )


def everything_foreign(site: Site) -> dict[str, Any]:
    """All of every namespace: where nothing of ours is broken, only what is foreign could differ."""
    netns = router(site)
    seen: dict[str, Any] = dict(site.picture())
    with site.host.netlink(netns) as rt:
        # Parsed: whether a bridge without members has a carrier is no property of a route.
        seen["routes"] = sorted(str(route.parse_route(payload)) for payload in rt.dump(route.dump_routes()))
        seen["rules"] = sorted(str(rule.parse_rule(payload)) for payload in rt.dump(rule.dump_rules()))
    with site.host.inside(netns):
        listing = Nftables().list(netns)
    seen["nft"] = (listing.table, listing.foreign)
    return seen


def test_what_is_not_ours_is_told_and_never_touched(site: Site) -> None:
    applied(site)
    foreign_things(site)
    before = everything_foreign(site)
    ended = site.run("doctor", "-o", "json")
    assert (ended.status, kinds(ended)) == (0, {"foreign"})
    told = " | ".join(one["what"] for one in findings(ended))
    for what in (
        "bridge theirs",
        "192.0.2.9/24",
        "198.51.100.0/24",
        "rule 77",
        "inet theirs",
        "qrouter-theirs",
        "net-theirs",
    ):
        assert what in told, what
    assert site.run("doctor", "--repair").status == 0
    assert everything_foreign(site) == before
    # And a real repair beside them.
    site.remove_address(router(site), "10.0.")
    ended = site.run("doctor", "--repair")
    assert ended.status == 0, ended
    assert everything_foreign(site) == before


def test_a_namespace_with_our_name_and_no_mark_is_in_the_way_and_stays(site: Site) -> None:
    """A mount without a mark: we mark before we give a name, so it is not ours."""
    applied(site)
    netns = router(site)
    NetnsDirectory(site.host.netns_dir).remove(netns)
    site.host.make_netns(netns)
    inode = (site.host.netns_dir / netns).stat().st_ino
    ended = site.run("doctor", "-o", "json")
    assert (ended.status, {"foreign", "missing"} <= kinds(ended)) == (3, True)
    repaired = site.run("doctor", "--repair")
    assert repaired.status == 3
    assert "[foreign-name]" in repaired.err
    assert (site.host.netns_dir / netns).stat().st_ino == inode
    assert site.host.links(netns).keys() == {"lo"}


def killed_in_between(site: Site) -> str:
    """The journal says that a link is made; the link is there, and its mark is not."""
    loaded = load(ONE_HOST, host="host1")
    wanted = compile_host(loaded.view)
    target = Target(
        verb="apply",
        view=loaded.view,
        source=str(ONE_HOST),
        at=datetime.now(UTC),
        allocations=loaded.allocations,
    )
    units = make_plan(wanted, Observed(objects={}, owners={})).units
    with State(site.run.state) as state:
        state.begin(target, units)
    unit = next(each for each in units if each.unit.startswith("fip/"))
    steps = [step for step in unit.steps if isinstance(step, Create)]
    pair, last = next((step.object, n) for n, step in enumerate(steps) if isinstance(step.object, Veth))
    assert isinstance(pair, Veth)
    kernel = LinuxKernel(site.host.netns_dir)
    try:
        assert kernel.run(steps[: last + 1]).failed is None
    finally:
        kernel.close()
    batch(site, pair.netns, link.set_link(pair.name, alias=""))
    batch(site, pair.peer_netns, link.set_link(pair.peer_name, alias=""))
    return pair.name


def test_a_link_that_was_not_marked_yet_is_half_made_and_its_change_finished(site: Site) -> None:
    name = killed_in_between(site)
    # One with a name of ours that no journal knows is somebody else's.
    batch(site, "", link.new_veth("tap00000000-00", "02:00:00:00:00:07", 1500, "peer", "02:00:00:00:00:08"))
    ended = site.run("doctor", "-o", "json")
    assert (ended.status, {"interrupted", "half-made", "missing"} <= kinds(ended)) == (3, True)
    outer, half = [one for one in findings(ended) if one["kind"] == "half-made"]
    assert f"link {name} " in outer["what"]
    assert half["netns"].startswith("fip-")
    assert half["origin"].startswith(f"interrupted apply of {ONE_HOST}, ")
    assert site.run("status").status == 3
    repaired = site.run("doctor", "--repair")
    assert repaired.status == 0, repaired
    assert site.run("verify", ONE_HOST).status == 0
    assert {"tap00000000-00", "peer"} <= site.host.links().keys()


# Adopting ---------------------------------------------------------------------------------------


def remove_state(state: Path) -> None:
    for path in state.glob("state.sqlite*"):
        path.unlink()


def flip_bits(state: Path) -> None:
    path = state / "state.sqlite"
    content = bytearray(path.read_bytes())
    for offset in range(120, len(content), 512):
        content[offset] ^= 0x55
    path.write_bytes(content)


def cut(state: Path) -> None:
    path = state / "state.sqlite"
    path.write_bytes(path.read_bytes()[:1000])


def empty(state: Path) -> None:
    (state / "state.sqlite").write_bytes(b"")


DAMAGES: tuple[Callable[[Path], None], ...] = (remove_state, flip_bits, cut, empty)

#: The example's world with nothing chosen by hand, and routers enough for legs to differ.
AUTOMATIC = """
bridge_mappings: {physnet1: br-ex}
networks:
  - {name: public, "router:external": true, "provider:network_type": flat,
     "provider:physical_network": physnet1}
  - {name: web}
  - {name: db}
subnets:
  - {name: public-v4, network_id: public, cidr: 203.0.113.0/28, gateway_ip: 203.0.113.1}
  - {name: web-v4, network_id: web, cidr: 10.0.0.0/28}
  - {name: db-v4, network_id: db, cidr: 10.0.1.0/28}
routers:
  - {name: r1, distributed: true, external_gateway_info: {network_id: public}, interfaces: [web-v4]}
  - {name: r2, distributed: true, external_gateway_info: {network_id: public}, interfaces: [db-v4]}
  - {name: r3, external_gateway_info: {network_id: public}}
ports:
  - {name: vm1, network_id: web, "binding:profile": {netns: vm1}}
  - {name: vm2, network_id: web, "binding:profile": {netns: vm2}}
  - {name: vm3, network_id: db, "binding:profile": {netns: vm3}}
  - {name: elsewhere, network_id: db}
floatingips:
  - {floating_network_id: public, port_id: vm1}
  - {floating_network_id: public, port_id: vm3}
  - {floating_network_id: public, port_id: elsewhere}
"""


def crowded() -> str:
    """The same with ports that take the first choices of others, and are gone later."""
    more = "".join(f"  - {{name: early{n}, network_id: web}}\n" for n in range(9))
    extra = "".join(f"  - {{name: early{n}, network_id: db}}\n" for n in range(10, 18))
    return AUTOMATIC.replace("ports:\n", f"ports:\n{more}{extra}")


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_with_the_state_lost_the_same_file_writes_nothing(damage: Callable[[Path], None], site: Site) -> None:
    file = site.file(AUTOMATIC)
    applied(site, file)
    before = site.picture()
    damage(site.run.state)
    assert site.run("doctor").status == 3
    ended = site.run("doctor", "--adopt", file)
    assert ended.status == 0, ended
    assert ended.out.endswith("says; to apply it writes nothing.\n")
    again = site.run("apply", file)
    assert (again.status, again.out) == (0, "No changes. The host is as wanted.\n"), again
    assert site.picture() == before
    assert site.run("doctor").out == NOTHING
    asides = list(site.run.state.glob("state.sqlite.damaged-*"))
    assert len(asides) == (0 if damage is remove_state else 1)


def test_choices_that_were_not_the_first_ones_are_found(site: Site) -> None:
    """A takes what B would have chosen; B keeps its second choice when A is gone."""
    file = site.file(crowded())
    applied(site, file)
    file.write_text(AUTOMATIC)
    applied(site, file)
    before = site.picture()
    remove_state(site.run.state)
    # Without what was chosen before, the plan would move addresses: or this test would prove nothing.
    assert site.run("plan", file).status == 3
    ended = site.run("doctor", "--adopt", file)
    assert ended.status == 0, ended
    assert site.run("apply", file).out == "No changes. The host is as wanted.\n"
    assert site.picture() == before


def test_a_host_of_another_state_directory_is_told_and_taken_over(site: Site, tmp_path: Path) -> None:
    file = site.file(AUTOMATIC)
    applied(site, file)
    other = str(tmp_path / "other")
    ended = site.run("doctor", "-o", "json", "--state-dir", other)
    assert ended.status == 3
    assert (findings(ended)[0]["kind"], findings(ended)[0]["code"]) == ("state", "host-taken")
    assert site.run("doctor", "--repair", "--state-dir", other).status == 1
    assert site.run("doctor", "--adopt", file, "--state-dir", other).status == 0
    again = site.run("apply", file, "--state-dir", other)
    assert again.out == "No changes. The host is as wanted.\n", again
    assert site.run("apply", file).refused("host-taken", 1)


def test_without_a_file_nothing_is_removed_as_a_leak(site: Site) -> None:
    applied(site)
    before = site.picture()
    remove_state(site.run.state)
    ended = site.run("doctor", "--adopt")
    assert ended.status == 0, ended
    assert "deuteron doctor --adopt FILE" in ended.out
    told = site.run("doctor", "-o", "json")
    assert (told.status, kinds(told)) == (3, {"unclaimed"})
    refused = site.run("doctor", "--repair")
    assert (refused.status, "[nothing-applied]" in refused.err) == (1, True)
    assert site.picture() == before
    assert site.run("apply", ONE_HOST).status == 0


def test_adopting_another_file_says_that_it_differs(site: Site) -> None:
    applied(site)
    remove_state(site.run.state)
    before = site.picture()
    other = site.file(example(("203.0.113.51", "203.0.113.52")))
    ended = site.run("doctor", "--adopt", other)
    assert (ended.status, "see deuteron plan" in ended.out) == (3, True)
    assert site.picture() == before


def test_a_damaged_state_is_told_and_not_repaired(site: Site) -> None:
    applied(site)
    cut(site.run.state)
    ended = site.run("doctor", "-o", "json")
    first = findings(ended)[0]
    assert (ended.status, first["kind"], first["code"]) == (3, "state", "state-corrupt")
    assert kinds(ended) == {"state", "unclaimed"}
    assert site.run("doctor", "--repair").status == 1


def test_usage(bare: Site) -> None:
    bare.run("doctor", "--adopt", "--repair").refused("bad-usage", 2)
    bare.run("doctor", ONE_HOST).refused("bad-usage", 2)
