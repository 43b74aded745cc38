"""A Keystone from nothing: a database, keys, an administrator, a catalogue, by its own programs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from deuteron.kernel.linux.libc import MS_BIND, MS_REC, mount, umount
from tests.support.reach import python_within_reach

#: Names a directory with two virtual environments: `keystone` (keystone, waitress) and `osc` (the client).
VARIABLE: Final = "DEUTERON_PEER"
PASSWORD: Final = "of-the-administrator"
_DOMAIN: Final = {"id": "default"}
_CONFIGURATION: Final = """\
[database]
connection = sqlite:///{place}/keystone.sqlite
[token]
provider = fernet
[fernet_tokens]
key_repository = {place}/fernet-keys
[credential]
key_repository = {place}/credential-keys
[fernet_receipts]
key_repository = {place}/fernet-keys
[cache]
enabled = true
backend = dogpile.cache.memory
[identity]
password_hash_rounds = 4
[oslo_policy]
enforce_new_defaults = true
enforce_scope = true
"""


def why_not() -> str:
    """Why there is no Keystone to ask, "" where there is one."""
    named = os.environ.get(VARIABLE, "")
    if not named:
        return f"{VARIABLE} names no directory with a Keystone and a client (keystone/, osc/: two venvs)"
    programs = ("keystone/bin/keystone-manage", "osc/bin/openstack")
    missing = [one for one in programs if not (Path(named) / one).exists()]
    return f"{named} has no {', '.join(missing)}" if missing else ""


def peer() -> Path:
    return Path(os.environ[VARIABLE])


@contextmanager
def all_within_reach() -> Iterator[None]:
    """The interpreter for every user, and the Keystone still where it is."""
    aside = Path("/run/peer")
    aside.mkdir()
    mount(str(peer()), aside, "none", MS_BIND | MS_REC)
    try:
        with python_within_reach():
            peer().mkdir(parents=True, exist_ok=True)
            mount(str(aside), peer(), "none", MS_BIND | MS_REC)
            try:
                yield
            finally:
                umount(peer())
    finally:
        umount(aside)


class Keystone:
    """One that runs.

    Args:
        place: an empty directory of its own.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        (place / "keystone.conf").write_text(_CONFIGURATION.format(place=place))
        for command in (
            ["db_sync"],
            ["fernet_setup", "--keystone-user", "root", "--keystone-group", "root"],
            ["credential_setup", "--keystone-user", "root", "--keystone-group", "root"],
            ["bootstrap", "--bootstrap-password", PASSWORD, "--bootstrap-region-id", "RegionOne"],
        ):
            self._manage(*command)
        self.process = self._started()
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        self.api = httpx.Client(base_url=self.url, trust_env=False, timeout=60)
        self.api.headers["X-Auth-Token"] = self.token("admin", PASSWORD, "admin")

    def _manage(self, *arguments: str) -> None:
        program = str(peer() / "keystone/bin/keystone-manage")
        configuration = ["--config-file", str(self._place / "keystone.conf")]
        done = subprocess.run(
            [program, *configuration, *arguments], capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr

    def _started(self) -> subprocess.Popen[str]:
        program = str(Path(__file__).with_name("keystone_server.py"))
        with (self._place / "errors").open("w") as errors:
            return subprocess.Popen(
                [str(peer() / "keystone/bin/python"), program],
                env={**os.environ, "OS_KEYSTONE_CONFIG_DIR": str(self._place)},
                cwd=self._place,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def token(self, user: str, password: str, project: str) -> str:
        identity = {"name": user, "domain": _DOMAIN, "password": password}
        scope = {"project": {"name": project, "domain": _DOMAIN}}
        body = {"identity": {"methods": ["password"], "password": {"user": identity}}, "scope": scope}
        answer = self.api.post("/v3/auth/tokens", json={"auth": body})
        assert answer.status_code == 201, answer.text
        return answer.headers["X-Subject-Token"]

    def revoke(self, token: str) -> None:
        self.api.delete("/v3/auth/tokens", headers={"X-Subject-Token": token}).raise_for_status()

    def make(self, collection: str, **body: Any) -> str:
        """A resource of the Identity API; its id."""
        name = collection.rstrip("s")
        answer = self.api.post(f"/v3/{collection}", json={name: body})
        assert answer.status_code == 201, answer.text
        made: str = answer.json()[name]["id"]
        return made

    def user(self, name: str, password: str, project: str, *roles: str) -> str:
        """A user with a project of its own; the project's id."""
        made = self.make("projects", name=project, domain_id="default")
        user = self.make("users", name=name, domain_id="default", password=password)
        for role in roles:
            found = self.api.get("/v3/roles", params={"name": role}).json()["roles"]
            ident = found[0]["id"] if found else self.make("roles", name=role)
            self.api.put(f"/v3/projects/{made}/users/{user}/roles/{ident}").raise_for_status()
        return made

    def catalogue(self, url: str) -> None:
        """Where clients find the network service."""
        service = self.make("services", type="network", name="neutron")
        self.make("endpoints", service_id=service, interface="public", url=url, region_id="RegionOne")

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.api.close()
        if self.process.stdout is not None:
            self.process.stdout.close()
