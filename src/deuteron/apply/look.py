"""What to look at in the kernel, given what is wanted."""

from __future__ import annotations

from collections import defaultdict

from deuteron.objects import Look, Sysctl, Veth, Wanted
from deuteron.objects.base import HOST
from deuteron.objects.ownership import may_be_ours


def look_for(wanted: Wanted, *earlier: Wanted) -> Look:
    """The instances' namespaces to look into and the kernel parameters to read.

    Args:
        wanted: what will be compared with what is there.
        earlier: what was wanted before, where it is known: what goes is then seen whole, so
            that an undo can make all of it again.
    """
    namespaces: set[str] = set()
    sysctls: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for one in (wanted, *earlier):
        for unit in one.units:
            for obj in unit.objects:
                if isinstance(obj, Sysctl):
                    sysctls[obj.netns][obj.path] = None
                elif isinstance(obj, Veth):
                    namespaces.update((obj.netns, obj.peer_netns))
            namespaces.update(need.name for need in unit.needs if need.kind == "netns")
    instances = frozenset(name for name in namespaces if name != HOST and not may_be_ours(name))
    return Look(namespaces=instances, sysctls={netns: tuple(paths) for netns, paths in sysctls.items()})
