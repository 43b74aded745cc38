"""Version discovery: what ``/`` and ``/v2.0/`` say, without knowing any resource."""

from __future__ import annotations

from typing import Any, Final

CORE: Final = (
    ("network", "networks"),
    ("subnet", "subnets"),
    ("subnetpool", "subnetpools"),
    ("port", "ports"),
)


def versions(base: str) -> dict[str, Any]:
    """The body of ``/``.

    Args:
        base: scheme and host, as the client wrote them, without a slash at its end.
    """
    links = [{"rel": "self", "href": f"{base}/v2.0/"}]
    return {"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]}


def resources(base: str) -> dict[str, Any]:
    """The body of ``/v2.0/``: Neutron's core resources."""
    return {
        "resources": [
            {
                "name": name,
                "collection": collection,
                "links": [{"rel": "self", "href": f"{base}/v2.0/{collection}"}],
            }
            for name, collection in CORE
        ]
    }
