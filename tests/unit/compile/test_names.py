from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.unit.compile.world import World, ident

from deuteron.compile import compile_host
from deuteron.compile.names import altname, derived_mac, device, table_number
from deuteron.domain import Binding, HostView, Network, Port
from deuteron.errors import InputError

TWIN = "10000000-0000-4000-8000-00000000000"


def _port(number: int, **more: object) -> Port:
    return Port(
        id=f"{TWIN}{number}",
        name=f"vm{number}",
        network_id=ident("web"),
        mac_address=f"fa:16:3e:00:00:0{number}",
        **more,  # type: ignore[arg-type]  # the fields of a port
    )


def _view(*ports: Port) -> HostView:
    return HostView(host="h", networks=(Network(id=ident("web"), name="web"),), ports=ports)


def test_two_ports_whose_ids_begin_alike_are_refused() -> None:
    with pytest.raises(InputError, match="port vm1 and port vm2 both need a device tap10000000-00") as caught:
        compile_host(_view(_port(1, binding=Binding(netns="a")), _port(2, binding=Binding(netns="b"))))
    assert caught.value.code == "device-name-clash"


def test_a_tap_of_another_ports_device_name_is_refused() -> None:
    taken = Binding(tap=f"tap{TWIN}"[:14])
    other = Port(
        id=ident("x"), name="x", network_id=ident("web"), mac_address="fa:16:3e:00:00:09", binding=taken
    )
    with pytest.raises(InputError) as caught:
        compile_host(_view(_port(1, binding=Binding(netns="a")), other))
    assert caught.value.code == "device-name-clash"


def test_two_interfaces_of_a_distributed_router_never_share_a_table() -> None:
    world = World()
    world.external("public", "203.0.113.0/24")
    world.network("web", "10.0.0.0/24")
    world.network("db", "10.0.1.0/24")
    world.router(
        "r1",
        [("web", "10.0.0.1"), ("db", "10.0.1.1")],
        ("public", "203.0.113.10"),
        sg=[("web", "10.0.0.2"), ("db", "10.0.1.2")],
        distributed=True,
    )
    alike = ["aaaaaaa1-0000-4000-8000-000000000000", "aaaaaaa2-0000-4000-8000-000000000000"]
    for number, new in enumerate(alike):
        world.ports[f"r1-qr{number}"] = replace(world.ports[f"r1-qr{number}"], id=new)
    world.routers["r1"] = replace(world.routers["r1"], interfaces=tuple(alike))
    with pytest.raises(InputError) as caught:
        compile_host(world.view())
    assert caught.value.code == "table-number-clash"


def test_names_follow_from_ids() -> None:
    assert device("qr-", "0123456789abcdef") == "qr-0123456789a"
    assert altname("qr", "0123456789abcdef") == "qr-0123456789abcdef"
    assert table_number("abcdef01-2345") == 0x10000000 + 0xABCDEF0
    assert derived_mac("rfp-x").startswith("fa:16:3f:")


def test_a_short_id_still_has_two_names() -> None:
    assert device("qr-", "p1") != altname("qr", "p1")


def test_an_id_that_is_no_hexadecimal_has_a_table_too() -> None:
    assert 0x10000000 <= table_number("port-one") < 0x20000000
    assert table_number("port-one") != table_number("port-two")
