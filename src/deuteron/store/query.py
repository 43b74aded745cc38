"""What is asked of a list: filters, who may see, order, page.  A value; ``select.py`` makes SQL of it.

Filters are named as in the API (``router:external``, ``tenant_id``), a value of ``None`` stands for
NULL, and several values of one name are alternatives; names are joined by *and*.  Beside the attributes
there are

* ``tags``, ``tags-any``, ``not-tags``, ``not-tags-any``: each value a tag;
* ``fixed_ips`` of ports: values ``ip_address=A``, ``subnet_id=ID``, ``ip_address_substr=PART``;
alternatives within
  one of these, the three joined by *and*, as Neutron does;
* ``changed_since``: changed at that time or later.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from deuteron.resources.resource import Resource


class Viewer(Protocol):
    """Who looks: a ``Caller``, of which the store needs no more than this."""

    @property
    def project_id(self) -> str:
        """The project whose resources are their own."""
        ...

    @property
    def sees_all(self) -> bool:
        """Whether every project's resources are seen."""
        ...


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A list that is wanted.

    Attributes:
        resource: of what.
        filters: name and alternatives.
        visible_to: whose eyes; ``None`` sees everything.
        sort: attribute and whether it ascends; the id is always the last key.
        limit: at most so many; 0 for all.
        marker: the id of the row that the page starts after; empty for the first page.
        reverse: the page that ends before the marker; it is still in the order of ``sort``.
    """

    resource: Resource
    filters: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    visible_to: Viewer | None = None
    sort: tuple[tuple[str, bool], ...] = ()
    limit: int = 0
    marker: str = ""
    reverse: bool = False


def project_of(viewer: Viewer | None) -> str | None:
    """The project that a list is narrowed to; ``None`` for who sees everything."""
    return None if viewer is None or viewer.sees_all else viewer.project_id
