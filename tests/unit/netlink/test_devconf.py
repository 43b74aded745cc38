"""A link's own kernel parameters in its message are those in its files, on the real kernel."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from deuteron.kernel.linux.netlink import devconf, link, wire
from deuteron.kernel.linux.netlink.socket import NetlinkSocket
from tests.support.sandbox import Host

MAC = "fa:16:3e:00:00:01"
SYS = Path("/proc/sys/net")
FAMILIES = {"ipv4": devconf.IPV4, "ipv6": devconf.IPV6}
#: Nobody may write these, or only some values.
FIXED = {"mc_forwarding"}
ODD = {"hop_limit": "65", "addr_gen_mode": "1", "accept_ra": "2"}


def arrays(rt: NetlinkSocket) -> dict[str, bytes]:
    record = link.parse_link(rt.request(link.get_link("qr0")))
    parsed = devconf.parse_devconf(record.af_spec)
    return {"ipv4": parsed.ipv4, "ipv6": parsed.ipv6}


def files(family: str, places: Mapping[str, int]) -> dict[str, int]:
    folder = SYS / family / "conf" / "qr0"
    return {name: int((folder / name).read_text()) for name in places if (folder / name).exists()}


@pytest.mark.kernel
@pytest.mark.parametrize("family", FAMILIES)
def test_each_name_is_the_place_of_its_file(family: str, host: Host) -> None:
    places = FAMILIES[family]
    with host.netlink() as rt, host.inside(""):
        assert [ack.errno for ack in rt.batch([link.new_veth("tap0", MAC, 1500, "qr0", MAC)])] == [0]
        known = files(family, places)
        assert len(known) >= len(places) - 2  # what an older kernel lacks
        for name, before in known.items():
            if name in FIXED:
                continue
            other = ODD.get(name, "0" if before else "1")
            (SYS / family / "conf" / "qr0" / name).write_text(other)
            array = arrays(rt)[family]
            now = {each: devconf.number_at(array, places[each]) for each in known}
            assert now == files(family, places)
            assert now[name] == int(other) != before
            # forwarding, disable_ipv6 and the like may lead to others, but the file says so too.


@pytest.mark.kernel
def test_the_arrays_are_those_that_pyroute2_finds(host: Host) -> None:
    with host.netlink() as rt:
        rt.batch([link.new_veth("tap0", MAC, 1500, "qr0", MAC)])
        payload = rt.request(link.get_link("qr0"))
        ours = arrays(rt)
    message: Any = ifinfmsg(wire.HEADER.pack(wire.HEADER_SIZE + len(payload), 16, 0, 0, 0) + payload)
    message.decode()
    theirs = message.get_attr("IFLA_AF_SPEC")
    ipv4 = theirs.get_attr("AF_INET")
    for name in (
        "forwarding",
        "proxy_arp",
        "rp_filter",
        "accept_redirects",
        "arp_announce",
        "route_localnet",
    ):
        # pyroute2 takes the inner attribute's header for the array's first member.
        assert ipv4[name] == devconf.number_at(ours["ipv4"], devconf.IPV4[name]), name
    ipv6 = theirs.get_attr("AF_INET6").get_attr("IFLA_INET6_CONF")
    for name in ("forwarding", "hop_limit", "accept_ra", "autoconf", "proxy_ndp", "disable_ipv6"):
        assert ipv6[name] == devconf.number_at(ours["ipv6"], devconf.IPV6[name]), name


@pytest.mark.kernel
def test_a_link_with_too_small_an_mtu_for_ipv6_has_no_such_array(host: Host) -> None:
    with host.netlink() as rt:
        rt.batch([link.new_veth("tap0", MAC, 1279, "qr0", MAC)])
        assert arrays(rt)["ipv6"] == b""
        assert devconf.number_at(b"", 0) is None


@given(st.dictionaries(st.integers(0, 40), st.integers(-(2**31), 2**31 - 1), min_size=1))
def test_what_is_laid_down_is_read(values: dict[int, int]) -> None:
    numbers = [values.get(place, 0) for place in range(max(values) + 1)]
    array = b"".join(number.to_bytes(4, wire.BYTE_ORDER, signed=True) for number in numbers)
    inet = wire.nested(2, wire.attribute(1, array))
    inet6 = wire.nested(10, wire.u32(1, 0), wire.attribute(5, bytes(16)), wire.attribute(2, array))
    parsed = devconf.parse_devconf(inet + inet6)
    assert parsed == devconf.Devconf(array, array)
    assert [devconf.number_at(parsed.ipv4, place) for place in range(len(numbers))] == numbers
    assert devconf.number_at(parsed.ipv6, len(numbers)) is None


@given(st.binary(max_size=120))
def test_random_bytes_are_arrays_or_a_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        parsed = devconf.parse_devconf(data)
        for array in parsed:
            devconf.number_at(array, 3)
