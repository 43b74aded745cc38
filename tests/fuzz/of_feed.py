"""What reads the socket between the API and an agent."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deuteron.feed import wire
from deuteron.feed.part import difference
from tests.fuzz.strategies import octets
from tests.fuzz.target import Target
from tests.unit.compile.world import centralised, distributed


def _to_api() -> list[bytes]:
    messages: list[wire.ToApi] = [
        wire.Hello(request=1, host="h1", bridges={"physnet1": "br-ex"}),
        wire.Want(request=2, since=7, wait=1.5),
        wire.Status(request=3, revision=9, items=(wire.Item(unit="router/r1", state="failed", code="x"),)),
        wire.Attach(request=4, port="p", netns="vm1"),
        wire.Detach(request=5, port="p"),
        wire.Await(request=6, wait=2.0),
    ]
    return [wire.encode(one) for one in messages]


def _to_agent() -> list[bytes]:
    one, other = distributed().view(), centralised().view()
    messages: list[wire.ToAgent] = [
        wire.View(request=1, revision=5, view=one),
        wire.Change(request=2, revision=6, since=5, part=difference(one, other)),
        wire.Settled(request=6, wanted=9, revision=8),
        wire.Refused(request=4, code="no-such-port", message="there is none"),
    ]
    return [wire.encode(one) for one in messages]


def _take(side: wire.Side, data: bytes) -> None:
    """A frame with its header; what is read can be written, and is equal then."""
    size = side.size(data[:4].ljust(4, b"\0"))
    found = side.decode(data[4 : 4 + size])
    assert side.decode(wire.encode(found)[4:]) == found


def _api(data: bytes, _scratch: Path) -> None:
    _take(wire.API, data)


def _agent(data: bytes, _scratch: Path) -> None:
    _take(wire.AGENT, data)


OF_FEED: Final = (
    Target("feed-to-api", octets(_to_api()), _api),
    Target("feed-to-agent", octets(_to_agent()), _agent, cost=4),
)
