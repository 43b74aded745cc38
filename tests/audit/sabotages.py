"""What somebody could do to a host, each told by one check: red until it is mended."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import sqlite3
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec

from deuteron.kernel.linux.netlink import address, link
from deuteron.kernel.linux.netns import NetnsDirectory
from deuteron.objects import PROTOCOL
from deuteron.objects.ownership import mark
from deuteron.state.directory import State, utc_now
from deuteron.state.history import Record
from deuteron.state.journal import Target
from deuteron.state.quarantine import Quarantined
from tests.audit.world import World, child

#: Takes it back by hand, where nothing of ours may: it is somebody else's.
Undo = Callable[[], None]

_PR_SET_NAME: Final = 15
_ELSEWHERE: Final = str(uuid.uuid5(uuid.NAMESPACE_DNS, "elsewhere.example"))


class Sabotage(msgspec.Struct, frozen=True, kw_only=True):
    """One deed.

    Attributes:
        check: the id of the check that has to tell of it.
        do: does it; answers how a person takes it back, where the audit's mend is a sentence.
    """

    name: str
    check: str
    do: Callable[[World], Undo | None]


def _hand(place: Callable[[World], str], *commands: str) -> Callable[[World], Undo | None]:
    def do(world: World) -> None:
        netns = place(world)
        words = {"qr": "qr-", "qg": "qg-", "br": "br-"}
        for command in commands:
            named = {
                key: world.device(netns, prefix) for key, prefix in words.items() if f"{{{key}}}" in command
            }
            world.hand(netns, command.format(**named) if named else command)

    return do


def _chmod(mode: int, file: Callable[[World], Path]) -> Callable[[World], Undo | None]:
    return lambda world: file(world).chmod(mode)


def _dead_file(world: World) -> None:
    (world.host.netns_dir / f"qrouter-{_ELSEWHERE}").touch()


def _namespace_unmounted(world: World) -> None:
    world.hand("", f"umount {world.host.netns_dir / world.distributed()}")


def _namespace_removed(world: World) -> None:
    NetnsDirectory(world.host.netns_dir).remove(world.distributed())


def _address_gone(world: World) -> None:
    netns = world.distributed()
    world.hand(netns, f"ip -4 address flush dev {world.device(netns, 'qr-')}")


def _address_too_many(world: World) -> None:
    netns = world.distributed()
    with world.host.netlink(netns) as rt:
        index = world.host.links(netns)[world.device(netns, "qr-")].index
        (ack,) = rt.batch([address.new_address(index, "192.0.2.77/24", protocol=PROTOCOL)])
    assert ack.errno == 0


def _leaked_namespace(world: World) -> None:
    world.host.make_netns(f"net-{_ELSEWHERE}")
    with world.host.netlink(f"net-{_ELSEWHERE}") as rt:
        (ack,) = rt.batch([link.set_link("lo", alias=mark(f"network/{_ELSEWHERE}"))])
    assert ack.errno == 0


def _foreign_namespace(world: World) -> Undo:
    name = f"qrouter-{_ELSEWHERE}"
    world.host.make_netns(name)
    return lambda: world.hand("", f"ip netns delete {name}")


def _foreign_route(world: World) -> Undo:
    netns = world.distributed()
    world.hand(netns, "ip route add 198.51.100.0/24 dev lo")
    return lambda: world.hand(netns, "ip route del 198.51.100.0/24")


def _foreign_table(world: World) -> Undo:
    netns = world.distributed()
    world.hand(netns, "nft add table inet theirs")
    return lambda: world.hand(netns, "nft delete table inet theirs")


def _host_address(world: World) -> Undo:
    device = world.device("", "tap")
    world.hand("", f"ip address add 192.0.2.5/24 dev {device}")
    return lambda: world.hand("", f"ip address flush dev {device}")


def _interrupted(world: World) -> None:
    with State(world.state) as state:
        record = state.record()
        assert record is not None
        target = Target(
            verb="apply",
            view=record.view,
            source=record.source,
            at=utc_now(),
            allocations=state.committed_allocations(),
        )
        database = state._database
        with database.transaction():
            view = state._documents.keep(target.view)
            given = state._documents.keep(target.allocations)
            database.put("pending", [(1, target.verb, view, target.source, target.at.isoformat(), given)])


def _quarantined(world: World) -> None:
    with State(world.state) as state:
        database = state._database
        unit = next(iter(state.history()))
        now = utc_now()
        one = Quarantined(
            unit=unit,
            title="x",
            code="kernel-refused",
            error="",
            left=(),
            since=now,
            attempts=3,
            last=now,
            next=now,
        )
        with database.transaction():
            database.put("quarantine", [(unit, msgspec.msgpack.encode(one))])


def _clock_set_back(world: World) -> Undo:
    def noted(record: Record) -> None:
        with State(world.state) as state, state._database.transaction():
            state._database.put("history", [(unit, msgspec.msgpack.encode(record))])

    with State(world.state) as state:
        unit, record = next(iter(state.history().items()))
    noted(msgspec.structs.replace(record, changed_at=utc_now() + timedelta(days=400)))
    return lambda: noted(record)


def _bit_flipped(world: World) -> None:
    """In a row that bears a digest: the checkpointed database, so that the file has it."""
    connection = sqlite3.connect(world.state / "state.sqlite", isolation_level=None)
    connection.execute("UPDATE history SET content = CAST(content || x'00' AS BLOB)")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _lock_removed(world: World) -> Undo:
    path = world.state / "lock"
    descriptor = os.open(path, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    path.unlink()
    return lambda: os.close(descriptor)


def _left_half_written(world: World) -> None:
    (world.state / "state.sqlite.new-0123").write_bytes(b"half")


def _nobody_owns(world: World) -> None:
    (world.host.netns_dir.parent / "deuteron" / "owner.json").unlink()


def _log_tells(world: World) -> None:
    with _log(world).open("a") as log:
        log.write('{"event": "plugged", "port": "fa:16:3e:00:11:22"}\n')


def _trail_cut(world: World) -> None:
    path = world.state / "reveal.log"
    path.write_text('{"at": "2026-')
    path.chmod(0o600)


def _defect(world: World) -> Undo:
    folder = world.state / "defects"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "one").write_text("Traceback")

    def reported() -> None:
        (folder / "one").unlink()
        folder.rmdir()

    return reported


def _config_linked(world: World) -> Undo:
    second = world.config.with_name("second")
    os.link(world.config, second)
    return second.unlink


def _config_misspelt(world: World) -> Undo:
    text = world.config.read_text()
    world.config.write_text(f"paralel = 2\n{text}")

    def again() -> None:
        world.config.write_text(text)

    return again


def _unconfined(_world: World) -> Undo:
    def work() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_NAME, b"deuteron-watch", 0, 0, 0)

    return child(work)


def _lives_there(world: World) -> Undo:
    netns = world.distributed()
    with world.host.inside(netns):
        return child(lambda: None)


def _looser(world: World) -> Undo:
    policy = world.folder / "policy.toml"
    policy.write_text(
        '[[sysctl]]\npath = "net/ipv4/conf/all/arp_ignore"\nnetns = ["router"]\nvalue = "0"\n'
        'reason = "a test"\n'
    )
    policy.chmod(0o600)
    world.run.well("apply", world.source, "--policy", policy)

    def tightened() -> None:
        world.run.well("apply", world.source)

    return tightened


def _api_file(name: str, mode: int) -> Callable[[World], Undo | None]:
    """Of what ``deuteron serve`` leaves, something has another mode."""

    def do(world: World) -> None:
        own = world.state / "api"
        own.mkdir(mode=0o700, exist_ok=True)
        place = world.state / name
        if not place.exists():
            place.touch(0o600)
        place.chmod(mode)

    return do


def _feed_for_everybody(world: World) -> Undo:
    (world.state / "run").mkdir(mode=0o700, exist_ok=True)
    place = world.state / "run" / "feed"
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(place))
    place.chmod(0o666)
    return place.unlink


def _configured(*lines: str) -> Callable[[World], Undo | None]:
    """The API is to be served in another way."""

    def do(world: World) -> Undo:
        text = world.config.read_text()
        world.config.write_text("\n".join([text, "[api]", *lines, ""]))

        def again() -> None:
            world.config.write_text(text)

        return again

    return do


def _tokens_for_everybody(world: World) -> Undo:
    file = world.folder / "tokens.toml"
    file.touch()
    file.chmod(0o644)
    again = _configured('auth = "tokens"', f'tokens_file = "{file}"')(world)
    assert again is not None
    return again


def _free_api(_world: World) -> Undo:
    def work() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_NAME, b"deuteron-api", 0, 0, 0)

    return child(work)


def _api_for_all_networks(_world: World) -> Undo:
    def work() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_NAME, b"deuteron-api", 0, 0, 0)
        kept.append(socket.create_server(("0.0.0.0", 0)))

    kept: list[socket.socket] = []
    return child(work)


def _log(world: World) -> Path:
    """There is one again after each change."""
    world.log.touch(0o600)
    return world.log


def _router(world: World) -> str:
    return world.distributed()


def _fip(world: World) -> str:
    return world.netns("fip-")


def _network(world: World) -> str:
    return world.netns("net-")


def _run_dir(world: World) -> Path:
    return world.host.netns_dir.parent / "deuteron"


SABOTAGES: Final = (
    Sabotage(name="a name without its namespace", check="DTN-101", do=_dead_file),
    Sabotage(name="a namespace is unmounted", check="DTN-101", do=_namespace_unmounted),
    Sabotage(name="a change is not finished", check="DTN-102", do=_interrupted),
    Sabotage(name="a unit is in quarantine", check="DTN-103", do=_quarantined),
    Sabotage(name="an address is taken away", check="DTN-104", do=_address_gone),
    Sabotage(name="a namespace is removed", check="DTN-104", do=_namespace_removed),
    Sabotage(name="a link is down", check="DTN-104", do=_hand(_router, "ip link set {qr} down")),
    Sabotage(name="another MTU", check="DTN-104", do=_hand(_network, "ip link set {br} mtu 1333")),
    Sabotage(name="routes are flushed", check="DTN-104", do=_hand(_router, "ip route flush table 16")),
    Sabotage(name="a routing rule goes", check="DTN-104", do=_hand(_router, "ip rule del fwmark 16")),
    Sabotage(name="an address that nobody wants", check="DTN-105", do=_address_too_many),
    Sabotage(name="a namespace that nobody wants", check="DTN-105", do=_leaked_namespace),
    Sabotage(name="somebody's route", check="DTN-106", do=_foreign_route),
    Sabotage(name="somebody's namespace", check="DTN-107", do=_foreign_namespace),
    Sabotage(name="forwarding off", check="DTN-201", do=_hand(_router, "sysctl -qw net.ipv4.ip_forward=0")),
    Sabotage(
        name="ARP for every address",
        check="DTN-201",
        do=_hand(_fip, "sysctl -qw net.ipv4.conf.all.arp_ignore=0"),
    ),
    Sabotage(
        name="a network that forwards",
        check="DTN-201",
        do=_hand(_network, "sysctl -qw net.ipv4.ip_forward=1"),
    ),
    Sabotage(
        name="no rule is left", check="DTN-202", do=_hand(_router, "nft flush chain inet deuteron forward")
    ),
    Sabotage(name="no table is left", check="DTN-202", do=_hand(_fip, "nft delete table inet deuteron")),
    Sabotage(
        name="accepted by default",
        check="DTN-202",
        do=_hand(_router, "nft add chain inet deuteron input '{ policy accept; }'"),
    ),
    Sabotage(
        name="no translation is left",
        check="DTN-202",
        do=_hand(_router, "nft flush map inet deuteron floating_to_fixed"),
    ),
    Sabotage(name="somebody's table", check="DTN-203", do=_foreign_table),
    Sabotage(name="a looser policy", check="DTN-204", do=_looser),
    Sabotage(name="the host has an address on a tap", check="DTN-205", do=_host_address),
    Sabotage(name="nobody owns the host", check="DTN-302", do=_nobody_owns),
    Sabotage(name="a lock file is removed", check="DTN-303", do=_lock_removed),
    Sabotage(name="a file is half written", check="DTN-304", do=_left_half_written),
    Sabotage(name="the clock is set back", check="DTN-306", do=_clock_set_back),
    Sabotage(name="the log tells of a tenant", check="DTN-401", do=_log_tells),
    Sabotage(name="a log for everybody", check="DTN-402", do=_chmod(0o666, _log)),
    Sabotage(
        name="a key for everybody", check="DTN-403", do=_chmod(0o644, lambda world: world.state / "log.key")
    ),
    Sabotage(name="the trail is cut", check="DTN-404", do=_trail_cut),
    Sabotage(name="a defect", check="DTN-406", do=_defect),
    Sabotage(
        name="a database for everybody",
        check="DTN-601",
        do=_chmod(0o666, lambda world: world.state / "state.sqlite"),
    ),
    Sabotage(
        name="a state directory for everybody", check="DTN-601", do=_chmod(0o777, lambda world: world.state)
    ),
    Sabotage(
        name="a host lock for everybody",
        check="DTN-602",
        do=_chmod(0o666, lambda world: _run_dir(world) / "host.lock"),
    ),
    Sabotage(
        name="a run directory for everybody", check="DTN-602", do=_chmod(0o777, lambda world: _run_dir(world))
    ),
    Sabotage(
        name="names for everybody", check="DTN-603", do=_chmod(0o777, lambda world: world.host.netns_dir)
    ),
    Sabotage(name="a topology for everybody", check="DTN-605", do=_chmod(0o666, lambda world: world.source)),
    Sabotage(
        name="a configuration for everybody",
        check="Check-Neutron-02",
        do=_chmod(0o666, lambda world: world.config),
    ),
    Sabotage(name="a configuration with two names", check="DTN-606", do=_config_linked),
    Sabotage(name="a key that nobody reads", check="DTN-606", do=_config_misspelt),
    Sabotage(name="a watch that may do anything", check="DTN-607", do=_unconfined),
    Sabotage(name="a watch without a filter", check="DTN-608", do=_unconfined),
    Sabotage(name="a process in a router", check="DTN-610", do=_lives_there),
    Sabotage(name="the API's directory for everybody", check="DTN-611", do=_api_file("api", 0o755)),
    Sabotage(name="the API's database for everybody", check="DTN-611", do=_api_file("api/api.sqlite", 0o644)),
    Sabotage(name="clients' file for everybody", check="DTN-612", do=_api_file("clouds.yaml", 0o644)),
    Sabotage(name="tokens for everybody", check="DTN-612", do=_tokens_for_everybody),
    Sabotage(name="a feed for everybody", check="DTN-613", do=_feed_for_everybody),
    Sabotage(name="an API of root's", check="DTN-614", do=_free_api),
    Sabotage(name="an API that may do anything", check="DTN-607", do=_free_api),
    Sabotage(name="an API without a filter", check="DTN-608", do=_free_api),
    Sabotage(name="an API's user that logs in", check="DTN-614", do=_configured('user = "root"')),
    Sabotage(name="an API that asks nobody", check="Check-Neutron-03", do=_free_api),
    Sabotage(
        name="a Keystone in clear",
        check="Check-Neutron-04",
        do=_configured('auth = "keystone"', 'keystone_url = "http://192.0.2.1:5000"'),
    ),
    Sabotage(
        name="an API in clear",
        check="Check-Neutron-05",
        do=_configured('auth = "tokens"', 'listen = "192.0.2.1:9696"', "plaintext = true"),
    ),
    Sabotage(name="an API that listens to all", check="Check-Neutron-05", do=_api_for_all_networks),
    # The last one: what takes the host up again knows nothing of who made what.
    Sabotage(name="a row is damaged", check="DTN-301", do=_bit_flipped),
)
