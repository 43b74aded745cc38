"""Which flows are open on the real kernel: a volley of first packets from everywhere to everywhere.

All frames are built once; a volley is sent and what comes in is collected until nothing more does.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from tests.packets.probe import Ears, Place, Stage, fresh
from tests.packets.reference import FAR4, FAR6, INTERNET, TENANTS
from tests.packets.shapes import echo4, echo6, four, six
from tests.packets.stages import Stages

#: Seconds without a frame after which a volley is over.
_QUIET: Final = 0.05

_VOLLEYS, _IDLE = 200, 12

_FAR: Final = {ip_address(each).packed for each in (FAR4, FAR6, "203.0.113.1", "2001:db8:e::1")}

#: From which stage, as whom to whom, and the namespace where it was seen.
OpenFlow = tuple[str, str, str]


class RealFlows:
    """The flows of a reference host on the real kernel."""

    def __init__(self, stages: Stages) -> None:
        self.ears: Ears = stages.ears
        self.ours = stages.ours
        self.site = stages.ground.site
        self.wanted = self.site.wanted
        self.kernel = self.site.kernel
        self._volley: list[tuple[Place, bytes]] = []
        self._names: dict[bytes, tuple[str, str]] = {}
        for stage in stages.made.values():
            for source, target in _pairs(stage):
                self._add(stage, source, target)

    def open(self) -> set[OpenFlow]:
        """Those that get to somebody, or are answered; an ICMP error is no answer."""
        self.ears.forget()
        for place, frame in self._volley:
            self.ears.send(place, [frame])
        found = set()
        for heard in self.ears.hear(_QUIET):
            name = self._names.get(heard.raw[-24:])
            if name is None or heard.source_mac not in self.ours or _is_error(heard.raw):
                continue
            if heard.ear[0] != INTERNET or _is_for_the_internet(heard.raw):
                found.add((*name, heard.ear[0]))
        return found

    def settled(self) -> set[OpenFlow]:
        """All flows that are open: volleys until several in a row bring nothing new.

        The first ones wait for neighbours, and limits on pings and solicitations let some through at a time.
        """
        found: set[OpenFlow] = set()
        idle = 0
        for _ in range(_VOLLEYS):
            new = self.open() - found
            found |= new
            idle = 0 if new else idle + 1
            if idle == _IDLE:
                return found
        raise AssertionError("the open flows do not settle")

    def site_is_as_wanted(self) -> bool:
        """Whether all that was taken away is back."""
        return self.site.remaining() == []

    def _add(self, stage: Stage, source: str, target: str) -> None:
        makers = (six, echo6) if ":" in target else (four, echo4)
        for make in makers:
            shot = fresh(stage)
            self._names[shot.token] = (stage.name, f"{make.__name__} {source} > {target}")
            self._volley.append((stage.me, bytes(make(shot, source, target))))


def _pairs(stage: Stage) -> Iterator[tuple[str, str]]:
    targets = [FAR4, FAR6]
    for each in TENANTS:
        targets += [each.v4(1), each.v4(5), each.v4(6), each.v6(1), each.v6(5), each.v6(6)]
        targets += [each.floating, each.gateway, each.gateway6]
    for target in targets:
        yield (stage.ip6 if ":" in target else stage.ip4), target
    for target in (FAR4, stage.floating4 or FAR4):
        yield "192.0.2.200", target
        yield stage.other4, target
    for source in ("2001:db8:99::1", stage.other6):
        yield source, FAR6


def _is_for_the_internet(raw: bytes) -> bool:
    """Addressed to it, and not merely on a way through it; or with an address that must not get there."""
    if raw[12:14] == b"\x08\x00":
        return raw[26] == 10 or raw[30:34] in _FAR
    return raw[38:54] in _FAR


def _is_error(raw: bytes) -> bool:
    """An ICMP or ICMPv6 error, or a redirect."""
    if raw[12:14] == b"\x08\x00":
        return raw[23] == 1 and raw[34] in (3, 4, 5, 11, 12)
    return raw[20] == 58 and (raw[54] < 128 or raw[54] == 137)
