"""Kernel objects as frozen values: the language that compile, reconcile and the kernels share."""

from deuteron.objects.action import Announce, FlushFlows
from deuteron.objects.address import Address
from deuteron.objects.base import HOST, PROTOCOL, KernelObject, Key
from deuteron.objects.link import Bridge, LinkUp, Tap, Veth, link_key
from deuteron.objects.neighbour import Fdb, Neighbour, NeighbourProxy
from deuteron.objects.netns import Netns
from deuteron.objects.nft import NftChain, NftElement, NftRule, NftSet, NftTable
from deuteron.objects.observed import Foreign, Look, Observed
from deuteron.objects.own_value import OwnValue, own_values
from deuteron.objects.route import MAIN_TABLE, Nexthop, Route
from deuteron.objects.rule import Rule
from deuteron.objects.step import Create, Delete, Run, Step, Update, inverse, objects_of
from deuteron.objects.sysctl import Sysctl
from deuteron.objects.wanted import Need, RefusedUnit, Unit, Wanted

__all__ = [
    "HOST",
    "MAIN_TABLE",
    "PROTOCOL",
    "Address",
    "Announce",
    "Bridge",
    "Create",
    "Delete",
    "Fdb",
    "FlushFlows",
    "Foreign",
    "KernelObject",
    "Key",
    "LinkUp",
    "Look",
    "Need",
    "Neighbour",
    "NeighbourProxy",
    "Netns",
    "Nexthop",
    "NftChain",
    "NftElement",
    "NftRule",
    "NftSet",
    "NftTable",
    "Observed",
    "OwnValue",
    "RefusedUnit",
    "Route",
    "Rule",
    "Run",
    "Step",
    "Sysctl",
    "Tap",
    "Unit",
    "Update",
    "Veth",
    "Wanted",
    "inverse",
    "link_key",
    "objects_of",
    "own_values",
]
