"""Ports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from msgspec import field

from deuteron.resources import addresses, checks
from deuteron.resources.attribute import Attr
from deuteron.resources.resource import Resource, declare
from deuteron.resources.standard import Tagged
from deuteron.resources.values import FixedIp

VNIC_TYPES: Final = (
    "normal",
    "direct",
    "macvtap",
    "baremetal",
    "direct-physical",
    "virtio-forwarder",
    "smart-nic",
    "vdpa",
    "accelerator-direct",
    "accelerator-direct-physical",
    "remote-managed",
)


class Port(Tagged, frozen=True, kw_only=True):
    """A place on a network for one device, with its MAC and addresses.

    ``status`` is what the kernel says: ACTIVE, DOWN, ERROR.  ``binding:*`` says which host serves it
    and how; the ``vif_type`` is ``unbound`` while nothing does.
    """

    name: Annotated[str, Attr(post=True, put=True, sort=True, check=checks.name())] = ""
    network_id: Annotated[str, Attr(post=True, sort=True, required=True, check=checks.uuid)]
    admin_state_up: Annotated[bool, Attr(post=True, put=True, sort=True, check=checks.boolean)] = True
    mac_address: Annotated[
        str, Attr(post=True, put=True, sort=True, enforce=True, check=checks.or_none(addresses.mac))
    ]
    fixed_ips: Annotated[
        tuple[FixedIp, ...], Attr(post=True, put=True, enforce=True, check=addresses.fixed_ips)
    ] = ()
    device_id: Annotated[str, Attr(post=True, put=True, sort=True, enforce=True, check=checks.text(255))] = ""
    device_owner: Annotated[
        str, Attr(post=True, put=True, sort=True, enforce=True, check=checks.text(255))
    ] = ""
    status: Annotated[str, Attr(sort=True)] = "DOWN"
    binding_vif_type: Annotated[str, Attr(filter=False, enforce=True, extension="binding")] = field(
        default="unbound", name="binding:vif_type"
    )
    binding_vif_details: Annotated[
        Mapping[str, Any], Attr(filter=False, enforce=True, extension="binding")
    ] = field(default_factory=dict, name="binding:vif_details")
    binding_vnic_type: Annotated[
        str,
        Attr(
            post=True,
            put=True,
            filter=False,
            enforce=True,
            check=checks.one_of(*VNIC_TYPES),
            extension="binding",
        ),
    ] = field(default="normal", name="binding:vnic_type")
    binding_host_id: Annotated[
        str, Attr(post=True, put=True, enforce=True, check=checks.host_id, extension="binding")
    ] = field(default="", name="binding:host_id")
    binding_profile: Annotated[
        Mapping[str, Any],
        Attr(
            post=True, put=True, filter=False, enforce=True, check=checks.binding_profile, extension="binding"
        ),
    ] = field(default_factory=dict, name="binding:profile")


PORT: Final[Resource] = declare(Port, name="port", collection="ports", quota="port", tags=True)
