"""The clients themselves, driven through a recording proxy: openstacksdk, and the `openstack` command."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tests.api_parity.record import Recorder, proxy

_COMMAND_SECONDS: Final = 120


def sdk(recorder: Recorder, base: str) -> None:
    """What a program does with openstacksdk."""
    import openstack  # only where something is recorded

    with proxy(recorder, base) as url, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cloud = openstack.connection.Connection(auth_type="none", auth={"endpoint": url}, region_name="r")
        _program(cloud.network)
        cloud.close()


def _program(net: Any) -> None:
    outside = net.create_network(
        name="public",
        is_router_external=True,
        provider_network_type="flat",
        provider_physical_network="physnet1",
    )
    out = net.create_subnet(
        network_id=outside.id, ip_version=4, cidr="203.0.113.0/24", enable_dhcp=False, name="public-v4"
    )
    inside = net.create_network(name="private", description="of the SDK", mtu=1450)
    subnet = net.create_subnet(
        network_id=inside.id, ip_version=4, cidr="10.0.0.0/24", dns_nameservers=["9.9.9.9"]
    )
    pool = net.create_subnet_pool(name="pool", prefixes=["10.64.0.0/12"], default_prefix_length=26)
    third = net.create_network(name="third")
    pooled = net.create_subnet(network_id=third.id, ip_version=4, subnet_pool_id=pool.id)
    scope = net.create_address_scope(name="scope", ip_version=4)
    router = net.create_router(name="edge", external_gateway_info={"network_id": outside.id})
    net.add_interface_to_router(router, subnet_id=subnet.id)
    net.update_router(router, routes=[{"destination": "10.99.0.0/16", "nexthop": "10.0.0.9"}])
    net.add_extra_routes_to_router(
        router, {"router": {"routes": [{"destination": "10.98.0.0/16", "nexthop": "10.0.0.9"}]}}
    )
    net.remove_extra_routes_from_router(
        router, {"router": {"routes": [{"destination": "10.98.0.0/16", "nexthop": "10.0.0.9"}]}}
    )
    port = net.create_port(
        network_id=inside.id, name="server", fixed_ips=[{"subnet_id": subnet.id, "ip_address": "10.0.0.9"}]
    )
    many = list(net.create_ports([{"network_id": inside.id, "name": f"p{n}"} for n in range(2)]))
    floating = net.create_ip(floating_network_id=outside.id, port_id=port.id)
    net.update_ip(floating, port_id=None)
    net.update_ip(floating, port_id=port.id)
    second = net.create_ip(floating_network_id=outside.id)
    forward = net.create_floating_ip_port_forwarding(
        second,
        internal_port_id=many[0].id,
        internal_ip_address=many[0].fixed_ips[0]["ip_address"],
        internal_port=22,
        external_port=2222,
        protocol="tcp",
    )
    list(net.floating_ip_port_forwardings(second))
    net.update_floating_ip_port_forwarding(second, forward, external_port=2223)
    net.set_tags(inside, ["blue", "red"])
    policy = net.create_rbac_policy(
        object_type="network",
        object_id=inside.id,
        action="access_as_shared",
        target_project_id="00000000000040008000000000be7a00",
    )
    for found in (
        net.find_network("private"),
        net.find_port("server"),
        net.find_router("edge"),
        net.find_subnet("public-v4"),
        net.find_network(inside.id),
    ):
        assert found is not None
    assert net.find_network("nobody") is None
    list(net.networks(name="private", tags="red"))
    list(net.networks(limit=1, paginated=True, sort_key="name", sort_dir="asc"))
    list(net.ports(device_owner="network:router_interface"))
    list(net.ips(port_id=port.id))
    list(net.extensions())
    list(net.agents(agent_type="L3 agent"))
    list(net.availability_zones())
    net.get_quota("fake_project_id")
    net.get_quota("fake_project_id", details=True)
    net.update_quota("beta", networks=5)
    net.delete_quota("beta")
    net.get_network_ip_availability(inside.id)
    net.update_network(inside, name="renamed", if_revision=net.get_network(inside.id).revision_number)
    net.update_port(port, name="renamed", is_admin_state_up=False)
    net.update_subnet(subnet, gateway_ip="10.0.0.1", dns_nameservers=[])
    net.delete_floating_ip_port_forwarding(second, forward)
    for one in (floating, second):
        net.delete_ip(one)
    net.delete_rbac_policy(policy)
    for one in (port, *many):
        net.delete_port(one)
    net.update_router(router, routes=[])
    net.remove_interface_from_router(router, subnet_id=subnet.id)
    net.delete_router(router)
    for one in (subnet, pooled, out):
        net.delete_subnet(one)
    net.delete_subnet_pool(pool)
    net.delete_address_scope(scope)
    for one in (inside, outside, third):
        net.delete_network(one)


#: One command a line, but for one that a backslash goes on; the arguments hold no blanks.
_COMMANDS: Final = """
network create --external --provider-network-type flat --provider-physical-network physnet1 public
subnet create --network public --subnet-range 203.0.113.0/24 --no-dhcp public-v4
network create private --description of-the-command --mtu 1450 --tag red
subnet create --network private --subnet-range 10.0.0.0/24 --dns-nameserver 9.9.9.9 private-v4
network list
network list --long
network list --external
network show private
subnet list
subnet show private-v4
router create --centralized edge
router add subnet edge private-v4
router set --external-gateway public edge
router set --route destination=10.99.0.0/16,gateway=10.0.0.9 edge
router show edge
router list --long
router unset --route destination=10.99.0.0/16,gateway=10.0.0.9 edge
port create --network private --fixed-ip subnet=private-v4,ip-address=10.0.0.9 server
port list --router edge
port list --network private --long
port show server
port set --description seen --name vm server
floating ip create --port vm public
floating ip list
floating ip list --port vm --long
port create --network private --fixed-ip ip-address=10.0.0.10 second
floating ip create --floating-ip-address 203.0.113.77 public
floating ip set --port second 203.0.113.77
floating ip unset --port 203.0.113.77
floating ip port forwarding create --internal-ip-address 10.0.0.10 --port second \
--internal-protocol-port 22 --external-protocol-port 2222 --protocol tcp 203.0.113.77
floating ip port forwarding list 203.0.113.77
floating ip show 203.0.113.77
floating ip delete 203.0.113.77
network set --tag blue private
network unset --tag red private
network list --tags blue
network show nobody
network rbac list
subnet pool create --pool-prefix 10.64.0.0/12 --default-prefix-length 26 pool
subnet pool list
network create third
subnet create --network third --subnet-pool pool pooled
subnet pool show pool
address scope create --ip-version 4 scope
address scope list
network agent list
availability zone list --network
ip availability list
ip availability show private
extension list --network
extension show router
port delete second
router unset --external-gateway edge
router remove subnet edge private-v4
router delete edge
port delete vm
subnet delete pooled
subnet pool delete pool
address scope delete scope
network delete private
network delete public
network delete third
"""


def command(recorder: Recorder, base: str) -> None:
    """What a person types: each command a process of its own, as it is when typed."""
    openstack = Path(sys.executable).parent / "openstack"
    with proxy(recorder, base) as url, tempfile.TemporaryDirectory() as home:
        clouds = Path(home) / "clouds.yaml"
        clouds.write_text(
            f"clouds:\n  peer:\n    auth_type: none\n    auth:\n      endpoint: {url}\n", "utf-8"
        )
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "OS_CLOUD": "peer",
            "OS_CLIENT_CONFIG_FILE": str(clouds),
        }
        for line in _COMMANDS.strip().splitlines():
            ran = subprocess.run(
                [str(openstack), *line.split()],
                check=False,
                env=environment,
                capture_output=True,
                text=True,
                timeout=_COMMAND_SECONDS,
            )
            said = ran.stderr.strip().splitlines()
            if ran.returncode:
                print(f"openstack {line}: status {ran.returncode}: {said[-1] if said else ''}", flush=True)


CLIENTS: Final[Mapping[str, Callable[[Recorder, str], None]]] = MappingProxyType(
    {"openstacksdk": sdk, "openstack": command}
)
