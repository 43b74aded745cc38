"""What was just applied is looked at before it is called done."""

from __future__ import annotations

from errno import EPERM

from deuteron.apply.engine import apply_plan, prepare
from deuteron.apply.read_back import Mismatch, read_back
from deuteron.kernel.fake import FakeKernel
from deuteron.objects import Address, Create, Delete, KernelObject, Sysctl, Veth, Wanted
from deuteron.reconcile.words import describe
from tests.unit.apply.hosts import add_floating_ip, changed, fake_host, host_with, wanted_of
from tests.unit.compile.world import distributed


def first(wanted: Wanted, kind: type[KernelObject]) -> KernelObject:
    return next(thing for unit in wanted.units for thing in unit.objects if isinstance(thing, kind))


def mismatches(kernel: FakeKernel, wanted: Wanted, *tampering: Create | Delete) -> tuple[Mismatch, ...]:
    plan = prepare(kernel, wanted)
    result = apply_plan(kernel, plan)
    assert kernel.run(tampering).failed is None
    return read_back(kernel, wanted, plan.plan, result)


def test_what_is_as_it_was_made_reads_back_without_a_word() -> None:
    assert mismatches(fake_host(), wanted_of(distributed())) == ()


def test_what_somebody_took_away_meanwhile_is_told_with_its_unit() -> None:
    wanted = wanted_of(distributed())
    address = first(wanted, Address)
    found = mismatches(fake_host(), wanted, Delete(address))
    unit = next(unit.name for unit in wanted.units if address in unit.objects)
    # With a link's last address its routes go too, and they are told as well.
    assert Mismatch(unit=unit, what=f"missing: {describe(address)}") in found
    assert {mismatch.unit for mismatch in found} == {unit}


def test_what_was_put_beside_it_in_our_name_is_told() -> None:
    wanted = wanted_of(distributed())
    address = first(wanted, Address)
    assert isinstance(address, Address)
    more = Address(netns=address.netns, dev=address.dev, address="192.0.2.77/32")
    (mismatch,) = mismatches(fake_host(), wanted, Create(more))
    assert mismatch.what.startswith("still there: address 192.0.2.77/32")


def test_a_link_that_somebody_loosened_meanwhile_is_told() -> None:
    wanted = wanted_of(distributed())
    unit, link = next(
        (unit.name, one)
        for unit in wanted.units
        for one in unit.objects
        if isinstance(one, Veth) and one.peer_name.startswith("qr-")
    )
    path = f"net/ipv4/conf/{link.peer_name}/proxy_arp"
    loose = Sysctl(netns=link.peer_netns, path=path, value="1", dev=link.peer_name)
    told = Mismatch(unit=unit, what=f"other than asked for: {describe(loose)}")
    assert mismatches(fake_host(), wanted, Create(loose)) == (told,)


def test_a_unit_that_failed_is_not_read_back() -> None:
    kernel, wanted = fake_host(), wanted_of(distributed())
    plan = prepare(kernel, wanted)
    kernel.fail("create address", EPERM)
    result = apply_plan(kernel, plan)
    assert not result.ok
    assert read_back(kernel, wanted, plan.plan, result) == ()


def test_only_what_the_plan_touched_is_looked_at() -> None:
    before, after = changed(distributed, add_floating_ip)
    kernel = host_with(before)
    elsewhere = next(
        thing
        for unit in before.units
        for thing in unit.objects
        if isinstance(thing, Address) and thing.netns.startswith("snat-")
    )
    assert mismatches(kernel, after, Delete(elsewhere)) == ()
