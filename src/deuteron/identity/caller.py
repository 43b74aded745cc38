"""Who asks."""

from __future__ import annotations

from typing import Any

import msgspec


class Caller(msgspec.Struct, frozen=True):
    """Who a request comes from, as an identity service has confirmed it.

    Attributes:
        user_id: of the user, "" where nobody said.
        project_id: that the token is for, "" where it is for none.
        roles: names, as Keystone wrote them; compared without regard to case.
        is_admin: whether the rule ``context_is_admin`` holds; ``Policy.known`` finds out.
        system: the token is for the whole cloud, which is no project.
        request_id: of the request, ``req-`` and a UUID.
        domain_id: that the token is for, "" where it is for none.
        user_domain_id: that the user is in, "" where nobody said.
        project_domain_id: that the project is in, "" where nobody said.
        service_roles: of the service that asks on the user's behalf (``X-Service-Token``).
    """

    user_id: str
    project_id: str
    roles: frozenset[str]
    is_admin: bool = False
    system: bool = False
    request_id: str = ""
    domain_id: str = ""
    user_domain_id: str = ""
    project_domain_id: str = ""
    service_roles: frozenset[str] = frozenset()

    @property
    def scope(self) -> str:
        """What the token is for, in the words of oslo.policy: ``project``, ``domain`` or ``system``."""
        if self.system:
            return "system"
        return "domain" if self.domain_id else "project"

    @property
    def sees_all(self) -> bool:
        """Whether no project bounds what the store shows them, so that policy alone decides.

        Administrators, and other services of the cloud by their own role: what neutron-lib calls
        ``is_service_role``.
        """
        return self.is_admin or any(role.lower() == "service" for role in self.roles)

    def credentials(self) -> dict[str, Any]:
        """What rules can ask of a caller, under the names of oslo.context; ``None`` for what is not there."""
        project, user, domain = self.project_id or None, self.user_id or None, self.domain_id or None
        return {
            "user_id": user,
            "user": user,
            "project_id": project,
            "tenant_id": project,
            "tenant": project,
            "roles": sorted(self.roles),
            "service_roles": sorted(self.service_roles),
            "is_admin": self.is_admin,
            "is_admin_project": True,
            "system_scope": "all" if self.system else None,
            "domain_id": domain,
            "domain": domain,
            "user_domain_id": self.user_domain_id or None,
            "user_domain": self.user_domain_id or None,
            "project_domain_id": self.project_domain_id or None,
            "project_domain": self.project_domain_id or None,
        }
