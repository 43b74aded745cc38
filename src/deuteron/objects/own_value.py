"""What each link of a namespace should say for itself, where the namespace's parameters are as wanted.

A link has values of its own below ``net/ipv4/conf/LINK`` and ``net/ipv6/conf/LINK``, which start with
``default``.  For most parameters of IPv4 the kernel asks for the larger of ``all`` and the link's own
or for either, for IPv6 for the link's own alone (``include/linux/inetdevice.h``, ``net/ipv6``): so one
write to a link opens what the whole namespace has closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal

import msgspec

from deuteron.objects.sysctl import Sysctl

Family = Literal["ipv4", "ipv6"]

#: Of these the larger of ``all`` and the link's own decides (``IN_DEV_MAXCONF``), and more is not
#: stricter: ``arp_ignore`` 3 answers for other links' addresses again, ``arp_announce`` 3 is as 0
#: (``net/ipv4/arp.c``).
_LARGER: Final = ("arp_announce", "arp_ignore")


class OwnValue(msgspec.Struct, frozen=True, order=True, gc=False):
    """One parameter that every link has for itself.

    Attributes:
        family: ``net/ipv4/conf`` or ``net/ipv6/conf``.
        name: of the file.
        value: as the kernel prints it.
        less: a smaller number is as good, since that of ``all`` is larger.
    """

    family: Family
    name: str
    value: str
    less: bool = False

    def path(self, dev: str) -> str:
        """The file of a link, below ``/proc/sys``."""
        return f"net/{self.family}/conf/{dev}/{self.name}"

    def admits(self, value: str) -> bool:
        """Whether a link that says this is as wanted."""
        return value == self.value or (self.less and int(value) < int(self.value))


def own_values(sysctls: Iterable[Sysctl]) -> tuple[OwnValue, ...]:
    """What follows from the wanted parameters of one namespace, sorted."""
    return _own_values(tuple([(thing.path, thing.value) for thing in sysctls]))


#: Namespaces of a kind have the same parameters; a set of overrides makes others.
@lru_cache(maxsize=64)
def _own_values(parameters: tuple[tuple[str, str], ...]) -> tuple[OwnValue, ...]:
    found: dict[tuple[str, str], OwnValue] = {}
    # What `default` says goes before what follows from ip_forward or `all`.
    for path, value in sorted(parameters, key=lambda one: "/default/" in one[0]):
        if (own := _own_value(path, value)) is not None:
            found[own.family, own.name] = own
    return tuple(sorted(found.values()))


def _own_value(path: str, value: str) -> OwnValue | None:
    if path == "net/ipv4/ip_forward":  # it is conf/all/forwarding, and hands itself down to every link
        return OwnValue("ipv4", "forwarding", value)
    parts = path.split("/")
    if len(parts) != 5 or parts[0] != "net" or parts[2] != "conf" or parts[1] not in ("ipv4", "ipv6"):
        return None
    family: Family = "ipv4" if parts[1] == "ipv4" else "ipv6"
    if parts[3] == "default":
        return OwnValue(family, parts[4], value)
    if parts[3] == "all" and family == "ipv4" and parts[4] in _LARGER:
        return OwnValue(family, parts[4], value, less=True)
    return None
