"""Canaries go through every verb and every forced failure: none is found where anybody may read."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterator
from functools import partial
from operator import eq
from typing import Any, Final

import msgspec
import pytest

from deuteron import edge
from deuteron.cli.main import cli
from deuteron.logs.pseudonym import Pseudonyms
from deuteron.logs.reference import Ref
from tests.canary.canaries import Canaries, Canary, needles
from tests.canary.room import Room
from tests.canary.topology import SCHEMAS, WORDS, Cloud, Payload
from tests.faults.faults import ERRNOS, Fault, NthCrossing

pytestmark = pytest.mark.kernel

#: What a disk answers, for the verbs that are of one.
_DISK: Final = (errno.EIO, errno.ENOSPC, errno.EROFS, errno.EACCES)
#: Verbs that have nobody's data, and why.
_HELP_ONLY: Final = {"demo": "it is a world of its own", "review": "it reads source"}
#: Verbs of the API, which tests/canary/test_api.py runs with canaries of their own.
_SERVED: Final = frozenset({"serve", "port", "wait"})
#: Passages of the edge that no verb makes, and why.
_NEVER: Final = {"tap.make": "instances have taps, routers have none"}


def every_verb(room: Room) -> Iterator[str]:
    """Run all of them, each way that differs in what is written; yields their names."""
    file = room.file
    yield from _ran(room, ["plan", file], ["plan", file, "-o", "json"])
    yield from _ran(room, ["apply", file, "-p", "2"], ["apply", file, "-o", "json"], ["apply"])
    yield from _ran(room, ["status"], ["status", "-o", "json"], ["status", "--offline", "--all"])
    yield from _ran(room, ["verify"], ["verify", file, "-o", "json"], ["show"], ["show", "-o", "json"])
    yield from _ran(room, ["policy"], ["policy", "--markdown"], ["policy", "-o", "json"])
    yield from _ran(room, ["config", "show"], ["config", "check"], ["config", "doc"])
    for form in ("text", "json", "sarif", "html"):
        yield from _ran(room, ["audit", "-o", form])
    yield from _ran(room, ["audit", "-o", "html", "--output-file", room.folder / "log" / "audit.html"])
    yield from _ran(room, ["reveal", *pseudonyms(room)], ["reveal", "-o", "json", *pseudonyms(room)])
    yield from _ran(room, ["explain", "foreign-name"], ["explain", "foreign-name", "-o", "json"])
    yield from _ran(room, ["keys", "list"], ["keys", "rotate"], ["keys", "list", "-o", "json"])
    yield from _ran(room, ["recover"], ["doctor"], ["doctor", "--repair", "-o", "json"])
    tree = room.folder / "cwd" / "tree"
    tree.mkdir()
    yield from _ran(room, ["install", "--root", tree], ["install", "--root", tree, "-o", "json"])
    yield from _ran(room, ["uninstall", "--root", tree, "--dry-run"], ["uninstall", "--root", tree])
    yield from _ran(room, ["destroy", "--dry-run"], ["destroy", "-o", "json"])
    (room.state / "state.sqlite").unlink()
    yield from _ran(room, ["doctor", "--adopt", file])


def _ran(room: Room, *commands: list[Any]) -> Iterator[str]:
    for command in commands:
        ended = room(*command)
        assert ended.status in (0, 3), (room, command, ended)
        yield command[0]


def pseudonyms(room: Room) -> list[str]:
    """Those that stand in the log."""
    lines = [msgspec.json.decode(line) for line in room.log.read_text().splitlines()]
    return sorted({one["unit"] for one in lines if "unit" in one})


def test_no_verb_tells_of_a_tenant_where_anybody_may_read(
    room: Room, capfd: pytest.CaptureFixture[str]
) -> None:
    ran = {*every_verb(room), *_HELP_ONLY, *_SERVED}
    for name in cli.commands:
        room.well(name, "--help")
    room.configure("text")
    for command in (["apply", room.file], ["destroy"]):
        room.well(*command)
    room.heard("what has gone past Python's streams", "".join(capfd.readouterr()))
    assert cli.commands.keys() - ran == set(), "a verb that nobody tries"
    assert "unit-done" in room.log.read_text()
    assert room.found() == [], room


def test_every_canary_has_been_where_it_may_be_told(room: Room) -> None:
    """Without this, nothing found would mean nothing."""
    told = room("plan", room.file, "-o", "json").said + room.well("apply", room.file).said
    told += room.well("show", "-o", "json").said + room.well("policy").said + room.well("config", "show").said
    kept = told.encode() + (room.state / "state.sqlite").read_bytes() + room.file.read_bytes()
    wal = room.state / "state.sqlite-wal"
    kept += wal.read_bytes() if wal.exists() else b""
    lost = [str(one.value) for one in room.canaries.all if not _seen(one, kept.lower())]
    assert lost == [], room
    for cloud in (room.cloud.instances[0], room.cloud.ids["r1"], f"{room.cloud.public4}50"):
        assert cloud in told, room


def _seen(canary: Canary, content: bytes) -> bool:
    return any(needle in content for _, needle in needles(canary))


def test_every_attribute_of_the_api_holds_a_canary_or_a_word() -> None:
    written = set(_keys(Cloud(Canaries(1)).topology()))
    known = {name for schema in SCHEMAS for name in schema.read | schema.descriptive}
    assert known - written - WORDS == set()


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for one in value.values():
            yield from _keys(one)
    elif isinstance(value, list):
        for one in value:
            yield from _keys(one)


@pytest.mark.parametrize(
    ("recording", "agent"), [("dvr-ipv6.json", "compute1"), ("dvr-port-forwarding.json", "net1")]
)
def test_the_answer_of_a_neutron_server_is_not_told_either(room: Room, recording: str, agent: str) -> None:
    told = Payload(room.canaries, recording, agent)
    file = room.input(room.canaries.file(), msgspec.json.encode(told.answer).decode())
    options = ["--host", told.host, "--external-bridge", room.cloud.bridge]
    for verb in ("plan", "apply"):
        assert room(verb, file, *options).status in (0, 3), room
    assert room.log.read_text().count("unit-done") >= 3
    for verb in ("status", "verify", "audit", "doctor"):
        room(verb)
    room.well("destroy")
    assert room.found() == [], room


def crossings(room: Room, command: list[Any]) -> dict[str, int]:
    """How often each verb of the edge is passed."""
    guard = NthCrossing(None)
    with edge.guarded(guard):
        room(*command)
    passed = [one.verb for one in guard.passed]
    return {verb: passed.count(verb) for verb in set(passed)}


@pytest.mark.parametrize("at_once", [False, True])
def test_no_refusal_of_the_kernel_or_the_disk_is_told_but_by_its_code(room: Room, at_once: bool) -> None:
    """At the first passage, for what is asked for but once, and somewhere."""
    chance = random.Random(room.canaries.seed)
    struck: set[str] = set()
    codes: set[str] = set()
    known: dict[str, int] = {}
    room.well("apply", room.file)  # what is made once, as the key, would be counted and come no more
    for command in (["destroy"], ["apply", room.file], ["keys", "rotate"]):
        for verb, count in crossings(room, command).items():
            known[verb] = max(known.get(verb, 0), count)
    assert set(edge.VERBS) - set(known) == set(_NEVER), room
    for turn, verb in enumerate(sorted(known)):
        # What an earlier turn has left half done is not all done again: so in the first half.
        at = 0 if at_once else chance.randrange(known[verb]) // 2
        disk = verb.startswith(("sqlite.", "file.", "lock."))
        fault = Fault(at=at, errno=chance.choice(_DISK if disk else ERRNOS), lost=turn % 3 == at_once)
        for command in (["apply", room.file], ["destroy"], ["apply", room.file], ["keys", "rotate"]):
            room.write()
            guard = NthCrossing(fault, partial(eq, verb))
            with edge.guarded(guard):
                ended = room(*command)
            codes.add(ended.code)
            if guard.struck:
                struck.add(verb)
                break
    assert struck >= set(known) - (set() if at_once else {"netlink.request"}), (room, set(known) - struck)
    assert len(room.log.read_text().split('"unit-failed"')) > 5, room
    assert len(codes - {""}) >= 3, (room, codes)
    assert room.found() == [], room


def test_no_refusal_of_one_message_of_a_batch_is_told_either(room: Room) -> None:
    """The kernel says more of these: in words, with names."""
    chance = random.Random(room.canaries.seed)
    batches = crossings(room, ["apply", room.file])["netlink.batch"]
    struck = 0
    for _ in range(4):
        room.well("destroy")
        fault = Fault(at=chance.randrange(batches), errno=chance.choice(ERRNOS), message=0)
        guard = NthCrossing(fault, partial(eq, "netlink.batch"))
        with edge.guarded(guard):
            room("apply", room.file)
        struck += bool(guard.struck)
        room("audit")
    assert struck, room
    assert room.found() == [], room


@pytest.mark.parametrize("command", [["audit", "-o", "json"], ["keys", "list"], ["keys", "rotate"]])
def test_what_a_verb_that_answers_by_pseudonym_is_refused_it_tells_by_code(
    room: Room, command: list[str]
) -> None:
    chance = random.Random(room.canaries.seed)
    room.well("apply", room.file)
    for verb, count in sorted(crossings(room, command).items()):
        # Of namespaces all: only some are a tenant's.
        for at in range(count) if verb == "netns.enter" else {chance.randrange(count), count - 1}:
            guard = NthCrossing(Fault(at=at, errno=chance.choice((*ERRNOS, *_DISK))), partial(eq, verb))
            with edge.guarded(guard):
                room(*command)
            assert guard.struck, (room, verb, at)
    assert room.found() == [], room


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_no_level_of_the_log_and_no_form_of_it_tells(room: Room, level: str) -> None:
    for form in ("text", "json"):
        room.configure(form, level=level)
        room.well("apply", room.file)
        guard = NthCrossing(Fault(at=30, errno=errno.EPERM), partial(eq, "netlink.batch"))
        room.write()
        room.well("destroy")
        with edge.guarded(guard):
            assert room("apply", room.file).status == 1, room
    said = room.log.read_text()
    assert "unit-failed" in said, room
    assert ("unit-done" in said) == (level in ("debug", "info")), room
    assert ("unit-began" in said) == (level == "debug"), room
    assert room.found() == [], room


def test_inputs_that_are_refused_leave_nothing_behind(room: Room) -> None:
    room.well("apply", room.file)
    for number, topology in enumerate(refused(room)):
        file = room.write(topology, f"bad{number}.yaml")
        ended = room("apply", file)
        assert (ended.status, bool(ended.code)) == (2, True), (room, ended)
    for name, text in (
        ("a.yaml", f"networks: [{room.canaries.name()}"),
        ("b.json", f'"{room.canaries.name()}'),
    ):
        assert room("plan", room.input(name, text)).status == 2
    assert room.found() == [], room


def refused(room: Room) -> Iterator[Any]:
    """Topologies that are wrong in a place where a canary stands."""
    good = room.cloud.topology
    yield {**good(), room.canaries.name("key"): []}
    yield {**good(), "bridge_mappings": {}}
    ports = good()["ports"]
    yield {**good(), "ports": [*ports, ports[0]]}
    yield {**good(), "ports": [{**ports[0], "mac_address": room.canaries.name("mac")}]}
    yield {**good(), "ports": [{**ports[0], "fixed_ips": [{"ip_address": f"{room.cloud.db4}7"}]}]}
    yield {**good(), "subnets": [{**one, "cidr": room.canaries.name("cidr")} for one in good()["subnets"]]}
    yield {**good(), "routers": [{**good()["routers"][0], "interfaces": [room.canaries.uuid()]}]}
    yield {**good(), "floatingips": [{**good()["floatingips"][0], "port_id": room.canaries.uuid()}]}


def test_a_log_without_pseudonyms_would_be_found_out(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(_self: Pseudonyms, reference: Ref) -> str:
        return f"{reference.kind}-{reference.value}"

    room.well("apply", room.file)
    assert room.found() == [], room
    monkeypatch.setattr(Pseudonyms, "ref", plain)
    room.write()
    room.well("destroy")
    found = room.found()
    told = {one.partition(" ")[0] for one in found}
    assert told == {f"{room.log}:"}, (room, found)
    assert any(room.cloud.ids["r1"] in one for one in found), room


def test_others_may_read_nothing_that_may_tell(room: Room) -> None:
    room.well("apply", room.file)
    state = room.state / "state.sqlite"
    assert room.found() == []
    state.chmod(0o644)
    assert [one for one in room.found() if "state.sqlite" in one] != []
    state.chmod(0o600)
    room.state.chmod(0o755)
    assert [one for one in room.found() if one.endswith("open")] != []
