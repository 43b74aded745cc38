"""``deuteron reveal``, ``keys`` and ``explain``, and what a defect tells: no name without being asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from deuteron.codes import codes
from deuteron.logs.key import keys_in
from deuteron.state.directory import State
from tests.cli.command import ROOT, Deuteron
from tests.unit.compile.world import World


@pytest.fixture
def known(deuteron: Deuteron) -> Deuteron:
    """A state directory that knows of a router, and has a key."""
    world = World()
    world.network("net", "10.0.0.0/24")
    world.router("blue", [("net", "10.0.0.1")])
    with State(deuteron.state) as state:
        state.commit(world.view(), "/somewhere/topology.yaml")
    keys_in(deuteron.state / "log.key")
    return deuteron


def router_of(deuteron: Deuteron) -> str:
    with State(deuteron.state) as state:
        view = state.committed()
    assert view is not None
    return view.routers[0].id


def token(deuteron: Deuteron) -> str:
    return keys_in(deuteron.state / "log.key").pseudonyms.of("router", router_of(deuteron))


def test_a_pseudonym_is_told_and_that_somebody_asked_is_on_record(known: Deuteron) -> None:
    asked = token(known)
    ended = known("reveal", asked, SUDO_UID="4711")
    assert ended.status == 0
    assert ended.out.startswith(f"{asked}: router blue ({router_of(known)})\n")
    trail = known.state / "reveal.log"
    assert trail.stat().st_mode & 0o777 == 0o600
    known("reveal", asked)
    first, second = (msgspec.json.decode(line) for line in trail.read_text().splitlines())
    assert (first["what"], first["tokens"]) == ("reveal", [asked])
    assert (first["who"]["uid"], first["who"]["sudo_uid"]) == (os.geteuid(), 4711)
    assert second["at"] > first["at"]


def test_what_the_log_of_the_api_calls_a_project_is_told_too(known: Deuteron) -> None:
    project = "a" * 32
    with State(known.state) as state:
        view = state.committed()
        assert view is not None
        owned = tuple(msgspec.structs.replace(one, project_id=project) for one in view.networks)
        state.commit(msgspec.structs.replace(view, networks=owned), "/somewhere/topology.yaml")
    own = known.state / "api"
    own.mkdir(mode=0o700)
    of_api = keys_in(own / "log.key").pseudonyms.of("project", project)
    if os.geteuid() == 0:  # it is its user's, who is another
        for one in (own, own / "log.key"):
            os.chown(one, 65534, 65534)
    ended = known("reveal", of_api, token(known))
    assert ended.status == 0, (ended.out, ended.err)
    assert f"{of_api}: project {project}\n" in ended.out
    assert "router blue" in ended.out, "and the agent's as before"
    (known.state / "log.key").unlink()
    assert known("reveal", of_api).out == f"{of_api}: project {project}\n", "where the API alone is"


def test_nothing_is_told_where_it_cannot_be_put_on_record(known: Deuteron) -> None:
    trail = known.state / "reveal.log"
    trail.symlink_to("/dev/null")
    ended = known("reveal", token(known))
    assert ended.status == 1
    assert ended.out == ""
    assert "blue" not in ended.err


def test_old_pseudonyms_are_told_after_the_key_was_changed(known: Deuteron) -> None:
    before = token(known)
    assert known("keys", "rotate").status == 0
    after = token(known)
    assert before != after
    document = known("reveal", before, after, "-o", "json").document()
    assert [one["value"] for one in document["tokens"]] == [router_of(known)] * 2
    listed = known("keys", "list")
    assert listed.out.count("since ") == 2
    assert listed.out.rstrip().endswith("in use")
    secret = msgspec.json.decode((known.state / "log.key").read_bytes())["keys"][0]["secret"]
    assert secret not in listed.out


def test_what_is_not_known_is_said_to_be_so(known: Deuteron) -> None:
    ended = known("reveal", "router-aaaaaaaaaa")
    assert ended.status == 1
    assert "nothing that is known here" in ended.out
    assert "no pseudonym" in known("reveal", "blue").refused("bad-pseudonym", 2)


def test_without_a_state_or_a_key_there_is_nothing_to_tell(deuteron: Deuteron, known: Deuteron) -> None:
    asked = token(known)
    (known.state / "log.key").unlink()
    known("reveal", asked).refused("no-keys", 1)
    assert not (known.state / "log.key").exists()
    elsewhere = Deuteron(deuteron.state.parent / "elsewhere")
    elsewhere("reveal", asked).refused("nothing-applied", 1)
    elsewhere("keys", "list").refused("no-keys", 1)
    assert not elsewhere.state.exists()


def test_every_code_is_explained_with_a_next_step(deuteron: Deuteron) -> None:
    for code in ("foreign-name", "[state-locked]", "eexist"):
        ended = deuteron("explain", code)
        assert ended.status == 0
        assert "\nnext: " in ended.out
    document = deuteron("explain", "foreign-name", "-o", "json").document()
    assert document["meaning"] == codes()["foreign-name"].meaning
    assert "foreign-name" in deuteron("explain", "foreign-nam").refused("unknown-code", 2)


BROKEN = """
import sys
from deuteron.cli import explain, main

def codes():
    secret = sys.argv[2]
    raise ValueError("no route to " + secret)

explain.codes = codes
main.main()
"""


def test_a_defect_is_told_by_places_and_kept_whole_for_its_owner(deuteron: Deuteron, tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text(BROKEN)
    secret = "10.20.30.40"
    environment = deuteron.environment()
    ended = subprocess.run(
        [sys.executable, str(script), "explain", secret],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert secret not in ended.stdout + ended.stderr
    assert "at deuteron/cli/explain.py:" in ended.stderr
    assert ended.stderr.rstrip().endswith("[defect]")
    assert "ValueError" in ended.stderr
    (kept,) = (deuteron.state / "defects").iterdir()
    assert str(kept) in ended.stderr
    assert secret in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
