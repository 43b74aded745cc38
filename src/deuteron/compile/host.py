"""A whole host: every unit of it, in the order to make them."""

from __future__ import annotations

from deuteron.compile.fip_namespace import fip_unit
from deuteron.compile.index import Index, build
from deuteron.compile.names import refuse_clashes
from deuteron.compile.network import network_unit
from deuteron.compile.port import port_unit
from deuteron.compile.router import router_unit
from deuteron.domain import HostView
from deuteron.objects import RefusedUnit, Unit, Wanted


def compile_host(view: HostView) -> Wanted:
    """The kernel objects that a host needs for its view: pure, sorted, the same for the same model.

    Raises:
        InputError: two devices of one namespace would have one name (``device-name-clash``),
            two ids one routing table (``table-number-clash``), or two entries contradict
            each other (``conflicting-entries``).
    """
    units = compile_units(build(view))
    refuse_clashes(units)
    return Wanted(units=units, refused=refused_units(view))


def refused_units(view: HostView) -> tuple[RefusedUnit, ...]:
    """The units of the routers that the view names but cannot hold."""
    return tuple(
        RefusedUnit(
            unit=f"router/{one.id}", title=f"router {one.name or one.id}", code=one.code, error=one.sentence
        )
        for one in view.refused
    )


def compile_units(index: Index) -> tuple[Unit, ...]:
    """Networks, fip namespaces, routers, instances' ports; each sorted by id."""
    units = (
        *(network_unit(index, network) for network in index.networks.values()),
        *(fip_unit(index, network_id) for network_id in sorted(index.legs_of)),
        *(router_unit(index, router) for router in index.routers.values()),
        *(port_unit(index, port) for port in index.ports.values()),
    )
    return tuple(unit for unit in units if unit is not None)
