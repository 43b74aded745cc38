"""Allocations out of the kernel: with the state directory lost, the same file still writes nothing."""

from __future__ import annotations

import random
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from msgspec.structs import replace

from deuteron.agent.adopt import adopt, without_file
from deuteron.apply.engine import apply_plan, prepare
from deuteron.apply.look import look_for
from deuteron.compile import compile_host
from deuteron.inputs import Loaded, load
from deuteron.inputs.allocate import ADDRESS, LEG, MAC, Allocation, Allocations
from deuteron.kernel.fake import FakeKernel
from deuteron.objects import Observed, Wanted

#: Everything that a file can leave open.
OPEN = """
bridge_mappings: {physnet1: br-ex}
networks:
  - {name: public, "router:external": true, "provider:network_type": flat,
     "provider:physical_network": physnet1}
  - {name: web}
  - {name: db}
  - {name: lab}
subnets:
  - {name: public-v4, network_id: public, cidr: 203.0.113.0/24, gateway_ip: 203.0.113.1}
  - {name: public-v6, network_id: public, cidr: "2001:db8:ff::/64", gateway_ip: "2001:db8:ff::1"}
  - {name: web-v4, network_id: web, cidr: 10.0.0.0/24}
  - {name: web-v6, network_id: web, cidr: "2001:db8:1::/64"}
  - {name: db-v4, network_id: db, cidr: 10.0.1.0/28}
  - {name: lab-v4, network_id: lab, cidr: 10.0.2.0/24}
  - {name: lab-v6, network_id: lab, cidr: "2001:db8:2::/64",
     ipv6_ra_mode: slaac, ipv6_address_mode: slaac}
routers:
  - {name: r1, distributed: true, external_gateway_info: {network_id: public},
     interfaces: [web-v4, web-v6], enable_ndp_proxy: true}
  - {name: r2, external_gateway_info: {network_id: public}, interfaces: [db-v4]}
  - {name: r3, distributed: true, external_gateway_info: {network_id: public}, interfaces: [lab-v4]}
ports:
  - {name: vm1, network_id: web, "binding:profile": {netns: vm1}}
  - {name: vm2, network_id: web, "binding:profile": {tap: tapvm2}}
  - {name: vm3, network_id: db, "binding:profile": {netns: vm3},
     fixed_ips: [{subnet_id: db-v4}, {subnet_id: db-v4}, {ip_address: 10.0.1.9}]}
  - {name: vm4, network_id: lab, "binding:profile": {netns: vm4}}
  - {name: vm5, network_id: lab, "binding:profile": {tap: tapvm5}}
  - {name: elsewhere, network_id: db}
  - {name: hidden, network_id: db}
floatingips:
  - {floating_network_id: public, port_id: vm1}
  - {floating_network_id: public, port_id: vm2}
  - {floating_network_id: public, floating_ip_address: 203.0.113.77, port_id: elsewhere}
  - {floating_network_id: public, floating_ip_address: 203.0.113.78, port_forwardings: [
      {protocol: udp, external_port: 53, internal_port: 53, internal_port_id: hidden}]}
  - {floating_network_id: public, port_id: vm4}
  - {floating_network_id: public, port_id: vm5}
  - {floating_network_id: public}
  - {floating_network_id: public, port_forwardings: [
      {protocol: tcp, external_port: 8080, internal_port: 80, internal_port_id: elsewhere}]}
ndp_proxies:
  - {router_id: r1, port_id: vm2}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "topology.yaml"
    path.write_text(OPEN)
    return path


def read(file: Path, allocations: Allocations = Allocations()) -> Loaded:  # noqa: B008 - a frozen value
    return load(file, host="host1", allocations=allocations)


def scrambled(file: Path, seed: int) -> Loaded:
    """The file, read after a history in which every choice came out otherwise than the first one."""
    chance = random.Random(seed)
    other: dict[tuple[str, str, str], Allocation] = {}
    for one in read(file).allocations.entries:
        for _ in range(100):
            made = replace(one, value=_otherwise(one, chance))
            if (made.kind, made.scope, made.value) not in other:
                other[made.kind, made.scope, made.value] = made
                break
    return read(file, Allocations(entries=tuple(sorted(other.values()))))


def _otherwise(one: Allocation, chance: random.Random) -> str:
    if one.kind == LEG:
        return str(chance.randrange(8192))
    if one.kind == MAC:
        return "fa:16:3e:" + chance.randbytes(3).hex(":")
    if ":" in one.value:
        prefix = int(IPv6Address(one.value)) >> 64 << 64
        return str(IPv6Address(prefix | chance.randrange(2, 1 << 64)))
    network, _, _ = one.value.rpartition(".")
    return f"{network}.{chance.randrange(2, 14 if network == '10.0.1' else 254)}"


def host() -> FakeKernel:
    kernel = FakeKernel()
    kernel.add_host_bridge("br-ex")
    for name in ("vm1", "vm3", "vm4"):
        kernel.add_instance_netns(name)
    return kernel


def applied(loaded: Loaded) -> FakeKernel:
    kernel = host()
    result = apply_plan(kernel, prepare(kernel, compile_host(loaded.view)))
    assert result.ok, result.failed
    return kernel


def looking(kernel: FakeKernel, wanted: Wanted) -> Observed:
    return kernel.observe(look_for(wanted))


@pytest.mark.parametrize("seed", range(20))
def test_the_file_means_again_what_the_kernel_has(file: Path, seed: int) -> None:
    before = scrambled(file, seed)
    assert before.view != read(file).view
    kernel = applied(before)
    adopted = adopt(lambda kept: read(file, kept), lambda wanted: looking(kernel, wanted))
    again = read(file, adopted.loaded.allocations)
    assert again.view == adopted.loaded.view
    plan = prepare(kernel, compile_host(again.view)).plan
    assert plan.units == (), f"seed {seed}: {plan.units}"


def test_first_choices_are_found_too(file: Path) -> None:
    before = read(file)
    kernel = applied(before)
    adopted = adopt(lambda kept: read(file, kept), lambda wanted: looking(kernel, wanted))
    assert adopted.loaded == before


def test_what_the_kernel_cannot_tell_is_named(file: Path) -> None:
    kernel = applied(read(file))
    adopted = adopt(lambda kept: read(file, kept), lambda wanted: looking(kernel, wanted))
    kinds = sorted({one.kind for one in adopted.unseen})
    # A port that is elsewhere, an address nobody has, a virtual machine without a floating IP.
    assert kinds == [ADDRESS, MAC], adopted.unseen
    assert all("vm1" not in one.key for one in adopted.unseen)


def test_an_empty_kernel_leaves_first_choices(file: Path) -> None:
    kernel = host()
    adopted = adopt(lambda kept: read(file, kept), lambda wanted: looking(kernel, wanted))
    assert adopted.loaded == read(file)
    assert adopted.unseen == read(file).allocations.entries


def test_legs_and_mac_addresses_are_found_without_a_file(file: Path) -> None:
    before = scrambled(file, 7)
    kernel = applied(before)
    found = {
        (one.kind, one.scope, one.key, one.value)
        for one in without_file(looking(kernel, compile_host(before.view))).entries
    }
    legs = {
        (one.kind, one.scope, one.key, one.value) for one in before.allocations.entries if one.kind == LEG
    }
    assert legs
    assert legs <= found
    again = read(file, without_file(looking(kernel, compile_host(before.view))))
    legs_again = {one for one in again.allocations.entries if one.kind == LEG}
    assert legs_again == {one for one in before.allocations.entries if one.kind == LEG}
