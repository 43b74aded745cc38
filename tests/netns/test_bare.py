"""What carries nothing has no namespace: the first port makes it, the last one takes it away."""

from __future__ import annotations

from typing import Any

import pytest

from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.lab.scene import INTERNET
from tests.netns.site import Site, floating, instance, merge, public, router, tenant
from tests.support.sandbox import Host

pytestmark = pytest.mark.kernel

BOTH = pytest.mark.parametrize("distributed", [False, True], ids=["centralised", "distributed"])
_OURS = ("net", "fip", "qrouter", "snat")


def _namespaces(host: Host) -> list[str]:
    """The kinds of namespaces that are there and ours, one for each."""
    kinds = (name.partition("-")[0] for name in NetnsDirectory(host.netns_dir).list())
    return sorted(kind for kind in kinds if kind in _OURS)


@BOTH
def test_the_first_thing_on_it_makes_a_namespace(site: Site, host: Host, distributed: bool) -> None:
    base = merge(public(), tenant(), tenant("db", "10.0.1.0/24"))
    bare: dict[str, Any] = {"name": "r1", "distributed": distributed, "interfaces": []}
    vm1, vm2 = instance("vm1", "10.0.0.5"), instance("vm2", "10.0.0.6")
    full = merge(
        base,
        {
            "routers": [router("r1", "web-v4", distributed=distributed)],
            "ports": [vm1, vm2],
            "floatingips": [floating("203.0.113.50", "vm1")],
        },
    )
    site.apply(merge(base, {"routers": [bare], "ports": [vm1, vm2]}))
    assert _namespaces(host) == ["net"], "nothing is on the network db, nor of the router"
    site.reaches("vm1", "10.0.0.6", "vm2")

    for _ in range(2):
        site.apply(full)
        assert _namespaces(host) == (["fip", "net", "qrouter", "snat"] if distributed else ["net", "qrouter"])
        site.reaches(INTERNET, "203.0.113.50", "vm1")
        site.reaches("vm1", "10.0.0.6", "vm2")

        site.apply(merge(base, {"routers": [bare], "ports": [vm2]}))
        assert _namespaces(host) == ["net"], "one instance is left"

        site.apply(merge(base, {"routers": [bare]}))
        assert _namespaces(host) == []

        site.apply(merge(base, {"routers": [{**bare, "interfaces": ["web-v4"]}]}))
        assert _namespaces(host) == ["net", "qrouter"]
