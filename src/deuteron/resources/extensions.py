"""What works, by alias: this and nothing more is what ``GET /v2.0/extensions`` names.

Names, descriptions and dates are those that Neutron shows; clients look at the alias.  An attribute of
an extension that is not here is unknown, and its presence in a body a 400.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from deuteron.resources.extension import Extension

__all__ = ["EXTENSIONS"]

_WORKING: Final = (
    Extension(
        alias="address-scope",
        name="Address scope",
        description="Address scopes extension.",
        updated="2015-07-26T10:00:00-00:00",
    ),
    Extension(
        alias="agent",
        name="agent",
        description="The agent management extension.",
        updated="2013-02-03T10:00:00-00:00",
    ),
    Extension(
        alias="agent_sort_key",
        name="Agents Sort Key",
        description="Enabling the keyword sort_key for sorting in agents.",
        updated="2013-02-03T10:00:00-00:00",
    ),
    Extension(
        alias="availability_zone",
        name="Availability Zone",
        description="The availability zone extension.",
        updated="2015-01-01T10:00:00-00:00",
    ),
    Extension(
        alias="availability_zone_filter",
        name="Availability Zone Filter Extension",
        description="Add filter parameters to AvailabilityZone resource",
        updated="2018-06-22T10:00:00-00:00",
    ),
    Extension(
        alias="binding",
        name="Port Binding",
        description="Expose port bindings of a virtual port to external application",
        updated="2014-02-03T10:00:00-00:00",
    ),
    Extension(
        alias="default-subnetpools",
        name="Default Subnetpools",
        description="Provides ability to mark and use a subnetpool as the default.",
        updated="2016-02-18T18:00:00-00:00",
    ),
    Extension(
        alias="dvr",
        name="Distributed Virtual Router",
        description="Enables configuration of Distributed Virtual Routers.",
        updated="2014-06-1T10:00:00-00:00",
    ),
    Extension(
        alias="empty-string-filtering",
        name="Empty String Filtering Extension",
        description="Allow filtering by attributes with empty string value",
        updated="2018-05-01T10:00:00-00:00",
    ),
    Extension(
        alias="expose-port-forwarding-in-fip",
        name="Expose Floating IP port forwardings",
        description="Expose port forwarding fields in floating IP response",
        updated="2018-06-28T16:00:00-00:00",
    ),
    Extension(
        alias="ext-gw-mode",
        name="Neutron L3 Configurable external gateway mode",
        description=(
            "Extension of the router abstraction for specifying whether SNAT should occur on "
            "the external gateway"
        ),
        updated="2013-03-28T10:00:00-00:00",
    ),
    Extension(
        alias="external-net",
        name="Neutron external network",
        description="Adds external network attribute to network resource.",
        updated="2013-01-14T10:00:00-00:00",
    ),
    Extension(
        alias="extraroute",
        name="Neutron Extra Route",
        description="Extra routes configuration for L3 router",
        updated="2013-02-01T10:00:00-00:00",
    ),
    Extension(
        alias="extraroute-atomic",
        name="Atomically add/remove extra routes",
        description=(
            "Edit extra routes of a router on server side by atomically adding/removing extra routes"
        ),
        updated="2019-07-10T00:00:00+00:00",
    ),
    Extension(
        alias="filter-validation",
        name="Filter parameters validation",
        description="Provides validation on filter parameters.",
        updated="2018-07-04T10:00:00-00:00",
    ),
    Extension(
        alias="fip-port-details",
        name="Floating IP Port Details Extension",
        description="Add port_details attribute to Floating IP resource",
        updated="2018-04-09T10:00:00-00:00",
    ),
    Extension(
        alias="floating-ip-port-forwarding",
        name="Floating IP Port Forwarding",
        description="Allow port forwarding from floating IP port to an internal port",
        updated="2018-01-19T10:00:00-00:00",
    ),
    Extension(
        alias="floating-ip-port-forwarding-description",
        name="Floating IP Port Forwarding new attribute description",
        description="Add a description field to Port Forwarding rules",
        updated="2019-11-01T10:00:00-00:00",
    ),
    Extension(
        alias="floating-ip-port-forwarding-detail",
        name="Floating IP port forwarding detail",
        description=(
            "Allow list floating ip return more port forwarding data, include'id' and 'internal_port_id'"
        ),
        updated="2022-05-06T10:00:00-00:00",
    ),
    Extension(
        alias="floating-ip-port-forwarding-port-ranges",
        name="Floating IP Port Forwarding support port ranges",
        description="Add support to port ranges",
        updated="2020-07-01T10:00:00-00:00",
    ),
    Extension(
        alias="net-mtu",
        name="Network MTU",
        description="Provides MTU attribute for a network resource.",
        updated="2015-03-25T10:00:00-00:00",
    ),
    Extension(
        alias="net-mtu-writable",
        name="Network MTU (writable)",
        description="Provides a writable MTU attribute for a network resource.",
        updated="2017-07-12T00:00:00-00:00",
    ),
    Extension(
        alias="network-ip-availability",
        name="Network IP Availability",
        description="Provides IP availability data for each network and subnet.",
        updated="2015-09-24T00:00:00-00:00",
    ),
    Extension(
        alias="network_availability_zone",
        name="Network Availability Zone",
        description="Availability zone support for network.",
        updated="2015-01-01T10:00:00-00:00",
    ),
    Extension(
        alias="pagination",
        name="Pagination support",
        description="Extension that indicates that pagination is enabled.",
        updated="2016-06-12T00:00:00-00:00",
    ),
    Extension(
        alias="port-mac-address-regenerate",
        name="Neutron Port MAC address regenerate",
        description="Network port MAC address regenerate",
        updated="2018-05-03T10:00:00-00:00",
    ),
    Extension(
        alias="project-id",
        name="project_id field enabled",
        description="Extension that indicates that project_id field is enabled.",
        updated="2016-09-09T09:09:09-09:09",
    ),
    Extension(
        alias="provider",
        name="Provider Network",
        description="Expose mapping of virtual networks to physical networks",
        updated="2012-09-07T10:00:00-00:00",
    ),
    Extension(
        alias="quota_details",
        name="Quota details management support",
        description="Expose functions for quotas usage statistics per project",
        updated="2017-02-10T10:00:00-00:00",
    ),
    Extension(
        alias="quotas",
        name="Quota management support",
        description="Expose functions for quotas management per project",
        updated="2012-07-29T10:00:00-00:00",
    ),
    Extension(
        alias="rbac-address-scope",
        name="Add address_scope type to RBAC",
        description="Add address_scope type to RBAC",
        updated="2020-02-12T00:00:00-00:00",
    ),
    Extension(
        alias="rbac-policies",
        name="RBAC Policies",
        description=(
            "Allows creation and modification of policies that control project access to resources."
        ),
        updated="2015-06-17T12:15:12-00:00",
    ),
    Extension(
        alias="rbac-subnetpool",
        name="Add subnetpool type to RBAC",
        description="Add subnetpool type to RBAC",
        updated="2020-02-05T00:00:00-00:00",
    ),
    Extension(
        alias="revision-if-match",
        name="If-Match constraints based on revision_number",
        description="Extension indicating that If-Match based on revision_number is supported.",
        updated="2016-12-11T00:00:00-00:00",
    ),
    Extension(
        alias="router",
        name="Neutron L3 Router",
        description=(
            "Router abstraction for basic L3 forwarding between L2 Neutron networks and "
            "access to external networks via a NAT gateway."
        ),
        updated="2012-07-20T10:00:00-00:00",
    ),
    Extension(
        alias="router_availability_zone",
        name="Router Availability Zone",
        description="Availability zone support for router.",
        updated="2015-01-01T10:00:00-00:00",
    ),
    Extension(
        alias="sort-key-validation",
        name="Sort keys validation",
        description="Provides validation on sort keys.",
        updated="2018-07-04T10:00:00-00:00",
    ),
    Extension(
        alias="sorting",
        name="Sorting support",
        description="Extension that indicates that sorting is enabled.",
        updated="2016-06-12T00:00:00-00:00",
    ),
    Extension(
        alias="standard-attr-description",
        name="standard-attr-description",
        description="Extension to add descriptions to standard attributes",
        updated="2016-02-10T10:00:00-00:00",
    ),
    Extension(
        alias="standard-attr-revisions",
        name="Resource revision numbers",
        description="This extension will display the revision number of neutron resources.",
        updated="2016-04-11T10:00:00-00:00",
    ),
    Extension(
        alias="standard-attr-tag",
        name=(
            "Tag support for resources with standard attribute: floatingip, network, port, "
            "router, subnet, subnetpool"
        ),
        description="Enables to set tag on resources with standard attribute.",
        updated="2017-01-01T00:00:00-00:00",
    ),
    Extension(
        alias="standard-attr-timestamp",
        name="Resource timestamps",
        description=(
            "Adds created_at and updated_at fields to all Neutron resources that have Neutron "
            "standard attributes."
        ),
        updated="2016-09-12T10:00:00-00:00",
    ),
    Extension(
        alias="subnet-external-network",
        name="Subnet belongs to an external network",
        description="Informs if the subnet belongs to an external network",
        updated="2024-02-05T18:00:00-00:00",
    ),
    Extension(
        alias="subnet-service-types",
        name="Subnet service types",
        description="Provides ability to set the subnet service_types field",
        updated="2016-03-15T18:00:00-00:00",
    ),
    Extension(
        alias="subnet_allocation",
        name="Subnet Allocation",
        description="Enables allocation of subnets from a subnet pool",
        updated="2015-03-30T10:00:00-00:00",
    ),
    Extension(
        alias="subnetpool-prefix-ops",
        name="Subnet Pool Prefix Operations",
        description="Provides support for adjusting the prefix list of subnet pools",
        updated="2019-02-08T10:00:00-00:00",
    ),
    Extension(
        alias="tag-creation",
        name="Tag creation extension",
        description="Allow to create multiple tags for a resource",
        updated="2024-23-07T10:00:00-00:00",
    ),
    Extension(
        alias="tag-ports-during-bulk-creation",
        name="Tag Ports During Bulk Creation",
        description="Allow to tag ports during bulk creation",
        updated="2019-12-29T19:00:00-00:00",
    ),
)

EXTENSIONS: Final[Mapping[str, Extension]] = MappingProxyType({one.alias: one for one in _WORKING})
