"""An audit of a host to which everything was done that it tells of, with canaries in all that was done."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

import pytest

from tests.audit.sabotages import SABOTAGES, Sabotage
from tests.audit.world import World, child
from tests.canary.room import Room

pytestmark = pytest.mark.kernel

_PR_SET_NAME: Final = 15
#: They are done first: they run the program, which heeds what the others do.
_FIRST: Final = ("a looser policy",)
#: They take from the audit what it judges by, so they come last.
_BLINDING: Final = (
    *("a namespace is removed", "a lock file is removed", "a host lock for everybody", "names for everybody"),
    *("a topology for everybody", "a configuration with two names", "a configuration for everybody"),
    *("a key for everybody", "nobody owns the host", "a run directory for everybody", "a row is damaged"),
    *("a database for everybody", "a state directory for everybody", "a key that nobody reads"),
)
#: They are done below, with names that are canaries; or cannot be done beside the others.
_LEFT_OUT: Final = frozenset(
    {"somebody's namespace", "somebody's route", "somebody's table", "a namespace is unmounted"}
)
#: They have begun a process, which has to be ended.
_LIVING: Final = frozenset(
    {"DTN-607", "DTN-608", "DTN-610", "DTN-614", "Check-Neutron-03", "Check-Neutron-05"}
)
#: Each writes the API's table of the configuration, which can be there once.
_CONFIGURING: Final = (
    "tokens for everybody",
    "an API's user that logs in",
    "a Keystone in clear",
    "an API in clear",
)


class InRoom(World):
    """The room, as sabotages see a host."""

    def __init__(self, room: Room) -> None:
        self.host, self.folder, self.state = room.host, room.folder / "cwd", room.state
        self.run, self.source, self.config, self.log = room.program, room.file, room.config, room.log
        self._router = super().distributed()

    def distributed(self) -> str:
        """Whatever else is called so by now."""
        return self._router


def foreign(room: Room, world: World) -> Callable[[], None]:
    """What others do on the host; each name and address of it is a canary.  Answers how it ends."""
    new = room.canaries
    world.hand(
        world.distributed(),
        f"nft add table inet {new.netns()}",
        f"ip route add {new.net4()}0/24 dev lo",
        f"ip link add {new.netns()[:14]} type bridge",
        f"ip address add {new.net4()}7/24 dev lo",
    )
    for kind in ("qrouter", "snat", "fip"):
        room.host.make_netns(f"{kind}-{new.uuid()}")
    (room.state / "reveal.log").write_text(f'{{"at": "{new.name()}')
    with room.log.open("a") as log:
        log.write(f"{new.mac()} {new.name()} {room.cloud.public4}50\n")
    secret = new.netns().encode()
    return child(lambda: ctypes.CDLL(None).prctl(_PR_SET_NAME, secret))


def failed(room: Room) -> set[str]:
    """Which checks did."""
    findings = room("audit", "-o", "json").document()["findings"]
    return {one["check"] for one in findings if one["status"] == "fail"}


def in_every_form(room: Room) -> None:
    """The reports, one of them in a file."""
    for form in ("text", "sarif", "html"):
        assert room("audit", "-o", form).status == 3, room
    file = room.folder / "cwd" / "audit.html"
    assert room("audit", "-o", "html", "--output-file", file).status == 3, room
    assert file.stat().st_size > 0


def test_an_audit_of_a_host_where_nothing_is_right_names_nothing(room: Room) -> None:
    room.well("apply", room.file)
    assert room.found() == [], room
    world = InRoom(room)
    by_name = {one.name: one for one in SABOTAGES}
    first = [by_name[name] for name in _FIRST]
    last = [by_name[name] for name in _BLINDING]
    turns = [by_name[name] for name in _CONFIGURING]
    usual = [one for one in SABOTAGES if one not in first + turns + last and one.name not in _LEFT_OUT]
    with ExitStack() as ended:

        def do(one: Sabotage) -> None:
            undo = one.do(world)
            if undo is not None and one.check in _LIVING:
                ended.callback(undo)

        for sabotage in (*first, *usual):
            do(sabotage)
        ended.callback(foreign(room, world))
        in_every_form(room)
        told = failed(room)
        expected = {one.check for one in (*first, *usual)} | {"DTN-106", "DTN-107", "DTN-203"}
        assert expected - told == set(), room
        for sabotage in turns:
            undo = sabotage.do(world)
            assert undo is not None
            assert sabotage.check in failed(room), (room, sabotage.name)
            in_every_form(room)
            undo()
        for sabotage in last:
            do(sabotage)
            assert sabotage.check in failed(room), (room, sabotage.name)
        room.config.write_text(f"{room.canaries.name('key')} = 2\n{room.config.read_text()}")
        assert "DTN-606" in failed(room), room
        in_every_form(room)
    # What was planted for the audit to find is no longer to be found.
    room.log.unlink()
    (room.state / "reveal.log").unlink()
    room.state.chmod(0o700)
    for planted in ("state.sqlite", "api/api.sqlite", "clouds.yaml"):
        (room.state / planted).chmod(0o600)
    (room.state / "api").chmod(0o700)
    assert room.found() == [], room
