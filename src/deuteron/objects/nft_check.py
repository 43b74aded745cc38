"""What may stand in a table of ours: a strict grammar, so that no text can become a statement.

A second thing is held here: the form.  nft drops what it thinks redundant (a
``meta nfproto ipv4`` before ``ip saddr``) and merges neighbouring prefixes.  A rule that
reads back differently would be rewritten at each apply, so it is refused beforehand.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Mapping
from typing import Final

from deuteron.errors import KernelError
from deuteron.objects.nft import Limit, Lookup, Match, Nat, NftRule, Remember, SetRef, Statement
from deuteron.objects.nft_names import NAMES

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,30}")
#: Words of nft's grammar, which it does not take for names; those that a table's author might try.
_WORDS: Final = """
accept add arp bridge chain comment continue counter create ct default delete destroy dnat drop dup
element ether exthdr fib flow flush fwd goto hook icmp icmpv6 inet insert ip ip6 jump limit list log
map mark masquerade meta netdev nftrace notrack numgen osf policy position priority queue quota
random redirect reject rename replace reset return rt rule set size snat socket state status
synproxy table tcp th timeout tproxy type udp update vlan xfrm xt
"""
_RESERVED: Final = frozenset(_WORDS.split())
_INTERFACE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]{0,14}")
#: Printable ASCII without quotes, ``$``, the backslash and the back-tick; 127 is the kernel's limit.
_COMMENT: Final = re.compile(r"[ !#%&'()*+,\-./0-9:;<=>?@A-Z\[\]^_a-z{|}~]{0,127}")
_PORT_MAX: Final = 0xFFFF
_MARK_MAX: Final = 0xFFFFFFFF
_HEADER_WORDS_MAX: Final = 15
_HOPS_MAX: Final = 255
#: Packets per second, and seconds: far above any use, far below what nft could not hold.
_RATE_MAX: Final = 10_000_000
_SIZE_MAX: Final = 1 << 24
_TIMEOUT_MAX: Final = 86_400

#: Matches of these are implied by the fields that follow them, and nft leaves them out of its listing.
_FAMILY_FIELDS: Final = frozenset(
    {
        "ip saddr",
        "ip daddr",
        "ip6 saddr",
        "ip6 daddr",
        "ip hdrlength",
        "ip6 hoplimit",
        "exthdr rt",
        "icmp type",
        "icmpv6 type",
    }
)
_ICMP_FIELDS: Final = frozenset({"icmp type", "icmpv6 type"})
_PROTOCOL_FIELDS: Final = _ICMP_FIELDS | {"th dport"}


def refused(what: str) -> KernelError:
    """The error for a value outside the grammar; it says what kind of value, never the value."""
    return KernelError("nft-not-expressible", f"{what} cannot be written as nft syntax; nothing was sent")


def name(text: str) -> str:
    """A table's, chain's, set's or map's name."""
    if not _NAME.fullmatch(text) or text in _RESERVED:
        raise refused("a chain's, set's or map's name")
    return text


def comment(text: str) -> str:
    """A rule's comment, in quotes."""
    if not _COMMENT.fullmatch(text):
        raise refused("a rule's comment")
    return f'"{text}"'


def interface(text: str) -> str:
    """A device name, which may end in ``*``, in quotes."""
    if not _INTERFACE.fullmatch(text.removesuffix("*")):
        raise refused("an interface name")
    return f'"{text}"'


def address(family: int, text: str) -> str:
    """An address in the form in which nft prints it."""
    try:
        canonical = socket.inet_ntop(family, socket.inet_pton(family, text))
    except (OSError, ValueError):
        canonical = ""
    if canonical != text:
        raise refused("an address")
    return text


def prefix(family: int, text: str) -> str:
    """An address, or a prefix that is shorter than an address and has no host bits set."""
    if "/" not in text:
        return address(family, text)
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise refused("a prefix") from None
    base, _, length = text.partition("/")
    address(family, base)
    if str(network.prefixlen) != length or network.prefixlen == network.max_prefixlen:
        raise refused("a prefix")
    return text


def number(largest: int, text: str) -> str:
    """A decimal number without leading zeros."""
    if not (text.isascii() and text.isdecimal()) or str(int(text)) != text or int(text) > largest:
        raise refused("a number")
    return text


def symbol(names: Mapping[int, str], text: str) -> str:
    """A name from the table of its field."""
    if text not in names.values():
        raise refused("a name of a protocol, state or message type")
    return text


def word(words: tuple[str, ...], text: str) -> str:
    """One of a few words."""
    if text not in words:
        raise refused("a word")
    return text


def rate(limit: Limit) -> str:
    """A rate and what may come at once."""
    if not (0 < limit.rate <= _RATE_MAX and 0 < limit.burst <= _RATE_MAX):
        raise refused("a rate")
    return f"limit rate {limit.rate}/second burst {limit.burst} packets"


def room(size: int, timeout: int) -> str:
    """What makes a set one that rules fill; "" for one that they do not."""
    if not size and not timeout:
        return ""
    if not (0 < size <= _SIZE_MAX and 0 <= timeout <= _TIMEOUT_MAX):
        raise refused("a set's size or time-out")
    if not timeout:
        return f" size {size}; flags dynamic;"
    return f" size {size}; flags dynamic,timeout; timeout {timeout}s;"


def _protocol(text: str) -> str:
    # "icmpv6" is a word of nft's own grammar; "ipv6-icmp" needs /etc/protocols, which small images lack.
    names = NAMES["inet_proto"]
    if text == "ipv6-icmp":
        return "icmpv6"
    if text in {"igmp", "gre", "ospf", "vrrp"}:
        return next(str(value) for value, known in names.items() if known == text)
    return symbol(names, text)


def _of_names(field: str) -> Callable[[str], str]:
    return lambda text: symbol(NAMES[field], text)


def _v4(text: str) -> str:
    return address(socket.AF_INET, text)


def _v6(text: str) -> str:
    return address(socket.AF_INET6, text)


def _v4_prefix(text: str) -> str:
    return prefix(socket.AF_INET, text)


def _v6_prefix(text: str) -> str:
    return prefix(socket.AF_INET6, text)


def _port(text: str) -> str:
    return number(_PORT_MAX, text)


def _mark(text: str) -> str:
    return number(_MARK_MAX, text)


#: Renders a value of a field, or refuses it.
FIELDS: Final[Mapping[str, Callable[[str], str]]] = {
    "iifname": interface,
    "oifname": interface,
    "ip saddr": _v4_prefix,
    "ip daddr": _v4_prefix,
    "ip6 saddr": _v6_prefix,
    "ip6 daddr": _v6_prefix,
    "meta l4proto": _protocol,
    "meta nfproto": _of_names("meta nfproto"),
    "meta mark": _mark,
    "ct state": _of_names("ct state"),
    "ct status": _of_names("ct status"),
    "icmp type": _of_names("icmp type"),
    "icmpv6 type": _of_names("icmpv6 type"),
    "th dport": _port,
    "fib saddr . iif oif": lambda text: number(0, text),
    "fib saddr oif": lambda text: number(0, text),
    "fib saddr type": _of_names("fib saddr type"),
    "fib daddr . iif type": _of_names("fib saddr type"),
    "meta pkttype": _of_names("meta pkttype"),
    "ip hdrlength": lambda text: number(_HEADER_WORDS_MAX, text),
    "ip6 hoplimit": lambda text: number(_HOPS_MAX, text),
    "exthdr rt": lambda text: word(("missing",), text),
    "rt ip nexthop": _v4,
    "rt ip6 nexthop": _v6,
}

#: Renders a part of an element of a set of that type, or refuses it.
TYPES: Final[Mapping[str, Callable[[str], str]]] = {
    "ipv4_addr": _v4,
    "ipv6_addr": _v6,
    "inet_proto": _protocol,
    "inet_service": _port,
    "ifname": interface,
    "mark": _mark,
}


def element_part(text: str) -> str:
    """A part of an element, whose type is told by its form: an address, a number or a protocol."""
    if ":" in text:
        return _v6(text)
    if "." in text:
        return _v4(text)
    return _mark(text) if text.isdecimal() else _protocol(text)


def canonical_rule(rule: NftRule) -> None:
    """Refuse a rule that nft would list in another form than it was given.

    Raises:
        KernelError: ``nft-not-expressible``.
    """
    if not rule.statements:
        raise refused("a rule that is not in our language")
    before: list[Match] = []
    for match in rule.matches:
        _canonical_values(match)
        if _elided(before, {match.field}):
            raise refused(f"a match that {match.field!r} implies")
        before.append(match)
    for statement in rule.statements:
        if _elided(before, _key(statement)):
            raise refused("a match that a map's or set's key implies")


def _key(statement: Statement) -> frozenset[str]:
    match statement:
        case Nat(to=Lookup(key=key)):
            return frozenset(key)
        case Remember(key=field):
            return frozenset({field})
        case _:
            return frozenset()


def _elided(before: list[Match], fields: set[str] | frozenset[str]) -> bool:
    """Whether a match that precedes ``fields`` would not be listed, or not in its place."""
    if fields & _FAMILY_FIELDS and any(_single(known, "meta nfproto") for known in before):
        return True
    if "th dport" in fields and any(known.field in _ICMP_FIELDS for known in before):
        return True  # ICMP has no ports; nft would show other fields of its header
    if not fields & _PROTOCOL_FIELDS or not any(_single(known, "meta l4proto") for known in before):
        return False
    # "meta l4proto tcp th dport 80" is listed as "tcp dport 80", which we read back as the two.
    return fields != {"th dport"} or not _single(before[-1], "meta l4proto")


def _single(match: Match, field: str) -> bool:
    return match.field == field and match.op == "==" and isinstance(match.value, str)


def _canonical_values(match: Match) -> None:
    if not isinstance(match.value, tuple):
        return
    if len(match.value) < 2 or tuple(sorted(set(match.value))) != match.value:
        raise refused("an anonymous set that is not sorted, or has one value")
    if match.field in {"ip saddr", "ip daddr", "ip6 saddr", "ip6 daddr"}:
        _apart(match.value)


def _apart(values: tuple[str, ...]) -> None:
    if all("/" not in value for value in values):
        return
    networks = [ipaddress.ip_network(value) for value in values]
    if len(list(ipaddress.collapse_addresses(networks))) != len(networks):  # type: ignore[type-var]  # one family
        raise refused("an anonymous set of prefixes that overlap or adjoin")


def reference(value: SetRef) -> str:
    """A reference to a named set."""
    return f"@{name(value.name)}"
