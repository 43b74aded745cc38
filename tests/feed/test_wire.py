"""Frames: what is sent comes out, and what is no message is refused before any memory is spent on it."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading

import msgspec
import pytest
from hypothesis import given, settings

from deuteron.domain import HostView
from deuteron.errors import HostError
from deuteron.feed import wire
from deuteron.feed.part import difference
from tests.strategies_views import views

_MESSAGES: list[wire.ToApi | wire.ToAgent] = [
    wire.Hello(request=1, host="h1", bridges={"physnet1": "br-ex"}),
    wire.Want(request=2, since=7, wait=1.5),
    wire.Status(request=3, revision=9, items=(wire.Item(unit="router/r1", state="failed", code="x"),)),
    wire.Attach(request=4, port="p", netns="vm1"),
    wire.Detach(request=5, port="p"),
    wire.Await(request=6, wait=2.0),
    wire.Welcome(request=1, revision=3),
    wire.Same(request=2, revision=3),
    wire.Done(request=3),
    wire.Settled(request=6, wanted=9, revision=8),
    wire.Refused(request=4, code="no-such-port", message="there is none"),
]


def _side(message: object) -> wire.Side:
    return wire.AGENT if isinstance(message, wire.ToAgent) else wire.API


@pytest.mark.parametrize("message", _MESSAGES, ids=lambda one: type(one).__name__)
def test_what_is_sent_comes_out_on_the_other_side(message: wire.ToApi | wire.ToAgent) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(wire.encode(message) * 2)
        assert wire.receive(_side(message), theirs) == message
        assert wire.receive(_side(message), theirs) == message


@settings(max_examples=20, deadline=None)
@given(views, views)
def test_views_and_parts_come_out_as_they_were(one: HostView, other: HostView) -> None:
    for message in (
        wire.View(request=1, revision=5, view=one),
        wire.Change(request=2, revision=6, since=5, part=difference(one, other)),
    ):
        assert wire.AGENT.decode(wire.encode(message)[4:]) == message


@pytest.mark.parametrize("message", _MESSAGES, ids=lambda one: type(one).__name__)
def test_neither_side_takes_what_only_the_other_may_be_told(message: wire.ToApi | wire.ToAgent) -> None:
    wrong = wire.API if _side(message) is wire.AGENT else wire.AGENT
    with pytest.raises(wire.FeedError) as caught:
        wrong.decode(wire.encode(message)[4:])
    assert caught.value.code == "feed-bad-frame"


@pytest.mark.parametrize("size", [0, wire.LIMIT_TO_API + 1, 0xFFFFFFFF])
def test_a_length_beyond_the_limit_is_refused_before_anything_is_read(size: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(struct.pack(">I", size))
        with pytest.raises(wire.FeedError) as caught:
            wire.receive(wire.API, theirs)
    assert caught.value.code == ("feed-frame-too-large" if size else "feed-bad-frame")


def test_a_sender_that_goes_in_the_middle_is_an_end() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(wire.encode(_MESSAGES[0])[:-3])
        with pytest.raises(wire.FeedError) as caught:
            wire.receive(wire.API, theirs)
    assert caught.value.code == "feed-ended"


def test_the_stream_reader_refuses_the_same() -> None:
    async def run(octets: bytes) -> str:
        reader = asyncio.StreamReader()
        reader.feed_data(octets)
        reader.feed_eof()
        with pytest.raises(wire.FeedError) as caught:
            await wire.read(wire.API, reader)
        return caught.value.code

    assert asyncio.run(run(b"\xff\xff\xff\xff")) == "feed-frame-too-large"
    assert asyncio.run(run(b"\x00\x00\x00\x02{}")) == "feed-bad-frame"
    assert asyncio.run(run(b"\x00\x00")) == "feed-ended"


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({"unit": "disk/x", "state": "done"}, "feed-bad-frame"),
        ({"unit": "router/../x", "state": "done"}, "feed-bad-frame"),
        ({"unit": "router/r", "state": "maybe"}, "feed-bad-frame"),
        ({"unit": "router/r", "state": "done", "more": 1}, "feed-bad-frame"),
    ],
)
def test_a_status_names_units_and_states_that_there_are(item: dict[str, object], said: str) -> None:
    content = msgspec.msgpack.encode({"type": "status", "request": 1, "revision": 1, "items": [item]})
    with pytest.raises(wire.FeedError) as caught:
        wire.API.decode(content)
    assert caught.value.code == said


def test_a_view_whose_values_do_not_fit_is_no_message() -> None:
    view = {"host": "h", "legs": [{"router_id": "r", "network_id": "n", "index": 9000}]}
    content = msgspec.msgpack.encode({"type": "view", "request": 1, "revision": 1, "view": view})
    with pytest.raises(wire.FeedError):
        wire.AGENT.decode(content)


def test_only_the_named_users_may_speak() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert wire.admit(theirs, {os.geteuid()}).pid == os.getpid()
        with pytest.raises(HostError) as caught:
            wire.admit(theirs, {os.geteuid() + 1})
    assert caught.value.code == "feed-stranger"


def test_a_long_frame_arrives_piece_by_piece() -> None:
    message = wire.Refused(request=1, code="x", message="y" * 4096)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=_trickle, args=(ours, wire.encode(message)))
        sender.start()
        assert wire.receive(wire.AGENT, theirs) == message
        sender.join()


def _trickle(to: socket.socket, content: bytes) -> None:
    for one in content:
        to.sendall(bytes([one]))
