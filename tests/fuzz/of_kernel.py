"""What reads answers of the kernel, of nftables and of the broker, and frames of a wire."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from deuteron.kernel.linux import nft_json, nft_netlink
from deuteron.kernel.linux.broker import Broker
from deuteron.kernel.linux.broker_process import Service
from deuteron.kernel.linux.broker_wire import Answer, Keep, Operation, Remove, Request, Write, encode
from deuteron.kernel.linux.netlink import (
    address,
    conntrack,
    devconf,
    fdb,
    link,
    neighbour,
    nsid,
    route,
    rule,
    wire,
)
from deuteron.kernel.linux.netlink.errors import refused
from deuteron.kernel.linux.netlink.socket import _parse_ack, _parse_done
from deuteron.kernel.linux.relevance import relevant
from deuteron.kernel.linux.sysctl import ProcMounts
from deuteron.lab import frames
from deuteron.objects.nft import NftTable
from deuteron.objects.ownership import mark, owner_of
from tests.fuzz.corpus import lines, messages
from tests.fuzz.strategies import documents, octets
from tests.fuzz.target import Take, Target

_MAC: Final = "fa:16:3e:00:00:01"
_HEAD: Final = struct.Struct("=HH")
#: An ack's and a refusal's, as sockets get them: flags, then ``nlmsgerr``.
_ACKS: Final = (
    _HEAD.pack(0, 0) + struct.pack("=i", 0) + bytes(16),
    _HEAD.pack(wire.NLM_F_CAPPED, 0) + struct.pack("=i", -errno.EEXIST) + bytes(16),
    _HEAD.pack(wire.NLM_F_CAPPED | wire.NLM_F_ACK_TLVS, 0)
    + struct.pack("=i", -errno.EINVAL)
    + bytes(16)
    + wire.string(1, "Unknown device type"),
)
_OPERATIONS: Final[tuple[Operation, ...]] = (
    Keep("qrouter-1"),
    Remove("snat-1"),
    Write("fip-1", 4026531840, (("net/ipv4/ip_forward", "1"),)),
    Write("qrouter-2", 1, ()),
)
_REQUESTS: Final = tuple(encode(Request(number, one)) for number, one in enumerate(_OPERATIONS, 1))
_ANSWERS: Final = (
    encode(Answer(number=0)),
    encode(Answer(number=0, lacking=("landlock",))),
    encode(Answer(number=0, code="not-confined", message="no", errno=errno.EPERM)),
)


def _entries() -> list[bytes]:
    """Of the entries of all listings that have one shape, the first; each in a listing of its own."""
    found: dict[str, bytes] = {}
    for line in lines("nft.jsonl"):
        for entry in msgspec.json.decode(line)["nftables"]:
            found.setdefault(_shape(entry), msgspec.json.encode({"nftables": [entry]}))
    return list(found.values())


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return str([(key, _shape(one)) for key, one in value.items()])
    return str(sorted({_shape(one) for one in value})) if isinstance(value, list) else type(value).__name__


_FRAMES: Final = (
    frames.arp_request(_MAC, "10.0.0.1", "10.0.0.2"),
    frames.neighbour_solicitation(_MAC, "fe80::1", "fe80::2"),
    frames.udp_packet((_MAC, _MAC), ("10.0.0.1", "10.0.0.2"), (53, 53)),
)


def _payload(parse: Callable[[bytes], object]) -> Take:
    return lambda data, _: parse(data)


def _link(data: bytes, _: Path) -> None:
    found = link.parse_link(data)
    values = devconf.parse_devconf(found.af_spec)
    for array in (values.ipv4, values.ipv6):
        for place in (0, 1, 40, 1 << 20):
            devconf.number_at(array, place)
    owner = owner_of(found.alias)
    assert owner is None or mark(owner) == found.alias


def _datagram(data: bytes, _: Path) -> None:
    """Messages of a datagram, put together again."""
    found = list(wire.messages(data))
    again = b"".join(_message(kind, flags, number, payload) for kind, flags, number, payload in found)
    assert list(wire.messages(again)) == found
    for _kind, _flags, _number, payload in found:
        assert wire.attributes(payload) == dict(wire.walk(payload))


def _message(kind: int, flags: int, number: int, payload: bytes) -> bytes:
    whole = wire.HEADER.pack(wire.HEADER_SIZE + len(payload), kind, flags, number, 0) + payload
    return whole + bytes(-len(whole) % 4)


def _ack(data: bytes, _: Path) -> None:
    flags, _kind = wire.fixed(_HEAD, data)
    for one in (_parse_ack(flags, data[4:]), _parse_done(data[4:])):
        assert 0 <= one.errno <= 4095
        if one.errno:
            raise refused(one.errno, one.text)


def _event(data: bytes, _: Path) -> None:
    kind, flags = wire.fixed(_HEAD, data)
    for netns in ("", "qrouter-1", "vm1"):
        relevant(netns, kind, flags, data[4:], frozenset({"br-ex"}))


def _nft_netlink(data: bytes, _: Path) -> None:
    """As the two questions read their answers, and as their callers see it."""
    for dump in (True, False):
        with suppress(OSError):  # what the kernel refuses with, and "again": told with its number by _ask()
            for payload in nft_netlink._messages(data, dump=dump):
                nft_netlink._table(payload)


def _nft_json(data: bytes, _: Path) -> None:
    """What was read is a value that can be kept and compared."""
    table, elements = nft_json.parse("qrouter-1", data)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(table), type=NftTable) == table
    assert nft_json.parse("qrouter-1", data) == (table, elements)
    hash((table, elements))


def _request(data: bytes, scratch: Path) -> None:
    """Nothing that a frame says makes the broker raise, or do anything outside its directory."""
    service = Service(scratch)
    try:
        answer = service.answer(data, ())
    finally:
        service.close()
    assert msgspec.msgpack.decode(encode(answer), type=Answer) == answer
    assert answer.code != "" or b"remove" in data or b"write" in data


def _answer(data: bytes, _: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        # It only closes its mounts here, and to make real ones takes longer than all the rest.
        broker = Broker(ours, 0, cast("ProcMounts", ExitStack()))
        try:
            theirs.send(data)
            theirs.shutdown(socket.SHUT_WR)
            broker.greet()
        finally:
            broker.close()


def _frame(data: bytes, _: Path) -> None:
    seen = frames.parse(data)
    assert seen.gratuitous in {True, False}
    assert isinstance(seen.target, str)


_PAYLOADS: Final[tuple[tuple[str, Callable[[bytes], object]], ...]] = (
    ("address", address.parse_address),
    ("route", route.parse_route),
    ("rule", rule.parse_rule),
    ("neighbour", neighbour.parse_neighbour),
    ("fdb", fdb.parse_fdb),
    ("nsid", nsid.parse_nsid),
    ("conntrack", conntrack.parse_flow),
)

OF_KERNEL: Final = (
    Target("link", octets(messages("link")), _link),
    *(Target(name, octets(messages(name)), _payload(parse)) for name, parse in _PAYLOADS),
    Target("datagram", octets(messages("nft")), _datagram),
    Target("ack", octets(_ACKS), _ack),
    Target("event", octets(messages("event")), _event),
    Target("nft-netlink", octets(messages("nft")), _nft_netlink),
    Target("nft-octets", octets([*lines("nft.jsonl"), *_entries()]), _nft_json),
    Target("nft-json", documents(_entries()), _nft_json),
    Target("broker-request", octets(_REQUESTS), _request, total=True),
    Target("broker-answer", octets(_ANSWERS), _answer),
    Target("frame", octets(_FRAMES), _frame, total=True),
)
