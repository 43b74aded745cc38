"""One router of an answer that cannot be served does not cost the others anything."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from deuteron.compile import compile_host
from deuteron.errors import InputError
from deuteron.inputs import Loaded, load
from deuteron.inputs.allocate import Allocations
from tests.strategies import Json
from tests.unit.inputs.support import PAYLOADS

TWO = json.loads((PAYLOADS / "dvr-two-routers-one-network.json").read_text())


NOTHING = Allocations()


def poison_ha(router: Json) -> None:
    router["ha"] = True


def poison_address(router: Json) -> None:
    router["_interfaces"][0]["fixed_ips"][0]["ip_address"] = "10.0.0.999"


def poison_type(router: Json) -> None:
    router["_interfaces"] = 7


def poison_floating(router: Json) -> None:
    router["_floatingips"][0]["floating_ip_address"] = "here\nflush ruleset"


def poison_route(router: Json) -> None:
    router["routes"] = [{"destination": "0.0.0.0/99", "nexthop": "10.0.0.1"}]


POISONS = (poison_ha, poison_address, poison_type, poison_floating, poison_route)


def read(folder: Path, payload: object, before: Allocations = NOTHING) -> Loaded:
    path = folder / "payload.json"
    path.write_text(json.dumps(payload))
    return load(path, host="compute1", allocations=before)


def payload_of(*poisons: Callable[[Json], None] | None) -> Json:
    payload: Json = copy.deepcopy(TWO)
    for router, poison in zip(payload["hosts"]["compute1"]["sync_routers"], poisons, strict=True):
        if poison:
            poison(router)
    return payload


@pytest.mark.parametrize("poison", POISONS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("place", [0, 1])
def test_a_poisoned_router_is_named_and_the_other_is_what_it_would_be_alone(
    tmp_path: Path, poison: Callable[[Json], None], place: int
) -> None:
    found = read(tmp_path, payload_of(*((poison, None) if place == 0 else (None, poison)))).view
    alone = copy.deepcopy(TWO)
    gone = alone["hosts"]["compute1"]["sync_routers"].pop(place)
    assert [one.id for one in found.refused] == [gone["id"]]
    assert f"sync_routers[{place}]" in found.refused[0].sentence
    assert compile_host(found).units == compile_host(read(tmp_path, alone).view).units
    assert [one.unit for one in compile_host(found).refused] == [f"router/{gone['id']}"]


def test_where_every_router_is_poisoned_the_answer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, payload_of(poison_ha, poison_address))
    assert caught.value.code in {"ha-router", "bad-value"}


def test_a_router_that_is_poisoned_later_keeps_its_leg(tmp_path: Path) -> None:
    first = read(tmp_path, TWO)
    later = read(tmp_path, payload_of(None, poison_ha), first.allocations)
    assert later.allocations == first.allocations
    back = read(tmp_path, TWO, later.allocations)
    assert back.view.legs == first.view.legs
