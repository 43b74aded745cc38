"""What must never get out, in every spelling that we know of."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Final
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

#: From 1.0.0.0 on: the octets of a version number or a share of a second are nobody's address.
V4: Final = st.integers(1 << 24, (1 << 32) - 1).map(IPv4Address)
V6: Final = st.integers(1 << 112, (1 << 128) - 1).map(IPv6Address)
ZONES: Final = st.sampled_from(["", "%eth0", "%qr-5284755a-1c", "%3"])


def _v6_spellings(address: IPv6Address) -> SearchStrategy[str]:
    groups = address.exploded.split(":")
    tail = IPv4Address(int(address) & 0xFFFFFFFF)
    short = [group.lstrip("0") or "0" for group in groups]
    return st.sampled_from(
        [
            str(address),
            address.exploded,
            str(address).upper(),
            ":".join(short),
            ":".join(groups[:6]) + f":{tail}",
            f"[{address}]",
        ]
    )


def _mapped(address: IPv4Address) -> SearchStrategy[str]:
    high, low = int(address) >> 16, int(address) & 0xFFFF
    return st.sampled_from(
        [f"::ffff:{address}", f"::ffff:{high:x}:{low:x}", f"0:0:0:0:0:FFFF:{address}", f"64:ff9b::{address}"]
    )


def _v4_spellings(address: IPv4Address) -> SearchStrategy[str]:
    octets = address.packed
    return st.sampled_from(
        [
            str(address),
            ".".join(f"{octet:03}" for octet in octets),
            f"0x{int(address):08x}",
            str(int(address)),
        ]
    )


def _mac_spellings(octets: bytes) -> SearchStrategy[str]:
    pairs = [f"{octet:02x}" for octet in octets]
    text = "".join(pairs)
    quads = [text[at : at + 4] for at in range(0, len(text), 4)]
    return st.sampled_from(
        [
            ":".join(pairs),
            ":".join(pairs).upper(),
            "-".join(pairs),
            "-".join(pairs).upper(),
            ".".join(quads),
            "-".join(quads),
            text,
            ":".join(f"{octet:x}" for octet in octets),
        ]
    )


UUIDS: Final = st.uuids()


def _uuid_spellings(uuid: UUID) -> SearchStrategy[str]:
    return st.sampled_from([str(uuid), str(uuid).upper(), uuid.hex, uuid.urn, f"{{{uuid}}}"])


ADDRESSES: Final = st.one_of(
    V4.flatmap(_v4_spellings),
    V4.flatmap(_mapped),
    st.builds(str.__add__, V6.flatmap(_v6_spellings), ZONES),
)
PREFIXES: Final = st.one_of(
    st.builds("{}/{}".format, V4, st.integers(0, 32)),
    st.builds("{}/{}".format, V6, st.integers(0, 128)),
    st.builds("{}/255.255.255.0".format, V4),
)
MACS: Final = st.binary(min_size=6, max_size=6).flatmap(_mac_spellings)
IDS: Final = UUIDS.flatmap(_uuid_spellings)
PLACES: Final = st.builds(
    "{}{}".format,
    st.sampled_from(["qrouter-", "snat-", "fip-", "net-", "qr-", "qg-", "sg-", "fg-", "rfp-", "fpr-", "br-"]),
    UUIDS.map(lambda uuid: str(uuid)[:11]),
) | st.builds("tap{}".format, UUIDS.map(lambda uuid: str(uuid)[:11]))
TOKENS: Final = st.binary(min_size=24, max_size=64).map(bytes.hex) | st.from_regex(
    r"gAAAAA[A-Za-z0-9_-]{40,60}", fullmatch=True
)
#: What can be told by its form.
TELLING: Final = st.one_of(ADDRESSES, PREFIXES, MACS, IDS, PLACES, TOKENS)

#: What cannot: a name may be any word.
NAMES: Final = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=3, max_size=24
) | st.sampled_from(["acme-production", "ACME Corp.", "vm1", "Gehaltsabrechnung", "router-aaaaaaaaaa", "db"])
SECRETS: Final = TELLING | NAMES
