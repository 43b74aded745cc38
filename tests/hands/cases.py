"""All that is done by hand, by the kind of object."""

from __future__ import annotations

from typing import Final

from tests.hands.case import Case
from tests.hands.cases_addresses import ADDRESSES, NEIGHBOURS
from tests.hands.cases_devices import BRIDGES, FORWARDING, NAMESPACES, TAPS, UPS
from tests.hands.cases_filter import SYSCTLS, TABLES
from tests.hands.cases_links import LINKS
from tests.hands.cases_routing import ROUTES, RULES

CASES: Final[dict[str, tuple[Case, ...]]] = {
    "namespace": NAMESPACES,
    "bridge": BRIDGES,
    "link": LINKS,
    "tap": TAPS,
    "up": UPS,
    "address": ADDRESSES,
    "neighbour": NEIGHBOURS,
    "fdb": FORWARDING,
    "rule": RULES,
    "route": ROUTES,
    "table": TABLES,
    "sysctl": SYSCTLS,
}
