"""The audit of a host on which ``deuteron serve`` runs: what it cannot help is all that is found."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from deuteron.audit.served import listening
from deuteron.serve.place import api_user
from tests.cli.command import Deuteron
from tests.serve.running import Serving, serving
from tests.support.reach import python_within_reach
from tests.support.sandbox import Host

pytestmark = pytest.mark.kernel


@pytest.fixture
def place(host: Host) -> Iterator[Path]:
    host.make_bridge("br-ex")
    made = Path("/run/t")
    made.mkdir(mode=0o755)
    with python_within_reach():
        yield made


def failed(serve: Serving) -> dict[str, dict[str, Any]]:
    ended = serve.run("audit", "-o", "json")
    findings: list[dict[str, Any]] = ended.document()["findings"]
    return {one["check"]: one for one in findings if one["status"] == "fail"}


def test_it_is_found_that_everybody_here_is_let_in_and_nothing_else_of_the_api(place: Path) -> None:
    with serving(Deuteron(place / "state"), place, "--bridge-mapping", "physnet1:br-ex") as serve:
        pid = serve.posture("api").pid
        assert list(listening(Path("/proc") / str(pid))) == ["127.0.0.1"]
        found = failed(serve)
        assert of_the_api(found) == {"Check-Neutron-03"}, found
        assert "tokens" in found["Check-Neutron-03"]["mend"]


def test_with_tokens_nothing_is_found_of_the_api(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = place / "tokens.toml"
    file.write_text(
        f'[[token]]\nsha256 = "{sha256(b"x").hexdigest()}"\nuser = "u"\nproject = "p"\nroles = []\n'
    )
    file.chmod(0o600)
    user = api_user("deuteron-api")[0]
    os.chown(file, user.uid, user.gid)
    monkeypatch.setenv("DEUTERON_API_AUTH", "tokens")
    monkeypatch.setenv("DEUTERON_API_TOKENS_FILE", str(file))
    with serving(Deuteron(place / "state"), place, "--bridge-mapping", "physnet1:br-ex") as serve:
        assert of_the_api(failed(serve)) == set()


def of_the_api(found: dict[str, dict[str, Any]]) -> set[str]:
    """Others are of how this checkout is installed."""
    return {
        name for name in found if name.startswith(("DTN-3", "DTN-4", "DTN-6", "Check-")) and name != "DTN-604"
    }
