"""Quotas."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from deuteron.resources import checks
from deuteron.resources.attribute import Attr
from deuteron.resources.resource import Resource, declare

UNLIMITED: Final = -1


def _limit(value: object) -> int:
    return checks.between(UNLIMITED)(checks.integer(value))


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """How many of each a project may have; -1 is any number.

    The defaults are Neutron's.  A project's own limits are kept one by one, and a DELETE forgets them.
    """

    project_id: Annotated[str, Attr()] = ""
    network: Annotated[int, Attr(put=True, filter=False, check=_limit)] = 100
    subnet: Annotated[int, Attr(put=True, filter=False, check=_limit)] = 100
    subnetpool: Annotated[int, Attr(put=True, filter=False, check=_limit)] = UNLIMITED
    port: Annotated[int, Attr(put=True, filter=False, check=_limit)] = 500
    router: Annotated[int, Attr(put=True, filter=False, check=_limit)] = 10
    floatingip: Annotated[int, Attr(put=True, filter=False, check=_limit)] = 50
    rbac_policy: Annotated[int, Attr(put=True, filter=False, check=_limit)] = 10


QUOTA: Final[Resource] = declare(Quota, name="quota", collection="quotas", bulk=False, extension="quotas")
