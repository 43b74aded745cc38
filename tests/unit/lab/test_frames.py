"""Frames made and taken apart by hand, with scapy as the oracle."""

from __future__ import annotations

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, IPv6
from scapy.layers.l2 import ARP, Ether

from deuteron.lab import frames

MAC, OTHER = "fa:16:3e:00:00:01", "fa:16:3e:00:00:02"


def test_an_arp_request_is_what_scapy_makes() -> None:
    expected = Ether(src=MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=MAC, psrc="10.0.0.1", pdst="10.0.0.2")
    assert frames.arp_request(MAC, "10.0.0.1", "10.0.0.2") == bytes(expected)


def test_a_neighbour_solicitation_has_the_checksum_that_scapy_computes() -> None:
    ours = frames.neighbour_solicitation(MAC, "2001:db8::1", "2001:db8::abcd:5")
    read = Ether(ours)
    assert read[IPv6].dst == "ff02::1:ffcd:5"
    assert read[Ether].dst == "33:33:ff:cd:00:05"
    sent = read[ICMPv6ND_NS].cksum
    del read[ICMPv6ND_NS].cksum
    assert Ether(bytes(read))[ICMPv6ND_NS].cksum == sent


def test_a_udp_frame_is_read_by_scapy_with_a_right_header_checksum() -> None:
    read = Ether(frames.udp_packet((MAC, OTHER), ("10.0.0.1", "10.0.0.2"), (5, 7), b"x"))
    assert (read[IP].src, read[IP].dst, read[UDP].sport, read[UDP].dport) == ("10.0.0.1", "10.0.0.2", 5, 7)
    sent = read[IP].chksum
    del read[IP].chksum
    assert Ether(bytes(read))[IP].chksum == sent


def test_arp_announcements_are_told_from_questions() -> None:
    announced = bytes(Ether(src=MAC) / ARP(op=2, hwsrc=MAC, psrc="10.0.0.9", pdst="10.0.0.9"))
    assert frames.parse(announced).gratuitous
    assert frames.parse(announced).source == "10.0.0.9"
    assert not frames.parse(frames.arp_request(MAC, "10.0.0.1", "10.0.0.2")).gratuitous


def test_unsolicited_neighbour_advertisements_are_told_from_answers() -> None:
    advertised = ICMPv6ND_NA(tgt="2001:db8::5")
    to_all = frames.parse(bytes(Ether() / IPv6(src="fe80::1", dst="ff02::1") / advertised))
    to_one = frames.parse(bytes(Ether() / IPv6(src="fe80::1", dst="fe80::2") / advertised))
    assert to_all.gratuitous
    assert to_one.neighbour_advertisement
    assert not to_one.gratuitous
    assert to_all.target == to_one.target == "2001:db8::5"


def test_a_frame_too_short_for_its_type_is_kept_as_it_is() -> None:
    raw = bytes(12) + b"\x08\x00" + b"\x45"
    assert frames.parse(raw).payload == b"\x45"
