"""``serve`` behind a real Keystone, both processes confined, asked by the real ``openstack`` client."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from pwd import getpwnam
from typing import Any

import httpx
import msgspec
import pytest

from deuteron.kernel.linux.confine import inspect
from tests.cli.command import Deuteron
from tests.identity.keystone_host import PASSWORD, Keystone, all_within_reach, peer, why_not
from tests.serve.running import Serving, serving
from tests.support.sandbox import Host
from tests.support.users import needs_every_user

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.timeout(600),
    needs_every_user,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]

OURS = "of-the-service"
ALICE = "of-alice"


@pytest.fixture
def place(host: Host) -> Iterator[Path]:
    del host
    made = Path("/run/t")
    made.mkdir(mode=0o755)
    with all_within_reach():
        yield made


@pytest.fixture
def keystone(place: Path) -> Iterator[Keystone]:
    folder = place / "keystone"
    folder.mkdir()
    made = Keystone(folder)
    try:
        made.user("deuteron", OURS, "service", "service", "admin")
        made.user("alice", ALICE, "wonderland", "member")
        yield made
    finally:
        if made.process.poll() is None:
            made.end()


def credentials(place: Path) -> Path:
    """Ours, for the API's user alone to read."""
    file = place / "keystone.toml"
    file.write_text(f'username = "deuteron"\npassword = "{OURS}"\nproject = "service"\n')
    file.chmod(0o600)
    nobody = getpwnam("nobody")
    os.chown(file, nobody.pw_uid, nobody.pw_gid)
    return file


def client(serve: Serving, user: str, password: str, project: str, *arguments: str) -> Any:
    """``openstack``, by the file that was written for clients and what that says it lacks.

    On a busy machine Keystone may need longer than the API waits for it, which is a 503: asked again then.
    """
    for _ in range(5):
        done = _client(serve, user, password, project, *arguments)
        if "temporarily unavailable" not in done.stderr:
            break
    assert done.returncode == 0, (done.stdout, done.stderr, serve.out)
    return msgspec.json.decode(done.stdout)


def _client(
    serve: Serving, user: str, password: str, project: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(peer() / "osc/bin/openstack"), *arguments, "-f", "json"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": "/run/t",
            "OS_CLIENT_CONFIG_FILE": serve.said["clouds"],
            "OS_CLOUD": serve.said["cloud"],
            "OS_USERNAME": user,
            "OS_PASSWORD": password,
            "OS_PROJECT_NAME": project,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_people_of_a_real_keystone_are_let_in_and_nobody_else(place: Path, keystone: Keystone) -> None:
    run = Deuteron(place / "state")
    said: dict[str, Any] = {
        "DEUTERON_API_AUTH": "keystone",
        "DEUTERON_API_KEYSTONE_URL": keystone.url,
        "DEUTERON_API_KEYSTONE_CREDENTIALS_FILE": str(credentials(place)),
    }
    with serving(run, place, **said) as serve:
        assert all(one.confined for one in inspect.processes() if one.role in ("api", "watch"))
        keystone.catalogue(serve.said["listen"])
        people(serve)
        tokens(serve, keystone)
        assert OURS not in serve.out + serve.err
        assert serve.end() == 0


def people(serve: Serving) -> None:
    """An administrator and a member of another project, each with a password."""
    client(serve, "admin", PASSWORD, "admin", "network", "create", "theirs")
    mine = client(serve, "alice", ALICE, "wonderland", "network", "create", "mine")
    listed = client(serve, "alice", ALICE, "wonderland", "network", "list")
    assert [one["Name"] for one in listed] == ["mine"]
    every = client(serve, "admin", PASSWORD, "admin", "network", "list")
    assert sorted(one["Name"] for one in every) == ["mine", "theirs"]
    assert re.fullmatch(r"[0-9a-f]{32}", mine["project_id"])


def tokens(serve: Serving, keystone: Keystone) -> None:
    """Made up, revoked; known and unknown ones while Keystone is away."""
    url = f"{serve.said['listen']}/v2.0/networks"
    known = keystone.token("alice", ALICE, "wonderland")
    revoked = keystone.token("alice", ALICE, "wonderland")
    fresh = keystone.token("alice", ALICE, "wonderland")
    with httpx.Client(trust_env=False, timeout=30) as api:

        def asked(token: str) -> httpx.Response:
            for _ in range(5):  # as above; while it is away it stays a 503
                answer = api.get(url, headers={"X-Auth-Token": token})
                if answer.status_code != 503:
                    break
            return answer

        refused = asked("made-up")
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == f'Keystone uri="{keystone.url}"'
        assert api.get(url).status_code == 401
        keystone.revoke(revoked)
        assert asked(revoked).status_code == 401
        assert asked(known).status_code == 200
        keystone.end()
        assert asked(known).status_code == 200, "what Keystone has said holds for a while"
        away = asked(fresh)
        assert away.status_code == 503
        assert away.json()["NeutronError"]["type"] == "ServiceUnavailable"
    serve.until(lambda: [one for one in serve.records("trouble") if one["code"] == "keystone-unreachable"])
    assert fresh not in serve.out + serve.err
