"""Small things that the tests of inputs share."""

from __future__ import annotations

from pathlib import Path

from deuteron.domain import HostView
from deuteron.inputs import Allocations, Loaded, load

ROOT = Path(__file__).parents[3]
PAYLOADS = ROOT / "tests" / "data" / "neutron-payloads"
EXAMPLES = ROOT / "examples"

BASE = """\
bridge_mappings: {physnet1: br-ex}
networks:
  - {name: public, router:external: true, provider:network_type: flat, provider:physical_network: physnet1}
  - {name: web}
subnets:
  - {name: public-v4, network_id: public, cidr: 203.0.113.0/24}
  - {name: web-v4, network_id: web, cidr: 10.0.0.0/24}
routers:
  - {name: r1, distributed: true, external_gateway_info: {network_id: public}, interfaces: [web-v4]}
ports:
  - {name: vm1, network_id: web, fixed_ips: [{ip_address: 10.0.0.5}], "binding:profile": {netns: vm1}}
  - {name: vm2, network_id: web, fixed_ips: [{ip_address: 10.0.0.6}]}
floatingips:
  - {floating_network_id: public, floating_ip_address: 203.0.113.50, port_id: vm1}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "topology.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, text: str, before: Allocations | None = None) -> Loaded:
    return load(write(folder, text), host="host1", allocations=before or Allocations())


def view(folder: Path, text: str) -> HostView:
    return loaded(folder, text).view
