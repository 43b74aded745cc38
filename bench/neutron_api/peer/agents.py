"""agents.py NEUTRON_CONF: report L2, DHCP, L3, metering and metadata agents as alive over RPC.

The server schedules networks and routers to agents; no data path is needed for that, only agents
that report and answer. With ACT=0 they do no more, so that nothing changes between two requests.
Runs in the virtual environment of neutron until it is ended, three hours at most.
"""

import os
import queue
import sys
import threading
import time

import oslo_messaging
from neutron.agent import rpc as agent_rpc
from neutron.agent.dhcp import agent as dhcp_agent
from neutron.agent.l3 import agent as l3_agent
from neutron.common import config
from neutron.conf.agent import common as agent_conf
from neutron_lib import context, rpc as n_rpc
from neutron_lib.agent import topics
from oslo_config import cfg

agent_conf.register_agent_state_opts_helper(cfg.CONF)
config.register_common_config_options()
config.init(["--config-file", sys.argv[1]])
config.setup_logging()
HOST = cfg.CONF.host
ACT = os.environ.get("ACT", "1") == "1"
l2 = {
    "bridge_mappings": {"physnet1": "br-ex", "public": "br-ex"},
    "tunnel_types": ["vxlan", "gre", "geneve"],
    "tunneling_ip": "127.0.0.1",
    "l2_population": True,
    "arp_responder_enabled": False,
    "enable_distributed_routing": True,
    "log_agent_heartbeats": False,
    "extensions": ["qos", "log"],
    "datapath_type": "system",
    "ovs_capabilities": {
        "datapath_types": ["netdev", "system"],
        "iface_types": ["internal", "vxlan", "gre", "geneve"],
    },
    "vhostuser_socket_dir": "/var/run/openvswitch",
    "ovs_hybrid_plug": False,
    "in_distributed_mode": False,
    "integration_bridge": "br-int",
    "bridge_mac_table_size": 50000,
    "devices": 0,
    "resource_provider_bandwidths": {},
    "resource_provider_inventory_defaults": {},
    "resource_provider_hypervisors": {},
    "baremetal_smartnic": False,
}


def agent(kind, binary, topic, conf, az=None):
    a = {
        "agent_type": kind,
        "binary": binary,
        "host": HOST,
        "topic": topic,
        "configurations": conf,
        "start_flag": True,
    }
    if az:
        a["availability_zone"] = az
    return a


AGENTS = [
    agent("Open vSwitch agent", "neutron-openvswitch-agent", "N/A", l2),
    agent(
        "DHCP agent",
        "neutron-dhcp-agent",
        "dhcp_agent",
        {
            "dhcp_driver": "fake",
            "dhcp_lease_duration": 86400,
            "networks": 0,
            "subnets": 0,
            "ports": 0,
            "log_agent_heartbeats": False,
        },
        "nova",
    ),
    agent(
        "L3 agent",
        "neutron-l3-agent",
        "l3_agent",
        {
            "agent_mode": "dvr_snat",
            "handle_internal_only_routers": True,
            "interface_driver": "openvswitch",
            "log_agent_heartbeats": False,
            "routers": 0,
            "ex_gw_ports": 0,
            "interfaces": 0,
            "floating_ips": 0,
            "extensions": [],
        },
        "nova",
    ),
    agent(
        "Metadata agent",
        "neutron-metadata-agent",
        "N/A",
        {
            "metadata_proxy_socket": "/fake",
            "nova_metadata_host": "127.0.0.1",
            "nova_metadata_port": 8775,
            "log_agent_heartbeats": False,
        },
    ),
    agent(
        "Metering agent",
        "neutron-metering-agent",
        "metering_agent",
        {"metering_driver": "noop", "measure_interval": 30, "report_interval": 300},
    ),
]
n_rpc.init(cfg.CONF)
ctx = context.get_admin_context_without_session()


work = queue.SimpleQueue()


class Anything:
    """Answers every call that the API makes to an agent (adding a router to one is a call, not a cast)."""

    target = oslo_messaging.Target(version="1.99")

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda context, **kw: None

    def routers_updated(self, context, routers=(), **kw):
        if ACT:
            work.put(("routers", list(routers)))

    def port_create_end(self, context, payload=None, **kw):
        if ACT:
            work.put(("dhcp", [payload["port"]["id"]]))

    port_update_end = port_create_end


def worker():
    """What the agents would do next: bind a router's ports and report them up, report DHCP ready."""
    l3 = l3_agent.L3PluginApi(topics.L3PLUGIN, HOST)
    l2plugin = agent_rpc.PluginApi(topics.PLUGIN)
    dhcp = dhcp_agent.DhcpPluginApi(topics.PLUGIN, HOST)
    while True:
        kind, ids = work.get()
        try:
            if kind == "dhcp":
                dhcp.dhcp_ready_on_ports(ids)
                continue
            for r in l3.get_routers(ctx, ids):
                ports = [i["id"] for i in r.get("_interfaces", [])]
                if r.get("gw_port"):
                    ports.append(r["gw_port"]["id"])
                if ports:
                    l2plugin.update_device_list(ctx, ports, [], "ovs-agent-" + HOST, HOST)
        except Exception as e:
            print("agent work failed", kind, repr(e)[:200], flush=True)


for topic in ("l3_agent", "dhcp_agent", "metering_agent"):
    conn = n_rpc.Connection()
    conn.create_consumer(topic, [Anything()], fanout=False)
    conn.consume_in_threads()
api = agent_rpc.PluginReportStateAPI(topics.REPORTS)
threading.Thread(target=worker, daemon=True).start()
end = time.time() + 3 * 3600
while time.time() < end:
    for a in AGENTS:
        try:
            api.report_state(ctx, a, use_call=a["start_flag"])
            a["start_flag"] = False
        except Exception as e:
            print("report failed", a["agent_type"], repr(e)[:200], flush=True)
    time.sleep(20)
