"""``deuteron demo`` as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deuteron.lab.demo_story import PICTURE

DEUTERON = str(Path(sys.executable).with_name("deuteron"))

#: A user namespace in which no network namespace can be made.
LOCKED_DOWN = ["unshare", "-Ur", "bash", "-c", 'echo 0 > /proc/sys/user/max_net_namespaces; exec "$@"', "-"]


def run(*words: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, DEUTERON, "demo", *words], text=True, capture_output=True, check=False, timeout=60
    )


@pytest.mark.kernel
def test_it_proves_everything_with_packets_and_leaves_nothing() -> None:
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Real packets")
    assert "✗" not in done.stdout
    for claim in (
        "internet → 203.0.113.50 reaches web-1 (distributed)",
        "internet → 203.0.113.60 reaches db-1 (centralised)",
        "web-1 → internet leaves as 203.0.113.50",
        "leaves as 203.0.113.10",
        "green's db-2 does not reach 10.0.0.12",
        "the running connection is cut",
        "nothing is left: 0 namespaces, 0 links, 0 tables",
        "the sandbox is as it was: 0 namespaces",
    ):
        assert f"✓ {claim}" in done.stdout.replace("batch, no floating IP, ", "")


@pytest.mark.kernel
def test_as_json_each_proof_has_its_time() -> None:
    report = json.loads(run("-o", "json").stdout)
    assert report["mode"] == "packets"
    assert report["ok"]
    assert len(report["proofs"]) > 20
    assert all(each["ok"] and each["ms"] >= 0 for each in report["proofs"])
    assert report["seconds"] < 20


def test_simulated_it_proves_the_same_but_for_the_sandbox() -> None:
    report = json.loads(run("--simulate", "-o", "json").stdout)
    assert (report["mode"], report["ok"]) == ("simulated", True)
    assert len(report["proofs"]) > 20


@pytest.mark.kernel
def test_where_namespaces_are_refused_the_first_line_says_so_and_how_to_get_them() -> None:
    done = run(before=tuple(LOCKED_DOWN))
    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()[0]
    assert first.startswith("Simulated, no real packets: this host allows no private network namespace")
    assert "run as root" in first
    assert "✗" not in done.stdout


def test_it_can_be_read_in_eighty_columns() -> None:
    done = run("--simulate")
    body = done.stdout.splitlines()[1:]
    assert max(len(each) for each in [*PICTURE.splitlines(), *body]) <= 80


@pytest.mark.kernel
def test_the_network_it_is_started_in_is_not_touched() -> None:
    look = "cat /proc/net/dev /proc/net/route | wc -l; ls /run/netns 2>/dev/null | wc -l"
    before = subprocess.check_output(["bash", "-c", look])
    assert run().returncode == 0
    assert subprocess.check_output(["bash", "-c", look]) == before
