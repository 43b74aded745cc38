"""What a write to ``conf/all`` writes besides: the kernel hands it down to every link, and to ``default``.

So it does for these three (``inet_forward_change`` in net/ipv4/devinet.c, ``addrconf_forward_change``
and ``addrconf_disable_change`` in net/ipv6/addrconf.c).  A write that is taken back must put back what
each link said, even where that is another unit's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from deuteron.objects import KernelObject, Observed, OwnValue, Sysctl, Update, Wanted
from deuteron.reconcile.delta import Link, ends, own_values_in, says

_HANDED_DOWN: Final = {
    "net/ipv4/ip_forward": ("ipv4", "forwarding"),
    "net/ipv4/conf/all/forwarding": ("ipv4", "forwarding"),
    "net/ipv6/conf/all/forwarding": ("ipv6", "forwarding"),
    "net/ipv6/conf/all/disable_ipv6": ("ipv6", "disable_ipv6"),
}


def change(old: KernelObject, new: KernelObject, wanted: Wanted, observed: Observed) -> Update:
    """The step from ``old`` to ``new``, which says what else it writes where that is not as ``old``."""
    if not isinstance(old, Sysctl) or not isinstance(new, Sysctl) or new.path not in _HANDED_DOWN:
        return Update(old, new)
    family, name = _HANDED_DOWN[new.path]
    known = own_values_in(wanted, new.netns)
    own = next((one for one in known if (one.family, one.name) == (family, name)), None)
    if own is None:  # nobody knows what the links say
        return Update(old, new)
    differing = tuple(one for one in _written(new.netns, own, observed) if one.value != old.value)
    return Update(
        old,
        new,
        contents=tuple([replace(one, value=new.value) for one in differing]),
        old_contents=differing,
    )


def _written(netns: str, own: OwnValue, observed: Observed) -> Iterator[Sysctl]:
    """What ``default`` and each link of ours say; a look tells of a link where it is not as wanted."""
    usual = observed.objects.get(("sysctl", netns, own.path("default")))
    if isinstance(usual, Sysctl):
        yield usual
    devices = {
        dev
        for thing in observed.objects.values()
        if isinstance(thing, Link) and says(thing, own)
        for place, dev in ends(thing)
        if place == netns
    }
    for dev in sorted(devices):
        told = observed.objects.get(("sysctl", netns, own.path(dev)))
        wanted = Sysctl(netns=netns, path=own.path(dev), value=own.value, dev=dev)
        yield told if isinstance(told, Sysctl) else wanted
