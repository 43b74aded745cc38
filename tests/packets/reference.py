"""The reference host of the packet tests: three tenants behind two kinds of routers, IPv4 and IPv6.

::

    internet -+- br-ex -+- fip-public -+- qrouter-rd (distributed)  red1, red2
              |         |              `- qrouter-rg (distributed)  green1, green2
              |         +- snat-rd, snat-rg
              |         `- qrouter-rc (centralised)                 blue1, blue2
              `- naive, on every network: a router with all doors open

``naive`` shows that a packet is well made: it falls for what ours must not.
"""

from __future__ import annotations

from ipaddress import ip_interface
from pathlib import Path
from typing import Any, Final

import msgspec

from deuteron.kernel.protocol import Kernel
from deuteron.lab.inside import NETNS_DIR, inside
from deuteron.lab.probe import resolve
from deuteron.lab.scene import INTERNET
from deuteron.lab.world import End
from deuteron.objects import Address
from tests.netns.site import Site, floating, merge, public, router
from tests.support.sandbox import Host

NAIVE: Final = "naive"
#: A host outside that does as a kernel does when nobody told it anything.
PLAIN: Final = "plain"
#: Far out in the internet.
FAR4: Final = "198.51.100.1"
FAR6: Final = "2001:db8:ffff::1"
#: The host's own, on a link that no tenant is on.
HOST4, HOST6 = "192.0.2.77", "2001:db8:77::77"


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant: its prefixes without the last part, its router, and what the outside knows of it.

    Attributes:
        gateway: external address of the router, without its last part's family: ``203.0.113.<n>``.
        floating: of the first instance.
    """

    name: str
    four: str
    six: str
    router: str
    distributed: bool
    number: int
    floating: str

    def v4(self, number: int) -> str:
        """An address of the tenant's IPv4 subnet."""
        return f"{self.four}.{number}"

    def v6(self, number: int) -> str:
        """An address of the tenant's IPv6 subnet; the last part is ``number`` in hexadecimal digits."""
        return f"{self.six}::{number}"

    @property
    def gateway(self) -> str:
        """The router's external IPv4 address."""
        return f"203.0.113.{self.number}"

    @property
    def gateway6(self) -> str:
        """The router's external IPv6 address."""
        return f"2001:db8:e::{self.number}"


RED: Final = Tenant(
    name="red",
    four="10.0.0",
    six="2001:db8:a",
    router="rd",
    distributed=True,
    number=10,
    floating="203.0.113.50",
)
GREEN: Final = Tenant(
    name="green",
    four="10.0.2",
    six="2001:db8:c",
    router="rg",
    distributed=True,
    number=30,
    floating="203.0.113.70",
)
BLUE: Final = Tenant(
    name="blue",
    four="10.0.1",
    six="2001:db8:b",
    router="rc",
    distributed=False,
    number=20,
    floating="203.0.113.60",
)
TENANTS: Final = (RED, GREEN, BLUE)


def topology(tenants: tuple[Tenant, ...] = TENANTS) -> dict[str, Any]:
    """The reference host; the IPv6 of distributed routers is reached by NDP proxies alone."""
    external6 = {
        "name": "public-v6",
        "network_id": "public",
        "cidr": "2001:db8:e::/64",
        "gateway_ip": "2001:db8:e::1",
    }
    return merge(public(), {"subnets": [external6]}, *map(_tenant, tenants))


def _tenant(tenant: Tenant) -> dict[str, Any]:
    name = tenant.name
    four = {"name": f"{name}-v4", "network_id": name, "cidr": f"{tenant.four}.0/24"}
    six = {
        "name": f"{name}-v6",
        "network_id": name,
        "cidr": f"{tenant.six}::/64",
        "gateway_ip": tenant.v6(1),
    }
    made: dict[str, Any] = {
        "networks": [{"name": name}],
        "subnets": [four, six],
        "routers": [_router(tenant)],
        "ports": [_instance(tenant, 1), _instance(tenant, 2)],
        "floatingips": [floating(tenant.floating, f"{name}1", fixed_ip_address=tenant.v4(5))],
    }
    if tenant.distributed:
        made["ndp_proxies"] = [
            {
                "name": f"p-{name}",
                "router_id": tenant.router,
                "port_id": f"{name}1",
                "ip_address": tenant.v6(5),
            }
        ]
    return made


def _router(tenant: Tenant) -> dict[str, Any]:
    fixed = [
        {"subnet_id": "public-v4", "ip_address": tenant.gateway},
        {"subnet_id": "public-v6", "ip_address": tenant.gateway6},
    ]
    return router(
        tenant.router,
        f"{tenant.name}-v4",
        f"{tenant.name}-v6",
        distributed=tenant.distributed,
        gateway={"external_fixed_ips": fixed},
        enable_ndp_proxy=tenant.distributed,
    )


def _instance(tenant: Tenant, number: int) -> dict[str, Any]:
    """``red1`` has 10.0.0.5, ``red2`` 10.0.0.6, and the same for IPv6."""
    host = 4 + number
    return {
        "name": f"{tenant.name}{number}",
        "network_id": tenant.name,
        "fixed_ips": [{"ip_address": tenant.v4(host)}, {"ip_address": tenant.v6(host)}],
        "binding:profile": {"netns": f"{tenant.name}{number}"},
    }


class Ground:
    """The reference host on the real kernel, with ``naive`` beside our routers."""

    def __init__(self, host: Host, kernel: Kernel, directory: Path) -> None:
        self.host = host
        self.site = Site(kernel, directory)
        self.site.apply(topology())
        assert self.site.around is not None
        view = self.site.around.view
        self.ids = {each.name: each.id for each in view.networks}
        self.ids |= {each.name: each.id for each in view.routers}
        for each in filter(lambda tenant: tenant.distributed, TENANTS):  # there as NDP proxies have it
            self.site.ground.route(INTERNET, f"{each.v6(5)}/128", dev="ext0")
        self._be_naive()
        self._have_own_addresses()

    def close(self) -> None:
        """Take everything away; nothing of ours may be left."""
        try:
            for name in (NAIVE, PLAIN):
                self.site.ground.remove_namespace(name)
            self.site.destroy()
            assert self.host.leaks() == []
        finally:
            self.site.ground.close()

    def mac(self, netns: str, dev: str) -> str:
        """The MAC address of a link."""
        return self.host.links(netns)[dev].mac

    def asked(self, netns: str, dev: str, source: str, target: str) -> str:
        """The MAC address of whoever answers for ``target`` on the wire of ``dev``."""
        mac = resolve(netns, dev, source, target).mac
        assert mac, f"nobody answers {netns} for {target}"
        return mac

    def leg(self, router: str) -> tuple[str, str]:
        """The IPv4 addresses of a distributed router's leg: its end, and that of the fip namespace."""
        for unit in self.site.wanted.units:
            for each in unit.objects:
                if (
                    isinstance(each, Address)
                    and each.netns == f"qrouter-{self.ids[router]}"
                    and each.dev.startswith("rfp-")
                    and ":" not in each.address
                ):
                    near = ip_interface(each.address)
                    return str(near.ip), str(near.network[1])
        raise LookupError(router)

    def _be_naive(self) -> None:
        ground = self.site.ground
        ground.namespace(NAIVE, forwarding=True)
        inside(NETNS_DIR / NAIVE, lambda: _open_all_doors("default"))
        wires = [("", "br-ex", "ext", _with_lengths(external(250)))]
        for each in TENANTS:
            network = self.ids[each.name]
            addresses = _with_lengths((each.v4(250), each.v6(250)))
            wires.append((f"net-{network}", f"br-{network}"[:14], each.name, addresses))
        for netns, bridge, dev, addresses in wires:
            outer = End(netns=netns, dev=f"tap-nv-{dev}"[:15], master=bridge)
            ground.cable(outer, End(netns=NAIVE, dev=dev, addresses=addresses), 1500)
        inside(NETNS_DIR / NAIVE, lambda: _open_all_doors("all"))
        ground.route(NAIVE, "0.0.0.0/0", "203.0.113.1")
        ground.route(NAIVE, "::/0", "2001:db8:e::1")
        ground.namespace(PLAIN)
        ground.cable(
            End(netns="", dev="tap-plain", master="br-ex"),
            End(netns=PLAIN, dev="ext", addresses=_with_lengths(external(251))),
            1500,
        )
        ground.route(PLAIN, "::/0", link_local(self.mac(INTERNET, "ext0")), dev="ext")

    def _have_own_addresses(self) -> None:
        ground = self.site.ground
        ground.bridge("mgmt0", 1500)
        for address in (f"{HOST4}/24", f"{HOST6}/64"):
            ground.address("", "mgmt0", address)


def external(number: int) -> tuple[str, str]:
    """Addresses of the external network."""
    return f"203.0.113.{number}", f"2001:db8:e::{number}"


def _with_lengths(pair: tuple[str, str]) -> tuple[str, ...]:
    return f"{pair[0]}/24", f"{pair[1]}/64"


def link_local(mac: str) -> str:
    """The link-local address made from a MAC address (RFC 4291, appendix A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    packed = bytes([0xFE, 0x80, *[0] * 6, octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:]])
    return ":".join(packed[i : i + 2].hex() for i in range(0, 16, 2))


#: What a careless administrator would leave open, in ``conf/<where>``.
_OPEN: Final = {
    "ipv4": {
        "accept_redirects": "1",
        "secure_redirects": "0",
        "accept_source_route": "1",
        "rp_filter": "0",
        "accept_local": "1",
        "route_localnet": "1",
        "arp_ignore": "0",
        "proxy_arp": "1",
        "bc_forwarding": "1",
    },
    "ipv6": {"accept_redirects": "1", "accept_ra": "2", "accept_source_route": "1", "seg6_enabled": "1"},
}


def _open_all_doors(where: str) -> None:
    """In the caller's own namespace."""
    for family, knobs in _OPEN.items():
        for knob, value in knobs.items():
            place = Path(f"/proc/sys/net/{family}/conf/{where}/{knob}")
            if place.exists():
                place.write_text(value)
    for delay in Path("/proc/sys/net/ipv4/neigh").glob("*/proxy_delay"):
        delay.write_text("0")
    Path("/proc/sys/net/ipv4/icmp_echo_ignore_broadcasts").write_text("0")
    Path("/proc/sys/net/ipv4/icmp_ratelimit").write_text("0")
    Path("/proc/sys/net/ipv6/icmp/ratelimit").write_text("0")


__all__ = ["FAR4", "FAR6", "INTERNET", "NAIVE", "PLAIN", "TENANTS", "Ground", "Tenant", "topology"]
