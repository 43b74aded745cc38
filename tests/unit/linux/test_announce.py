"""Announcements as neighbours on the wire see them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from deuteron.kernel.linux.announce import Announcer, frames_of
from deuteron.kernel.linux.netlink import link
from tests.support.sandbox import Host

MAC = "fa:16:3e:00:00:01"
ETH_P_ALL = 3


def test_arp_comes_in_both_forms() -> None:
    request, reply = (Ether(frame) for frame in frames_of("qg-1", MAC, "203.0.113.50").frames)
    for frame, form in ((request, 1), (reply, 2)):
        assert (frame.src, frame.dst, frame.type) == (MAC, "ff:ff:ff:ff:ff:ff", 0x0806)
        assert (frame[ARP].op, frame[ARP].hwsrc) == (form, MAC)
        assert frame[ARP].psrc == frame[ARP].pdst == "203.0.113.50"


def test_a_neighbour_advertisement_overrides_and_has_a_right_checksum() -> None:
    (raw,) = frames_of("qg-1", MAC, "2001:db8::50").frames
    frame = Ether(raw)
    assert (frame.src, frame.dst) == (MAC, "33:33:00:00:00:01")
    assert (frame[IPv6].src, frame[IPv6].dst, frame[IPv6].hlim) == ("2001:db8::50", "ff02::1", 255)
    told = frame[ICMPv6ND_NA]
    assert (told.tgt, told.O, told.S) == ("2001:db8::50", 1, 0)
    assert frame[ICMPv6NDOptDstLLAddr].lladdr == MAC
    again = Ether(raw)
    del again[ICMPv6ND_NA].cksum
    assert bytes(again) == raw


def pair(one: str, other: str) -> list[bytes]:
    """The messages for a pair that is up."""
    made = link.new_veth(one, MAC, 1500, other, "02:00:00:00:00:02")
    return [made, link.set_link(one, up=True), link.set_link(other, up=True)]


@contextmanager
def wire(host: Host) -> Iterator[socket.socket]:
    """A pair ``here`` and ``there``, up; what comes out of ``there``."""
    with host.netlink() as rt:
        acks = rt.batch(pair("here", "there"))
        assert not any(ack.errno for ack in acks)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as listener:
        listener.bind(("there", ETH_P_ALL))
        listener.settimeout(5)
        yield listener


def arps(listener: socket.socket, count: int) -> list[int]:
    """The forms of the next announcements of the address."""
    found: list[int] = []
    while len(found) < count:
        frame = Ether(listener.recv(2000))
        if ARP in frame and frame[ARP].psrc == "203.0.113.50":
            found.append(frame[ARP].op)
    return found


@pytest.mark.kernel
def test_an_announcement_is_sent_three_times(host: Host) -> None:
    with wire(host) as listener:
        announcer = Announcer(repeats=(0.05, 0.1))
        announcer.send("", frames_of("here", MAC, "203.0.113.50"))
        assert arps(listener, 6) == [1, 2] * 3
        announcer.close()


@pytest.mark.kernel
def test_nothing_is_repeated_after_the_end(host: Host) -> None:
    with wire(host) as listener:
        announcer = Announcer(repeats=(0.2,))
        announcer.send("", frames_of("here", MAC, "203.0.113.50"))
        announcer.close()
        assert arps(listener, 2) == [1, 2]
        listener.settimeout(0.4)
        with pytest.raises(TimeoutError):
            arps(listener, 1)


@pytest.mark.kernel
def test_a_link_that_went_away_stops_no_other_announcement(host: Host) -> None:
    with wire(host) as listener, host.netlink() as rt:
        rt.batch(pair("gone", "gone2"))
        announcer = Announcer(repeats=(0.1, 0.2))
        announcer.send("", frames_of("gone", MAC, "203.0.113.51"))
        announcer.send("", frames_of("here", MAC, "203.0.113.50"))
        rt.batch([link.delete_link("gone")])
        assert arps(listener, 6) == [1, 2] * 3
        announcer.close()


@pytest.mark.kernel
def test_a_repetition_that_is_refused_stops_no_other_announcement(host: Host) -> None:
    with wire(host) as listener, host.netlink() as rt:
        rt.batch(pair("small", "small2"))
        announcer = Announcer(repeats=(0.1, 0.2))
        announcer.send("", frames_of("small", MAC, "2001:db8::51"))
        announcer.send("", frames_of("here", MAC, "203.0.113.50"))
        # An advertisement is larger than that: EMSGSIZE.
        assert not any(ack.errno for ack in rt.batch([link.set_link("small", mtu=68)]))
        assert arps(listener, 6) == [1, 2] * 3
        announcer.close()
        assert announcer.lost == 2


@pytest.mark.kernel
def test_who_drains_has_sent_everything(host: Host) -> None:
    with wire(host) as listener:
        announcer = Announcer(repeats=(0.05, 0.1))
        announcer.send("", frames_of("here", MAC, "203.0.113.50"))
        announcer.drain()
        announcer.close()
        listener.settimeout(0)
        assert arps(listener, 6) == [1, 2] * 3


def test_nothing_to_repeat_is_not_waited_for() -> None:
    announcer = Announcer(repeats=(1000.0,))
    announcer.drain()
    announcer.close()


@pytest.mark.kernel
def test_what_is_forgotten_is_not_waited_for(host: Host) -> None:
    with wire(host):
        announcer = Announcer(repeats=(1000.0,))
        announcer.send("", frames_of("here", MAC, "203.0.113.50"))
        announcer.forget("")
        announcer.drain()
        announcer.close()


@pytest.mark.kernel
def test_a_repeat_that_never_comes_is_waited_for_a_second_at_most(host: Host) -> None:
    with wire(host):
        now = [0.0]
        announcer = Announcer(repeats=(1000.0,), clock=lambda: now[0])
        announcer.send("", frames_of("here", MAC, "203.0.113.50"))
        now[0] = 1000.0  # the thread may be asleep for long
        announcer.drain()
        announcer.close()
