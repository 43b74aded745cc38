"""What the kernel takes away with what: the containers of observed objects.

``KernelObject.container`` names the direct container.  Three things need the whole
picture: objects on the inner end of a veth pair belong to the pair, whose key is that
of its outer end; a pair goes with either namespace; a route goes with its link.

A route over several links is not there any more once any of them is gone: an IPv4 one goes as
a whole (``fib_sync_down_dev()``), of an IPv6 one the other nexthops stay (``fib6_ifdown()``).
Where one of its links only goes down it stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from deuteron.objects import KernelObject, Key, LinkUp, NftElement, Route, Veth
from deuteron.objects.link import link_key


class Containment:
    """The containers among observed objects.

    Args:
        have: the observed objects by key.
        namespaces: the namespaces that matter; objects elsewhere are not indexed.
    """

    def __init__(self, have: dict[Key, KernelObject], namespaces: frozenset[str]) -> None:
        self._have = have
        self._inner: dict[Key, Key] = {}
        self.local: list[KernelObject] = []
        self._on_dev: defaultdict[tuple[str, str], list[KernelObject]] = defaultdict(list)
        self._elements: defaultdict[str, list[NftElement]] = defaultdict(list)
        for key, obj in have.items():
            near = key[1] in namespaces
            if isinstance(obj, Veth):
                self._inner[link_key(obj.peer_netns, obj.peer_name)] = key
                near = near or obj.peer_netns in namespaces
            if near:
                self.local.append(obj)
                if isinstance(obj, NftElement):
                    self._elements[obj.netns].append(obj)
                for dev in devices(obj):
                    self._on_dev[dev].append(obj)

    def on_dev(self, netns: str, dev: str) -> Iterable[KernelObject]:
        """What is on a device: addresses, neighbours, that it is up, routes over it."""
        return self._on_dev.get((netns, dev), ())

    def elements(self, netns: str) -> tuple[KernelObject, ...]:
        """The elements of a namespace's table, sorted by key."""
        return tuple(sorted(self._elements.get(netns, ()), key=lambda o: o.key))

    def root(self, obj: KernelObject, deleted: set[Key] | frozenset[Key]) -> Key | None:
        """The nearest container of ``obj`` that is in ``deleted``, or ``None``."""
        return next((key for key in self.roots(obj, deleted) if key is not None), None)

    def roots(self, obj: KernelObject, deleted: set[Key] | frozenset[Key]) -> tuple[Key | None, ...]:
        """The nearest container in ``deleted``, or ``None``, by each link of a route; else one."""
        return tuple(self._nearest(key, deleted) for key in self._parents(obj))

    def _parents(self, obj: KernelObject) -> tuple[Key | None, ...]:
        if isinstance(obj, Route) and len(devs := devices(obj)) > 1:
            return tuple(self._resolve(link_key(*dev)) for dev in devs)
        return (self._resolve(obj.container),)

    def _nearest(self, key: Key | None, deleted: set[Key] | frozenset[Key]) -> Key | None:
        while key is not None and key not in deleted:
            container = self._have.get(key)
            key = self._resolve(container.container) if container is not None else self._beyond(key)
        return key

    def _beyond(self, key: Key) -> Key | None:
        """The container of something that is not ours, so not among the observed."""
        if key[0] == "up":
            return self._resolve(link_key(key[1], key[2]))
        return ("netns", key[1]) if key[0] == "link" and key[1] else None

    def _resolve(self, key: Key | None) -> Key | None:
        return self._inner.get(key, key) if key is not None and key[0] == "link" else key


def devices(obj: KernelObject) -> tuple[tuple[str, str], ...]:
    """The devices that ``obj`` sits on, as ``(namespace, device)``."""
    if isinstance(obj, Route):
        return tuple({(obj.netns, hop.dev): None for hop in obj.nexthops})
    if obj.key[0] in ("address", "neighbour", "proxy", "fdb") or isinstance(obj, LinkUp):
        return ((obj.key[1], obj.key[2]),)
    return ()
