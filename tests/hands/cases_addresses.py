"""Hands on addresses and neighbours."""

from __future__ import annotations

from typing import Final

from deuteron.objects import Address, Neighbour, NeighbourProxy
from tests.hands.case import MAC, SHARED, Case, an, floating_address

ADDRESSES: Final = (
    Case(
        name="qr-v4",
        hand="deleted",
        pick=an(Address, dev="qr-", address="10."),
        by=("ip address del {o.address} dev {o.dev}",),
    ),
    Case(
        name="qr-v6",
        hand="deleted",
        pick=an(Address, dev="qr-", address="2001:"),
        by=("ip address del {o.address} dev {o.dev}",),
    ),
    Case(
        name="qg-v4",
        hand="deleted",
        pick=an(Address, dev="qg-", address="203."),
        by=("ip address del {o.address} dev {o.dev}",),
    ),
    Case(
        name="floating",
        hand="deleted",
        kinds="c",
        pick=floating_address,
        by=("ip address del {o.address} dev {o.dev}",),
    ),
    Case(
        name="rfp",
        hand="deleted",
        kinds="d",
        pick=an(Address, dev="rfp-", address="169."),
        by=("ip address del {o.address} dev {o.dev}",),
    ),
    Case(
        name="fpr",
        hand="deleted",
        kinds="d",
        pick=an(Address, dev="fpr-", address="169."),
        by=("ip address del {o.address} dev {o.dev}",),
    ),
    Case(
        name="fg",
        hand="deleted",
        kinds="d",
        unit="fip",
        pick=an(Address, address="203."),
        by=("ip address del {o.address} dev {o.dev}",),
        spares=SHARED,
    ),
    Case(
        name="link-local",
        hand="deleted",
        pick=an(Address, dev="qr-", address="fe80:"),
        by=("ip address del {o.address} dev {o.dev}",),
    ),
    Case(
        name="in-the-instance",
        hand="deleted",
        unit="port",
        pick=an(Address, address="10."),
        by=("ip address del {o.address} dev {o.dev}",),
    ),
    Case(
        name="all-of-a-link",
        hand="deleted",
        pick=an(Address, dev="qg-", address="203."),
        by=("ip address flush dev {o.dev}",),
    ),
    Case(
        name="prefix-length",
        hand="changed",
        pick=an(Address, dev="qr-", address="10."),
        by=(
            "ip address del {o.address} dev {o.dev}",
            "ip address add {bare}/25 dev {o.dev}",
        ),
        told="address {bare}/25 on {o.dev}",
        away=("ip address del {bare}/25 dev {o.dev}",),
    ),
    Case(
        name="by-somebody",
        hand="taken",
        pick=an(Address, dev="qr-", address="10."),
        by=(
            "ip address del {o.address} dev {o.dev}",
            "ip address add {o.address} dev {o.dev}",
        ),
        told="address {o.address}",
        away=("ip address del {o.address} dev {o.dev}",),
        code="eexist",
    ),
    Case(
        name="of-another-subnet",
        hand="beside",
        pick=an(Address, dev="qr-", address="10."),
        by=("ip address add 192.0.2.1/24 dev {o.dev}",),
        told="address 192.0.2.1/24 on {o.dev}",
        away=("ip address del 192.0.2.1/24 dev {o.dev}",),
    ),
    Case(
        name="of-the-same-subnet",
        hand="beside",
        pick=an(Address, dev="qr-", address="10."),
        by=("ip address add {near}/24 dev {o.dev}",),
        told="address {near}/24 on {o.dev}",
        away=("ip address del {near}/24 dev {o.dev}",),
    ),
    Case(
        name="v6",
        hand="beside",
        pick=an(Address, dev="qg-", address="2001:"),
        by=("ip address add 2001:db8:99::1/64 dev {o.dev} nodad",),
        told="address 2001:db8:99::1/64 on {o.dev}",
        away=("ip address del 2001:db8:99::1/64 dev {o.dev}",),
    ),
)

NEIGHBOURS: Final = (
    Case(
        name="of-the-leg",
        hand="deleted",
        kinds="d",
        pick=an(Neighbour, dev="rfp-"),
        by=("ip neighbour del {o.address} dev {o.dev}",),
    ),
    Case(
        name="of-the-leg-s-other-end",
        hand="deleted",
        kinds="d",
        pick=an(Neighbour, dev="fpr-"),
        by=("ip neighbour del {o.address} dev {o.dev}",),
    ),
    Case(
        name="mac",
        hand="changed",
        kinds="d",
        pick=an(Neighbour, dev="rfp-"),
        by=(f"ip neighbour change {{o.address}} dev {{o.dev}} lladdr {MAC} nud permanent",),
        told="neighbour {o.address}",
    ),
    Case(
        name="permanent",
        hand="beside",
        pick=an(Address, dev="qr-", address="10."),
        by=(f"ip neighbour add {{near}} dev {{o.dev}} lladdr {MAC} nud permanent",),
        told="{near} on {o.dev}",
        away=("ip neighbour del {near} dev {o.dev}",),
    ),
    Case(
        name="proxy-entry",
        hand="deleted",
        kinds="c",
        pick=an(NeighbourProxy),
        by=("ip -6 neighbour del proxy {o.address} dev {o.dev}",),
    ),
    Case(
        name="proxy-entry",
        hand="deleted",
        kinds="d",
        unit="fip",
        pick=an(NeighbourProxy, address="2001:db8:2:"),
        by=("ip -6 neighbour del proxy {o.address} dev {o.dev}",),
    ),
    Case(
        name="proxy-entry",
        hand="beside",
        pick=an(Address, dev="qg-", address="2001:"),
        by=("ip -6 neighbour add proxy 2001:db8:99::9 dev {o.dev}",),
        told="proxy 2001:db8:99::9 on {o.dev}",
        away=("ip -6 neighbour del proxy 2001:db8:99::9 dev {o.dev}",),
    ),
)
