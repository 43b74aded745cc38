"""What this kernel and these privileges can do, tried out in a namespace that vanishes."""

from __future__ import annotations

import errno
import os
from typing import Final

import msgspec

from deuteron.errors import HostError, KernelError
from deuteron.kernel.linux.netlink import address, link
from deuteron.kernel.linux.netlink.errors import refused
from deuteron.kernel.linux.netlink.socket import NetlinkSocket
from deuteron.kernel.linux.nft import Nftables
from deuteron.kernel.linux.worker import Worker
from deuteron.objects import PROTOCOL

_MAC: Final = "02:00:00:00:00:01"
_PEER_MAC: Final = "02:00:00:00:00:02"
_ADDRESS: Final = "192.0.2.1/32"

#: Answers that tell of the moment and not of what the kernel can do.
_BUSY: Final = frozenset({errno.ENOBUFS, errno.ENOMEM, errno.EBUSY, errno.EAGAIN, errno.EINTR})

#: What the router's ruleset is made of: inet NAT through maps, marks, tracked states, reverse path.
_RULESET: Final = """\
add table inet probe
add map inet probe m { type ipv4_addr : ipv4_addr; }
add map inet probe p { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
add chain inet probe d { type nat hook prerouting priority -100; policy accept; }
add chain inet probe s { type nat hook postrouting priority 100; policy accept; }
add chain inet probe f { type filter hook forward priority 0; policy drop; }
add rule inet probe d dnat ip to ip daddr map @m
add rule inet probe d dnat ip to ip daddr . meta l4proto . th dport map @p
add rule inet probe s snat ip to 192.0.2.1 fully-random
add rule inet probe f ct state established,related accept
add rule inet probe f fib saddr . iif oif 0 drop
"""


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        kernel: its release.
        tap: whether ``/dev/net/tun`` is there, for instances that are virtual machines.
    """

    kernel: str
    tap: bool


def probe() -> Features:
    """Try what the engine needs; a few milliseconds, and nothing stays.

    Raises:
        HostError: ``no-privilege``, ``missing-feature`` or ``no-libnftables``.
    """
    nftables = Nftables()
    worker = Worker()
    try:
        worker.in_new_netns(lambda: _try_all(nftables))
    except OSError as error:
        message = (
            f"no network namespace can be made here ({error.strerror}); run as root, or use "
            "`deuteron demo`, which makes a private user namespace"
        )
        raise HostError("no-privilege", message) from error
    finally:
        worker.close()
    return Features(kernel=os.uname().release, tap=os.access("/dev/net/tun", os.R_OK | os.W_OK))


def _try_all(nftables: Nftables) -> None:
    with NetlinkSocket() as rt:
        _try(rt, "veth pairs (module veth)", link.new_veth("p0", _MAC, 1500, "p1", _PEER_MAC, index=10))
        _try(rt, "bridges (module bridge)", link.new_bridge("p2", _MAC, 1500))
        _try(rt, "second names of links", link.add_altname(10, "probe-altname"))
        _try(rt, "IPv4 addresses", address.new_address(10, _ADDRESS, protocol=PROTOCOL))
        records = [address.parse_address(one) for one in rt.dump(address.dump_addresses(index=10))]
        if not any(one.protocol == PROTOCOL for one in records):
            raise _missing("protocol numbers of addresses (IFA_PROTO, Linux 5.18 and later)")
    try:
        nftables.run(_RULESET)
    except KernelError as error:
        if error.errno in _BUSY:
            raise
        raise _missing("nftables with NAT, maps, ct and fib in the inet family") from error


def _try(rt: NetlinkSocket, what: str, message: bytes) -> None:
    (ack,) = rt.batch([message])
    if ack.errno in _BUSY:
        raise refused(ack.errno, ack.text, "to try what this kernel can do")
    if ack.errno:
        raise _missing(f"{what}: {os.strerror(ack.errno)}")


def _missing(what: str) -> HostError:
    return HostError("missing-feature", f"this kernel lacks {what}; load the module or use a newer kernel")
