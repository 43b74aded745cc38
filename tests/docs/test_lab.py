"""The quick start, and every command of the pages about ``serve``: real client, real server, real packets."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.docs import quick_openstack
from tests.docs.lab import ENTER, Lab, lab, why_no_client
from tests.docs.sessions import ROOT, Command, lab_sessions
from tests.support.sandbox import Host

README: Final = ROOT / "README.md"
SESSIONS: Final = lab_sessions()
PAGES: Final = [one for one in SESSIONS if one != README]
SERVE: Final = "deuteron serve --bridge-mapping physnet1:br-ex &"
LISTENS: Final = (
    "The Networking API listens on http://127.0.0.1:9696 (whoever is on this host is an administrator)."
)
CLIENT: Final = "export OS_CLIENT_CONFIG_FILE=/run/lab/clouds.yaml OS_CLOUD=deuteron"

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(why_no_client()), reason=why_no_client()),
]


def test_the_quick_start_of_the_readme_ends_with_packets(host: Host) -> None:
    with lab() as shell:
        for command in after_entering(README):
            shell.follow(command)
        status, printed = shell.run("ping -c 1 203.0.113.50")
        assert status == 0, printed
        assert "1 received" in printed


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_the_commands_of_a_page_run_and_print_what_is_shown(
    document: Path, host: Host, tmp_path: Path
) -> None:
    serve, *commands = after_entering(document)
    if any("curl " in one.line for one in commands) and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    with lab([tmp_path]) as shell:
        load_client(shell, tmp_path)
        shell.follow(Command(serve.line, 0, (LISTENS,)))
        for command in commands:
            shell.follow(command)


def after_entering(document: Path) -> list[Command]:
    """A document's commands: the first ones of each are the same."""
    enter, serve, client, *more = SESSIONS[document]
    assert (enter.line, serve.line) == (ENTER, SERVE)
    assert client.line in (CLIENT, "export API=http://127.0.0.1:9696")
    return [serve, client, *more]


def load_client(shell: Lab, place: Path) -> None:
    """Have the real client loaded once for all commands."""
    loaded = f"{sys.executable} {quick_openstack.__file__} {place}/socket {place} &"
    shell.follow(Command(loaded, 0, (quick_openstack.READY,)))
