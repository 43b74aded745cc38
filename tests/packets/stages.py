"""The places that packets are shot from, and at whom: ours, and the naive router in the same spot."""

from __future__ import annotations

from typing import Final

import msgspec

from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.lab.inside import NETNS_DIR
from deuteron.objects.ownership import may_be_ours, owner_of
from tests.packets.probe import Ears, Place, Stage, Target, shoot
from tests.packets.reference import (
    BLUE,
    FAR4,
    GREEN,
    INTERNET,
    NAIVE,
    PLAIN,
    RED,
    TENANTS,
    Ground,
    Tenant,
    external,
    link_local,
)

#: Tenants' instances without a floating IP, before a distributed and a centralised router.
TENANT_SIDE: Final = ("distributed", "centralised")
#: The internet before ``fg-``, before ``qg-`` of a centralised router and of a ``snat-``.
OUTSIDE: Final = ("fip", "gateway", "snat")
#: An instance with a floating IP of its own, before a distributed router.
FLOATING_SIDE: Final = ("floating",)
ALL: Final = (*TENANT_SIDE, *OUTSIDE)


class Stages:
    """All stages of a ground, with ears at every end."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.links = {name: ground.host.links(name) for name in NetnsDirectory(NETNS_DIR).list()}
        self.links[""] = ground.host.links("")
        self.ours = frozenset(
            link.mac
            for name, links in self.links.items()
            for link in links.values()
            if may_be_ours(name) or (name == "" and owner_of(link.alias) is not None)
        )
        places: list[Place] = [(f"{each.name}{n}", "eth0") for each in TENANTS for n in (1, 2)]
        self.ears = Ears([*places, (INTERNET, "ext0")])
        self.made = {
            "distributed": self._tenant_side("distributed", RED, "red2", 6, BLUE),
            "floating": self._tenant_side("floating", RED, "red1", 5, GREEN),
            "centralised": self._tenant_side("centralised", BLUE, "blue2", 6, GREEN),
            "fip": self._outside("fip", RED, RED.floating, floating=True),
            "gateway": self._outside("gateway", BLUE, BLUE.gateway, floating=True),
            "snat": self._outside("snat", RED, RED.gateway, floating=False),
        }
        self.warm_up()

    def warm_up(self) -> None:
        """Let everybody know their neighbours: who asks with an odd source address is not answered."""
        for stage in self.made.values():
            for each in (stage, self.careless(stage, NAIVE)):
                shoot(self.ears, each, [])

    def close(self) -> None:
        """Stop listening."""
        self.ears.close()

    def careless(self, stage: Stage, name: str) -> Stage:
        """The same place, with the naive router (or the plain host, outside) for a target."""
        outside = stage.me[0] == INTERNET
        tenant = next((each for each in TENANTS if stage.me[0].startswith(each.name)), RED)
        link = self.links[name]["ext" if outside else tenant.name]
        last = 251 if name == PLAIN else 250
        ip4, ip6 = (external(last)) if outside else (tenant.v4(last), tenant.v6(last))
        them = Target(
            mac4=link.mac,
            mac6=link.mac,
            ip4=ip4,
            ip6=ip6,
            ll6=link_local(link.mac),
            foreign4=tenant.v4(last) if outside else external(last)[0],
            beacon=ip4,
            macs=frozenset(each.mac for each in self.links[name].values()),
        )
        return msgspec.structs.replace(stage, them=them)

    def _tenant_side(self, name: str, tenant: Tenant, netns: str, number: int, other: Tenant) -> Stage:
        mac = self.links[netns]["eth0"].mac
        ip4, ip6 = tenant.v4(number), tenant.v6(number)
        ask = self.ground.asked
        mac4 = ask(netns, "eth0", ip4, tenant.v4(1))
        mac6 = ask(netns, "eth0", ip6, tenant.v6(1))
        return Stage(
            name=name,
            me=(netns, "eth0"),
            mac=mac,
            ip4=ip4,
            ip6=ip6,
            ll6=link_local(mac),
            them=Target(
                mac4=mac4,
                mac6=mac6,
                ip4=tenant.v4(1),
                ip6=tenant.v6(1),
                ll6=link_local(mac6),
                foreign4=self._leg(tenant) or tenant.gateway,
                beacon=tenant.v4(1),
                macs=self.ours,
            ),
            inside4=tenant.v4(5),
            inside6=tenant.v6(5),
            floating4=other.floating,
            other4=other.v4(5),
            other6=other.v6(5),
            more=self._facts(tenant),
        )

    def _outside(self, name: str, tenant: Tenant, address: str, *, floating: bool) -> Stage:
        link = self.links[INTERNET]["ext0"]
        mac4 = self.ground.asked(INTERNET, "ext0", "203.0.113.1", address)
        six = tenant.v6(5) if name == "fip" else tenant.gateway6
        mac6 = self.ground.asked(INTERNET, "ext0", "2001:db8:e::1", six)
        return Stage(
            name=name,
            me=(INTERNET, "ext0"),
            mac=link.mac,
            ip4="203.0.113.1",
            ip6="2001:db8:e::1",
            ll6=link_local(link.mac),
            them=Target(
                mac4=mac4,
                mac6=mac6,
                ip4=address,
                ip6=six,
                ll6=link_local(mac6),
                foreign4=self._leg(RED) if name == "fip" else tenant.v4(1),
                beacon=address,
                macs=self.ours,
            ),
            inside4=tenant.v4(6),
            inside6=tenant.v6(6),
            floating4=tenant.floating if floating else "",
            other4=GREEN.v4(5),
            other6=GREEN.v6(5),
            more=self._facts(tenant),
        )

    def _facts(self, tenant: Tenant) -> dict[str, str]:
        return {
            "leg": self._leg(RED),
            "peer": self._leg(RED, 1),
            "other leg": self._leg(GREEN),
            "own floating": tenant.floating,
            "open6": tenant.v6(5),
            "broadcast": tenant.v4(255),
            "fixed": tenant.v4(5),
            "inside": tenant.v4(1),
            "qr6": tenant.v6(1),
            "gateway6": tenant.gateway6,
            "unused": "203.0.113.200",
            "far": FAR4,
        }

    def _leg(self, tenant: Tenant, end: int = 0) -> str:
        """The router's end of its leg (1: the fip namespace's), "" for a centralised router."""
        if not tenant.distributed:
            return ""
        return self.ground.leg(tenant.router)[end]
