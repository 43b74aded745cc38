"""What ``test_keystone`` asks, of a real one: ``python -m tests.identity.real_keystone URL ADMIN_PASSWORD``.

It needs a Keystone with an administrator ``admin`` in the project ``admin`` and a service user ``neutron``
in the project ``service``, both with that password; it makes a user and a token, and revokes it.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from typing import Any

import httpx

from deuteron.errors import DeuteronError
from deuteron.identity.keystone import Keystone
from deuteron.identity.keystone_client import Client, Password
from deuteron.resources.refusal import Refusal

DOMAIN = {"id": "default"}


def issue(api: httpx.Client, name: str, password: str, scope: dict[str, Any]) -> str:
    user = {"name": name, "domain": DOMAIN, "password": password}
    auth = {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
    answer = api.post("/v3/auth/tokens", json={"auth": auth})
    answer.raise_for_status()
    return answer.headers["X-Subject-Token"]


async def status(keystone: Keystone, token: str) -> int:
    try:
        await keystone.caller({"x-auth-token": token})
    except Refusal as refusal:
        return refusal.status
    return 200


def a_user(api: httpx.Client) -> tuple[str, str, str, str]:
    """A member of a new project: name, password, the user's id, the project's."""
    name, password = f"alice-{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    project = api.post("/v3/projects", json={"project": {"name": name, "domain_id": "default"}}).json()[
        "project"
    ]
    user = {"name": name, "domain_id": "default", "password": password}
    made = api.post("/v3/users", json={"user": user}).json()["user"]
    for role in api.get("/v3/roles", params={"name": "member"}).json()["roles"]:
        api.put(f"/v3/projects/{project['id']}/users/{made['id']}/roles/{role['id']}").raise_for_status()
    return name, password, made["id"], project["id"]


async def run(url: str, password: str) -> None:
    told: list[DeuteronError] = []
    ours = Password(username="neutron", password=password, project="service")
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as api:
        admin = issue(api, "admin", password, {"project": {"name": "admin", "domain": DOMAIN}})
        api.headers["X-Auth-Token"] = admin
        name, word, user, project = a_user(api)
        alice = issue(api, name, word, {"project": {"id": project}})
        keystone = Keystone(Client(url, ours), remembered=0.0, trouble=told.append)
        both = await asyncio.gather(*(keystone.caller({"x-auth-token": alice}) for _ in range(20)))
        caller = both[0]
        assert (caller.user_id, caller.project_id) == (user, project), caller
        assert {"member", "reader"} <= caller.roles, caller
        assert not caller.is_admin
        assert (await keystone.caller({"x-auth-token": admin})).is_admin
        system = issue(api, "admin", password, {"system": {"all": True}})
        assert (await keystone.caller({"x-auth-token": system})).scope == "system"
        assert await status(keystone, "made-up") == 401
        assert await status(keystone, alice[:-4] + "AAAA") == 401
        api.delete("/v3/auth/tokens", headers={"X-Subject-Token": alice}).raise_for_status()
        assert await status(keystone, alice) == 401
        assert not told, told
        await keystone.close()
        wrong = Password(username="neutron", password="wrong", project="service")
        stranger = Keystone(Client(url, wrong), trouble=told.append)
        assert await status(stranger, admin) == 503
        assert [one.code for one in told] == ["keystone-refused"]
        await stranger.close()
    print("as expected: project, admin and system tokens, made up, forged, revoked, our own password wrong")


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:3]))
