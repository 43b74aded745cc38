"""Alternative names of links are names: what has one goes before what is to have it."""

from __future__ import annotations

from deuteron.apply.engine import apply_plan, prepare, verify
from deuteron.compile import compile_host
from deuteron.domain import Binding, FixedIP, HostView, Port
from deuteron.domain.network import Network
from deuteron.domain.subnet import Subnet
from deuteron.kernel.fake import FakeKernel

_ID = "11111111-1111-4111-8111-111111111111"


def view(binding: Binding) -> HostView:
    subnet = Subnet(id="s", name="", network_id="n", cidr="10.0.0.0/24", gateway_ip="10.0.0.1")
    port = Port(
        id=_ID,
        name="web",
        network_id="n",
        mac_address="fa:16:3e:00:00:05",
        fixed_ips=(FixedIP(subnet_id="s", ip_address="10.0.0.5"),),
        binding=binding,
    )
    network = Network(id="n", name="n")
    return HostView(host="here", networks=(network,), subnets=(subnet,), ports=(port,))


def test_a_port_goes_from_a_tap_to_a_namespace_and_back_in_one_change() -> None:
    kernel = FakeKernel()
    kernel.add_instance_netns("vm1")
    for binding in (Binding(tap="tap-web"), Binding(netns="vm1"), Binding(tap="tap-web")):
        wanted = compile_host(view(binding))
        result = apply_plan(kernel, prepare(kernel, wanted))
        assert result.ok, [(one.unit, one.code, one.error) for one in result.failed]
        assert verify(kernel, wanted).none
