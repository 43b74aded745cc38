"""What is refused: exit status 2 for the input and 1 for the host, one sentence, the kernel as it was."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from deuteron.kernel.linux.libc import CLONE_NEWNS, mount, unshare
from tests.cli.command import ONE_HOST, PAYLOADS, Deuteron, Site, example, without_privilege

_NETWORKS = "  - {name: db, mtu: 1450}"

INPUTS: dict[str, tuple[str, str, str]] = {
    "a file that is not YAML": ("networks: [", "not-yaml", ":2:"),
    "an unknown key": (example(("mtu: 1450", "mut: 1450")), "unknown-key", "mtu"),
    "a misspelt section": (example(("routers:", "ruoters:")), "unknown-key", "routers"),
    "overlapping subnets on one router": (
        example(
            (_NETWORKS, f"{_NETWORKS}\n  - {{name: more}}"),
            ("subnets:\n", "subnets:\n  - {name: more-v4, network_id: more, cidr: 10.0.1.128/25}\n"),
            ("[db-v4]", "[db-v4, more-v4]"),
        ),
        "overlapping-subnets",
        "routers[1]",
    ),
    "a duplicate floating IP": (
        example(("203.0.113.51", "203.0.113.50")),
        "duplicate-floating-ip",
        "floatingips[1]",
    ),
    "a foreign floating IP": (
        example(("203.0.113.51", "198.51.100.1")),
        "foreign-floating-ip",
        "floatingips[1]",
    ),
    "an address outside its subnet": (
        example(("10.0.1.5", "10.0.9.5")),
        "address-outside-subnet",
        "10.0.9.5",
    ),
    "a name that is missing": (example(("[web-v4]", "[wbe-v4]")), "no-such-name", "web-v4"),
    "a name that is ambiguous": (
        example((_NETWORKS, f"{_NETWORKS}\n  - {{name: web, id: 11111111-1111-4111-8111-111111111111}}")),
        "ambiguous-name",
        "write the id",
    ),
    "a physical network without a bridge": (
        example(("{physnet1: br-ex}", "{}")),
        "no-bridge-mapping",
        "physnet1",
    ),
    "an empty file": ("", "empty-file", "{}"),
}


@pytest.mark.parametrize("case", INPUTS)
def test_bad_input_is_refused_offline_with_file_line_and_mend(
    case: str, deuteron: Deuteron, tmp_path: Path
) -> None:
    text, code, told = INPUTS[case]
    file = tmp_path / "topology.yaml"
    file.write_text(text)
    sentence = deuteron("plan", "--offline", file).refused(code, 2)
    assert sentence.startswith(f"{file}:")
    assert told in sentence


@pytest.mark.kernel
@pytest.mark.parametrize("case", INPUTS)
def test_bad_input_leaves_the_kernel_as_it_was(case: str, site: Site) -> None:
    text, code, _ = INPUTS[case]
    before = site.picture()
    site.run("apply", site.file(text)).refused(code, 2)
    assert site.picture() == before


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: path.mkdir(), "unreadable-file"),
        (lambda path: None, "unreadable-file"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "not-yaml"),
    ],
    ids=["directory", "missing", "binary"],
)
def test_what_is_no_text_file(
    make: Callable[[Path], None], code: str, deuteron: Deuteron, tmp_path: Path
) -> None:
    make(tmp_path / "it")
    assert str(tmp_path / "it") in deuteron("plan", "--offline", tmp_path / "it").refused(code, 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan",),
        ("apply", "--host", "compute1"),
        ("apply", "-p", "0", ONE_HOST),
        ("apply", "--bogus", "x"),
        ("bogus",),
        ("plan", "-o", "xml", "x"),
        ("plan", "-o", "json", "--format", "shell", ONE_HOST),
        ("destroy", "unexpected"),
    ],
)
def test_a_command_line_that_makes_no_sense(arguments: tuple[str, ...], deuteron: Deuteron) -> None:
    assert "--help" in deuteron(*arguments).refused("bad-usage", 2)


# --- the host


@pytest.mark.kernel
@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_units_without_their_bridge_are_refused_and_the_others_go_on(verb: str, bare: Site) -> None:
    for name in ("vm1", "vm2", "vm3"):
        bare.host.make_netns(name)
    ended = bare.run(verb, ONE_HOST)
    assert ended.status == 1
    lines = ended.err.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert "ip link add br-ex type bridge" in line
        assert line.endswith(" [no-such-bridge]")
    assert ("eth0" in bare.host.links("vm1")) == (verb == "apply")
    assert not [name for name in bare.namespaces() if name.startswith(("qrouter-", "fip-"))]
    bare.host.make_bridge("br-ex")
    assert bare.run("apply", ONE_HOST).status == 0
    assert bare.run("verify").status == 0


@pytest.mark.kernel
def test_a_bridge_that_is_no_bridge(site: Site) -> None:
    topology = site.file(example(("physnet1: br-ex", "physnet1: lo")))
    ended = site.run("apply", topology)
    assert ended.status == 1
    assert {"is a loopback and no bridge" in line for line in ended.err.splitlines()} == {True}


@pytest.mark.kernel
def test_an_instance_without_its_namespace_is_refused_alone(bare: Site) -> None:
    bare.host.make_bridge("br-ex")
    for name in ("vm1", "vm3"):
        bare.host.make_netns(name)
    ended = bare.run("apply", ONE_HOST)
    (line,) = ended.err.splitlines()
    assert ended.status == 1
    assert "ip netns add vm2" in line
    assert line.endswith(" [no-such-namespace]")
    assert ended.out.startswith("Applied: 7 of 8 units; 1 refused, ")
    assert "eth0" in bare.host.links("vm3")


@pytest.mark.kernel
def test_a_namespace_of_our_name_that_is_not_ours(site: Site) -> None:
    name = next(netns for netns in _namespaces_of_example(site) if netns.startswith("qrouter-"))
    site.host.make_netns(name)
    ended = site.run("apply", ONE_HOST)
    (line,) = ended.err.splitlines()
    assert ended.status == 1
    assert f"ip netns delete {name}" in line
    assert line.endswith(" [foreign-name]")
    assert site.host.links(name).keys() == {"lo"}


@pytest.mark.kernel
def test_a_device_of_our_name_that_is_not_ours(site: Site) -> None:
    site.host.make_bridge("eth0", "vm1")
    before = site.picture()["vm1"]
    ended = site.run("apply", ONE_HOST)
    (line,) = ended.err.splitlines()
    assert "ip -n vm1 link delete eth0" in line
    assert line.endswith(" [foreign-name]")
    assert site.picture()["vm1"] == before
    assert "eth0" in site.host.links("vm2")


@pytest.mark.kernel
def test_a_tap_of_our_name_on_the_host_that_is_not_ours(site: Site) -> None:
    site.run("apply", ONE_HOST)
    tap = next(name for name in site.host.links() if name.startswith("tap"))
    site.run("destroy")
    site.host.make_bridge(tap)
    ended = site.run("apply", ONE_HOST)
    assert ended.status == 1
    assert f"ip link delete {tap}" in ended.err.splitlines()[0]
    assert site.host.links()[tap].kind == "bridge"


def _namespaces_of_example(site: Site) -> list[str]:
    units = site.run("plan", "--offline", ONE_HOST, "-o", "json").document()["units"]
    objects = [step["object"] for unit in units for step in unit["steps"] if "object" in step]
    return [each["name"] for each in objects if each["kind"] == "Netns"]


# --- privilege


@pytest.mark.kernel
@pytest.mark.parametrize(
    "arguments", [("plan", ONE_HOST), ("apply", ONE_HOST), ("verify", ONE_HOST), ("destroy",)]
)
def test_no_privilege(arguments: tuple[str, ...], site: Site) -> None:
    before = site.picture()
    ended = site.run(*arguments, preexec=without_privilege)
    sentence = ended.refused("no-privilege", 1)
    assert "run as root" in sentence
    assert ("--offline" in sentence) == (arguments[0] == "plan")
    assert site.picture() == before


@pytest.mark.kernel
def test_without_privilege_bad_input_is_still_told_by_plan(site: Site) -> None:
    topology = site.file("networks: [")
    site.run("plan", topology, preexec=without_privilege).refused("not-yaml", 2)


@pytest.mark.kernel
def test_without_privilege_plan_offline_and_show_work(site: Site) -> None:
    assert site.run("plan", "--offline", ONE_HOST, preexec=without_privilege).status == 3
    site.run("apply", ONE_HOST)
    shown = site.run("show", preexec=without_privilege)
    assert shown.status == 0
    assert "?" in shown.out
    assert "note: the kernel was not looked at" in shown.err


# --- features


def _without_libnftables() -> None:
    """For the child: the library's file is an empty one in a mount namespace of its own."""
    unshare(CLONE_NEWNS)
    for folder in (
        Path("/lib"),
        Path("/usr/lib"),
        Path("/usr/local/lib"),
        Path("/lib64"),
        Path("/usr/lib64"),
    ):
        for library in {path.resolve() for path in folder.glob("**/libnftables.so.1")}:
            mount("/dev/null", library, "none", 0x1000)


@pytest.mark.kernel
@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_a_host_without_libnftables(verb: str, site: Site) -> None:
    before = site.picture()
    ended = site.run(verb, ONE_HOST, preexec=_without_libnftables)
    assert "libnftables1" in ended.refused("no-libnftables", 1)
    assert site.picture() == before


@pytest.mark.kernel
def test_a_namespace_directory_that_cannot_be_written(bare: Site) -> None:
    bare.host.make_bridge("br-ex")
    # No instances, so that nothing needed is missing.
    head, _, _ = example().partition("ports:\n")
    before = bare.picture()
    ended = bare.run("apply", bare.file(head), preexec=_read_only_run)
    assert ended.status == 1
    assert "Traceback" not in ended.err
    assert "Read-only file system" in ended.err
    assert bare.picture() == before


def _read_only_run() -> None:
    unshare(CLONE_NEWNS)
    mount("none", Path("/run"), "tmpfs", 1)


# --- the state directory


@pytest.mark.kernel
def test_a_state_directory_that_somebody_applies_with(site: Site) -> None:
    site.run("apply", ONE_HOST)
    before = site.picture()
    with (site.run.state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for arguments in (("apply", ONE_HOST), ("destroy",)):
            assert str(site.run.state) in site.run(*arguments).refused("state-locked", 1)
        assert site.run("plan", ONE_HOST).status == 0
        assert site.run("show").status == 0
    assert site.picture() == before


@pytest.mark.kernel
@pytest.mark.parametrize("arguments", [("apply", ONE_HOST), ("plan", ONE_HOST), ("show",), ("destroy",)])
def test_a_corrupt_state_directory(arguments: tuple[str, ...], site: Site) -> None:
    site.run.state.mkdir(mode=0o700)
    (site.run.state / "state.sqlite").write_bytes(b"this is not a database" * 100)
    before = site.picture()
    assert "deuteron doctor --adopt" in site.run(*arguments).refused("state-corrupt", 1)
    assert site.picture() == before


@pytest.mark.kernel
def test_a_state_directory_of_a_newer_version(site: Site) -> None:
    site.run("apply", ONE_HOST)
    with sqlite3.connect(site.run.state / "state.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    site.run("apply", ONE_HOST).refused("state-newer", 1)


@pytest.mark.kernel
def test_a_state_directory_where_none_can_be_made(site: Site) -> None:
    (site.folder / "file").touch()
    before = site.picture()
    ended = site.run("apply", ONE_HOST, "--state-dir", site.folder / "file" / "state")
    assert "--state-dir" in ended.refused("state-unusable", 1)
    assert site.picture() == before


@pytest.mark.kernel
def test_a_state_directory_that_others_may_write(site: Site) -> None:
    site.run.state.mkdir()
    site.run.state.chmod(0o777)
    assert "chmod 700" in site.run("apply", ONE_HOST).refused("state-permissions", 1)


@pytest.mark.kernel
def test_a_state_directory_that_may_not_be_read(site: Site) -> None:
    site.run.state.mkdir(mode=0o700)
    site.run.state.chmod(0)
    for arguments in (("plan", "--offline", ONE_HOST), ("show",)):
        ended = site.run(*arguments, preexec=without_privilege)
        assert str(site.run.state) in ended.refused("state-unusable", 1)


# --- answers of a Neutron server


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((), "host-required", "--host"),
        (("--host", "compute9"), "unknown-host", "compute2"),
        (("--host", "compute1", "--external-bridge", "a name"), "bad-external-bridge", "a name"),
        (("--host", "compute1", "--external-bridge", ""), "bad-external-bridge", "--external-bridge"),
    ],
)
def test_an_answer_with_wrong_options(
    arguments: tuple[str, ...], code: str, told: str, deuteron: Deuteron
) -> None:
    file = PAYLOADS / "dvr-one-fip.json"
    assert told in deuteron("plan", "--offline", file, *arguments).refused(code, 2)


def test_an_external_bridge_beside_a_topology_file(deuteron: Deuteron) -> None:
    ended = deuteron("plan", "--offline", ONE_HOST, "--external-bridge", "br-ex")
    assert "bridge_mappings" in ended.refused("bad-external-bridge", 2)


def test_nothing_was_ever_applied(deuteron: Deuteron) -> None:
    for verb in ("show", "verify"):
        sentence = deuteron(verb).refused("nothing-applied", 1)
        assert os.fspath(deuteron.state) in sentence
    assert not deuteron.state.exists()
