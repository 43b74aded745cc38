"""How the sequences ask: short words for what they do most."""

from __future__ import annotations

from typing import Any, Final

from tests.api_parity.record import ADMIN, Recorder

#: A UUID that names nothing, anywhere.
NOBODY: Final = "00000000-0000-4000-8000-00000000dead"
_NAMES: Final = {"address-scopes": "address_scope", "rbac-policies": "rbac_policy"}


class Ask:
    """Asks as one project, or as the administrator where none is named.

    Args:
        recorder: keeps it.
        project: whose requests these are.
        roles: what the project's user may be.
    """

    def __init__(self, recorder: Recorder, project: str = "", roles: str = "member,reader") -> None:
        self._recorder = recorder
        self._headers = {"X-Project-Id": project, "X-User-Id": f"{project}-user", "X-Roles": roles}
        if not project:
            self._headers = dict(ADMIN)

    def to(self, method: str, path: str, body: Any = None, *, raw: str | None = None, **headers: str) -> Any:
        """The answer's body; any status will do."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self._recorder.ask(method, f"/v2.0/{path}", body, raw=raw, headers=self._headers | named)
        try:
            return answer.json() if answer.content else None
        except ValueError:
            return None

    def get(self, path: str) -> Any:
        return self.to("GET", path)

    def post(self, collection: str, /, **given: Any) -> dict[str, Any]:
        """What was made; empty where it was refused."""
        name = _NAMES.get(collection, collection.rpartition("/")[2].removesuffix("s"))
        said = self.to("POST", collection, {name: given})
        made: dict[str, Any] = (said or {}).get(name, {})
        return made

    def make(self, collection: str, /, **given: Any) -> dict[str, Any]:
        """What was made; it must be."""
        made = self.post(collection, **given)
        assert made, (collection, given, self._recorder.steps[-1].answer)
        return made

    def put(self, collection: str, one: str, /, **given: Any) -> Any:
        name = _NAMES.get(collection, collection.rpartition("/")[2].removesuffix("s"))
        return self.to("PUT", f"{collection}/{one}", {name: given})

    def delete(self, collection: str, *ids: str) -> None:
        for one in ids:
            self.to("DELETE", f"{collection}/{one}")

    def subnet(self, network: str, cidr: str, /, **given: Any) -> dict[str, Any]:
        version = 6 if ":" in cidr else 4
        return self.make("subnets", network_id=network, ip_version=version, cidr=cidr, **given)
