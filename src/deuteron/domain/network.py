"""Networks."""

from __future__ import annotations

import msgspec

from deuteron.domain import validation as check


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """A layer-2 network as one host sees it.

    Attributes:
        mtu: bytes.
        external: floating IPs and gateways may be taken from it (``router:external``).
        bridge: the host's bridge that carries it (a provider network), or "" for a
            network that lives in a namespace of its own, ``net-<id>``.
        physical_network: the provider's name that ``bridge_mappings`` resolved, or "".
    """

    id: str
    name: str
    project_id: str = ""
    mtu: int = 1500
    admin_state_up: bool = True
    external: bool = False
    bridge: str = ""
    physical_network: str = ""

    def __post_init__(self) -> None:
        check.check_id("id", self.id)
        check.check_name("name", self.name)
        check.check_mtu("mtu", self.mtu)
        if self.bridge:
            check.check_device_name("bridge", self.bridge)
