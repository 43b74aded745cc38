"""Frames for the probes: built and taken apart by hand, as far as the proofs need it."""

from __future__ import annotations

import ipaddress
import socket
import struct

import msgspec

ETH_ARP = 0x0806
ETH_IPV4 = 0x0800
ETH_IPV6 = 0x86DD

_BROADCAST = b"\xff" * 6
_NO_MAC = b"\x00" * 6
_ICMPV6_NS = 135
_ICMPV6_NA = 136


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen on a wire.

    Attributes:
        ethertype: 0x0800 and so on.
        source: IP address of the sender (of the ARP sender for ARP).
        destination: IP address of the receiver (the ARP target).
        protocol: IP protocol number; for ARP the operation, 1 request and 2 reply.
        sport: TCP or UDP port, ICMP type for ICMP.
        dport: TCP or UDP port, ICMP code for ICMP.
        payload: what follows the IP (or Ethernet) header.
    """

    source_mac: str
    destination_mac: str
    ethertype: int
    source: str = ""
    destination: str = ""
    protocol: int = 0
    sport: int = 0
    dport: int = 0
    payload: bytes = b""

    @property
    def gratuitous(self) -> bool:
        """Whether it announces its sender (RFC 5227 3; RFC 4861 7.2.6 for IPv6)."""
        if self.ethertype == ETH_ARP:
            return self.source == self.destination
        return self.neighbour_advertisement and self.destination == "ff02::1"

    @property
    def neighbour_advertisement(self) -> bool:
        """Whether it is a neighbour advertisement (RFC 4861 4.4)."""
        return self.ethertype == ETH_IPV6 and self.protocol == 58 and self.sport == _ICMPV6_NA

    @property
    def target(self) -> str:
        """The address that a neighbour solicitation or advertisement is about, "" for others."""
        if self.ethertype != ETH_IPV6 or self.protocol != 58 or self.sport not in (_ICMPV6_NS, _ICMPV6_NA):
            return ""
        if len(self.payload) < 24:  # cut: about nothing
            return ""
        return str(ipaddress.IPv6Address(self.payload[8:24]))


def mac_text(raw: bytes) -> str:
    """``fa:16:3e:...`` of six octets."""
    return raw.hex(":")


def mac_bytes(text: str) -> bytes:
    """Six octets of ``fa:16:3e:...``."""
    return bytes.fromhex(text.replace(":", ""))


def parse(raw: bytes) -> Frame:
    """Take an Ethernet frame apart; what is not ARP, IPv4 or IPv6 keeps its payload whole."""
    ethertype = int.from_bytes(raw[12:14], "big")
    body = raw[14:]
    frame = Frame(
        destination_mac=mac_text(raw[:6]), source_mac=mac_text(raw[6:12]), ethertype=ethertype, payload=body
    )
    if ethertype == ETH_ARP and len(body) >= 28:
        operation = int.from_bytes(body[6:8], "big")
        return _with_ends(frame, operation, body[14:18], body[24:28], body)
    if ethertype == ETH_IPV4 and len(body) >= 20:
        return _with_ends(frame, body[9], body[12:16], body[16:20], body[(body[0] & 15) * 4 :])
    if ethertype == ETH_IPV6 and len(body) >= 40:
        return _with_ends(frame, body[6], body[8:24], body[24:40], body[40:])
    return frame


def _with_ends(frame: Frame, protocol: int, source: bytes, destination: bytes, rest: bytes) -> Frame:
    sport = dport = 0
    if frame.ethertype != ETH_ARP and protocol in (6, 17) and len(rest) >= 4:
        sport, dport = struct.unpack("!HH", rest[:4])
    elif frame.ethertype != ETH_ARP and protocol in (1, 58) and len(rest) >= 2:
        sport, dport = rest[0], rest[1]
    return msgspec.structs.replace(
        frame,
        protocol=protocol,
        source=str(ipaddress.ip_address(source)),
        destination=str(ipaddress.ip_address(destination)),
        sport=sport,
        dport=dport,
        payload=rest,
    )


def arp_request(mac: str, source: str, target: str) -> bytes:
    """Who has ``target``? (RFC 826)."""
    own = mac_bytes(mac)
    head = _BROADCAST + own + ETH_ARP.to_bytes(2, "big")
    fixed = struct.pack("!HHBBH", 1, ETH_IPV4, 6, 4, 1)
    return head + fixed + own + socket.inet_aton(source) + _NO_MAC + socket.inet_aton(target)


def neighbour_solicitation(mac: str, source: str, target: str) -> bytes:
    """The same question for IPv6 (RFC 4861 4.3), to the solicited-node multicast group."""
    own, wanted = mac_bytes(mac), ipaddress.IPv6Address(target).packed
    group = ipaddress.IPv6Address("ff02::1:ff00:0").packed[:13] + wanted[13:]
    sender = ipaddress.IPv6Address(source).packed
    message = struct.pack("!BBHI", _ICMPV6_NS, 0, 0, 0) + wanted + b"\x01\x01" + own
    total = checksum(sender + group + struct.pack("!II", len(message), 58) + message)
    message = message[:2] + total.to_bytes(2, "big") + message[4:]
    head = b"\x33\x33" + group[12:] + own + ETH_IPV6.to_bytes(2, "big")
    return head + struct.pack("!IHBB", 6 << 28, len(message), 58, 255) + sender + group + message


def echo_request(ip_version: int, ident: int, sequence: int, size: int) -> bytes:
    """An ICMP or ICMPv6 echo request without its IP header; the kernel sums ICMPv6 itself."""
    kind = 8 if ip_version == 4 else 128
    body = struct.pack("!BBHHH", kind, 0, 0, ident, sequence) + bytes(size)
    if ip_version == 4:
        return body[:2] + checksum(body).to_bytes(2, "big") + body[4:]
    return body


def udp_packet(
    macs: tuple[str, str], ends: tuple[str, str], ports: tuple[int, int], payload: bytes = b"deuteron"
) -> bytes:
    """An IPv4 UDP frame from ``ends[0]`` to ``ends[1]``, without a UDP checksum (RFC 768 allows it)."""
    datagram = struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(datagram), 1, 0, 64, 17, 0)
    addresses = socket.inet_aton(ends[0]) + socket.inet_aton(ends[1])
    total = checksum(head + addresses)
    ip = head[:10] + total.to_bytes(2, "big") + addresses
    return mac_bytes(macs[1]) + mac_bytes(macs[0]) + ETH_IPV4.to_bytes(2, "big") + ip + datagram


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    padded = data + b"\x00" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total
