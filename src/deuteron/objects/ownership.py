"""How an agent with no memory knows what is ours: one table.

=============  ==========================================================================
object         ours when
=============  ==========================================================================
Netns          its name has a prefix of ours *and* ``lo``'s alias is a mark of ours
Bridge, Veth,  the link's alias is a mark of ours (each end of a pair carries it)
Tap
LinkUp         its link is ours, or it is ``lo`` of a namespace of ours
Address        ``IFA_PROTO`` is ours, on a link of ours
Route, Rule    ``RTA_PROTOCOL``/``FRA_PROTOCOL`` is ours, in a namespace of ours, or
               (routes) on a link of ours in an instance's namespace
Neighbour,     ``NDA_PROTOCOL`` is ours
NeighbourProxy
Fdb            a static entry on a bridge member of ours (the kernel keeps no protocol there)
NftTable,      it is ``table inet deuteron`` in a namespace of ours
NftElement
Sysctl         in a namespace of ours; it has no owner in the kernel and is never removed
=============  ==========================================================================

The mark is ``deuteron <unit>``, for instance ``deuteron router/5284755a-...``.
"""

from __future__ import annotations

from typing import Final

#: Prefixes of the namespaces we make.
NETNS_PREFIXES: Final = ("qrouter-", "snat-", "fip-", "net-")

_MARK: Final = "deuteron "


def mark(owner: str) -> str:
    """The alias of a link that belongs to the unit ``owner``."""
    return _MARK + owner


def owner_of(alias: str) -> str | None:
    """The unit that an alias names, or ``None`` where the alias is not ours."""
    return alias.removeprefix(_MARK) if alias.startswith(_MARK) else None


def may_be_ours(netns: str) -> bool:
    """Whether a namespace's name has one of our prefixes."""
    return netns.startswith(NETNS_PREFIXES)
