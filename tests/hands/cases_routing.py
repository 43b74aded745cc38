"""Hands on rules and routes."""

from __future__ import annotations

from typing import Final

from deuteron.objects import Address, Netns, Route, Rule
from tests.hands.case import SHARED, Case, an, default_route, extra_route, host_route

RULES: Final = (
    Case(
        name="redirect",
        hand="deleted",
        kinds="d",
        pick=an(Rule, netns="qrouter-", iif="qr-", family="4"),
        by=("ip -{o.family} rule del priority {o.priority} iif {o.iif}",),
    ),
    Case(
        name="redirect-v6",
        hand="deleted",
        kinds="d",
        pick=an(Rule, netns="qrouter-", iif="qr-", family="6"),
        by=("ip -{o.family} rule del priority {o.priority} iif {o.iif}",),
    ),
    Case(
        name="of-the-leg",
        hand="deleted",
        kinds="d",
        pick=an(Rule, netns="fip-"),
        by=("ip -{o.family} rule del priority {o.priority} iif {o.iif}",),
    ),
    Case(
        name="to-another-table",
        hand="changed",
        kinds="d",
        pick=an(Rule, netns="qrouter-", iif="qr-", family="4"),
        by=(
            "ip rule del priority {o.priority} iif {o.iif}",
            "ip rule add priority {o.priority} iif {o.iif} table 4711 protocol 210",
        ),
        told="table 4711",
    ),
    Case(
        name="one-more-of-ours",
        hand="changed",
        kinds="d",
        pick=an(Rule, netns="fip-"),
        by=("ip rule add priority 77 iif {o.iif} table 4711 protocol 210",),
        told="- routing rule IPv4 77",
    ),
    Case(
        name="before-ours",
        hand="beside",
        pick=an(Netns, name="qrouter-"),
        by=("ip rule add priority 100 from 192.0.2.0/24 table 100",),
        told="rule 100 to table 100",
        away=("ip rule del priority 100",),
    ),
    Case(
        name="at-our-priority",
        hand="beside",
        kinds="d",
        pick=an(Rule, netns="fip-"),
        by=("ip rule add priority {o.priority} from 192.0.2.0/24 table 100",),
        told="rule {o.priority} to table 100",
        away=("ip rule del priority {o.priority} from 192.0.2.0/24",),
    ),
)

_ROUTE: Final = "{o.destination} table {o.table}"

ROUTES: Final = (
    Case(name="default", hand="deleted", pick=default_route, by=(f"ip route del {_ROUTE}",)),
    Case(
        name="extra",
        hand="deleted",
        pick=extra_route,
        by=(f"ip route del {_ROUTE}",),
    ),
    Case(
        name="default-v6",
        hand="deleted",
        pick=an(Route, destination="::/0"),
        by=(f"ip -6 route del {_ROUTE}",),
    ),
    Case(
        name="of-the-floating-ip", hand="deleted", kinds="d", pick=host_route, by=(f"ip route del {_ROUTE}",)
    ),
    Case(
        name="of-the-fip-namespace",
        hand="deleted",
        kinds="d",
        unit="fip",
        pick=an(Route, destination="0."),
        by=(f"ip route del {_ROUTE}",),
        spares=SHARED,
    ),
    Case(
        name="in-the-instance",
        hand="deleted",
        unit="port",
        pick=an(Route, destination="0."),
        by=(f"ip route del {_ROUTE}",),
    ),
    Case(
        name="gateway",
        hand="changed",
        pick=extra_route,
        by=(f"ip route replace {_ROUTE} via {{o.nexthops[0].via}}7 proto 210",),
        told="route {o.destination}",
    ),
    Case(
        name="dev",
        hand="changed",
        kinds="d",
        pick=host_route,
        by=(f"ip route replace {_ROUTE} dev {{o.nexthops[0].dev}} proto 210",),
        told="route {o.destination}",
    ),
    Case(
        name="all-of-a-table",
        hand="deleted",
        kinds="d",
        pick=an(Route, table="16", destination="0."),
        by=("ip route flush table 16",),
    ),
    Case(
        name="by-somebody",
        hand="taken",
        pick=extra_route,
        by=(f"ip route replace {_ROUTE} via {{o.nexthops[0].via}} proto static",),
        told="{o.destination}",
        away=(f"ip route del {_ROUTE}",),
        code="eexist",
    ),
    Case(
        name="elsewhere",
        hand="beside",
        pick=an(Address, dev="qr-", address="10."),
        by=("ip route add 192.0.2.0/24 dev {o.dev}",),
        told="route 192.0.2.0/24 in table 254",
        away=("ip route del 192.0.2.0/24",),
    ),
    Case(
        name="of-another-metric",
        hand="beside",
        pick=extra_route,
        by=(f"ip route add {_ROUTE} via {{o.nexthops[0].via}} metric 77",),
        told="route {o.destination} in table 254",
        away=(f"ip route del {_ROUTE} metric 77",),
    ),
    Case(
        name="in-our-table",
        hand="beside",
        kinds="d",
        pick=an(Route, table="16", destination="0."),
        by=("ip route add 192.0.2.0/24 via {o.nexthops[0].via} table 16",),
        told="route 192.0.2.0/24 in table 16",
        away=("ip route del 192.0.2.0/24 table 16",),
    ),
)
