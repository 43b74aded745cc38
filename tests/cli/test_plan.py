"""``deuteron plan``."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.cli.command import ONE_HOST, PAYLOADS, PROGRAM, Deuteron, Site, example

TALLY = re.compile(r"Plan: \d+ to add, \d+ to change, \d+ to destroy, in \d+ units?\.")
ANSWER = PAYLOADS / "dvr-one-fip.json"
EXTERNAL = "8b0f4928-fb4e-4fb1-9173-b76534c9232b"


@pytest.mark.kernel
def test_something_to_do_is_exit_status_3_with_the_tally_last_and_nothing_written(site: Site) -> None:
    before = site.picture()
    ended = site.run("plan", ONE_HOST)
    assert (ended.status, ended.err) == (3, "")
    assert TALLY.fullmatch(ended.last_line())
    assert site.picture() == before
    assert not site.run.state.exists()


@pytest.mark.kernel
def test_nothing_to_do_is_exit_status_0(site: Site) -> None:
    site.run("apply", ONE_HOST)
    assert site.run("plan", ONE_HOST).out == "No changes. The host is as wanted.\n"
    ended = site.run("plan", ONE_HOST, "-o", "json")
    assert (ended.status, ended.document()["units"]) == (0, [])


@pytest.mark.kernel
def test_a_change_is_drawn_and_counted(site: Site) -> None:
    site.run("apply", ONE_HOST)
    ended = site.run("plan", site.file(example(("203.0.113.51", "203.0.113.52"))))
    assert ended.status == 3
    assert re.search(r"^\+ .*203\.0\.113\.52", ended.out, re.MULTILINE)
    assert re.search(r"^- .*203\.0\.113\.51", ended.out, re.MULTILINE)


def test_json_has_version_units_and_tally(deuteron: Deuteron) -> None:
    ended = deuteron("plan", "--offline", ONE_HOST, "-o", "json")
    document = ended.document()
    assert (ended.status, ended.err) == (3, "")
    assert document.keys() == {"version", "units", "tally"}
    assert document["tally"].keys() >= {"add", "change", "destroy", "units"}
    assert document["tally"]["units"] == len(document["units"]) > 0
    assert all({"unit", "title", "steps"} <= unit.keys() for unit in document["units"])


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not on this machine")
def test_the_script_is_one_that_bash_reads(deuteron: Deuteron) -> None:
    ended = deuteron("plan", "--offline", ONE_HOST, "--format", "shell")
    assert (ended.status, ended.err) == (0, "")
    checked = subprocess.run(["bash", "-n"], input=ended.out, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_verbose_says_why(deuteron: Deuteron) -> None:
    short, long = (deuteron("plan", "--offline", ONE_HOST, *more).out for more in ((), ("-v",)))
    assert len(long.splitlines()) > len(short.splitlines())
    assert "net/ipv4/ip_forward" in long
    assert TALLY.fullmatch(long.splitlines()[-1])


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not on this machine")
def test_a_reader_that_goes_away_gets_no_traceback(deuteron: Deuteron) -> None:
    program = ["bash", "-c", 'set -o pipefail; "$0" plan --offline -v "$1" | head -n 1']
    done = subprocess.run(
        [*program, str(PROGRAM), str(ONE_HOST)],
        capture_output=True,
        text=True,
        check=False,
        env=deuteron.environment(),
    )
    assert "Traceback" not in done.stderr


def test_an_answer_of_a_server_is_planned_for_the_host_named(deuteron: Deuteron) -> None:
    ended = deuteron("plan", "--offline", ANSWER, "--host", "net1")
    assert ended.status == 3
    assert "snat-" in ended.out
    assert "snat-" not in deuteron("plan", "--offline", ANSWER, "--host", "compute2").out


@pytest.mark.parametrize(
    ("options", "bridge"),
    [
        ((), "br-ex"),
        (("--external-bridge", "br-out"), "br-out"),
        (("--external-bridge", f"{EXTERNAL}=br-this", "--external-bridge", "br-out"), "br-this"),
        (("--external-bridge", f"{EXTERNAL}=br-this"), "br-this"),
    ],
)
def test_where_external_ports_are_plugged(options: tuple[str, ...], bridge: str, deuteron: Deuteron) -> None:
    out = deuteron("plan", "--offline", ANSWER, "--host", "net1", *options).out
    (gateway,) = [line for line in out.splitlines() if line.startswith("+ link qg-")]
    assert f" on {bridge}," in gateway
