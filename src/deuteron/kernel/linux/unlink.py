"""A group of steps that remove links."""

from __future__ import annotations

import errno
from collections import Counter, defaultdict
from contextlib import suppress
from typing import NamedTuple

from deuteron.errors import KernelError
from deuteron.kernel.linux.batch import Failure, described, is_removal, refusal
from deuteron.kernel.linux.messages import GONE, Link, place
from deuteron.kernel.linux.netlink import link
from deuteron.kernel.linux.removal import remove_links
from deuteron.kernel.linux.space import Space, Spaces
from deuteron.objects import Delete, Step, Veth
from deuteron.objects.ownership import owner_of


class _End(NamedTuple):
    space: Space
    ifindex: int


class _Member(NamedTuple):
    position: int
    step: Delete
    ends: tuple[_End, ...]


class Unlinking:
    """Links to be removed, by few messages.

    A pair goes with either of its ends, so the ends are taken where most of them are together:
    those of a router, whose outer ends are in several namespaces, in the router's own.
    """

    def __init__(self, spaces: Spaces) -> None:
        self._spaces = spaces
        self._members: list[_Member] = []

    def takes(self, step: Step) -> bool:
        """Whether ``step`` may join."""
        return is_removal(step)

    def add(self, position: int, step: Step) -> None:
        """Put the step in.

        Raises:
            KernelError: ``foreign-link``, or the look at it was refused.
        """
        if not isinstance(step, Delete) or not isinstance(step.object, Link):
            raise TypeError("a removal of a link is wanted here")
        try:
            ends = self._find(step.object)
        except KernelError as error:
            if error.errno not in GONE:
                raise described(error, step) from error
            ends = ()
        self._members.append(_Member(position, step, ends))

    def _find(self, gone: Link) -> tuple[_End, ...]:
        """The ends by which it can be removed, the outer one first."""
        space = self._spaces.get(gone.netns)
        space.index.pop(gone.name, None)
        record = link.parse_link(space.rt.request(link.get_link(gone.name)))
        if owner_of(record.alias) is None:
            message = f"the link {gone.name} of {place(gone.netns)} is not ours; rename or remove it"
            raise KernelError("foreign-link", message, errno.EPERM)
        outer = _End(space, record.index)
        peer = self._find_peer(gone, record) if isinstance(gone, Veth) else None
        return (outer, peer) if peer is not None else (outer,)

    def _find_peer(self, gone: Veth, outer: link.LinkRecord) -> _End | None:
        """The other end, where it is certain to be the one that the step tells of."""
        # What is to be made again in the place of a link must not meet the index of the old one.
        with suppress(KernelError):  # out of reach: the outer end will do
            space = self._spaces.get(gone.peer_netns)
            space.index.pop(gone.peer_name, None)
            record = link.parse_link(space.rt.request(link.get_link(gone.peer_name)))
            away = record.peer_nsid is not None and outer.peer_nsid is not None
            same = (record.index, record.peer_index) == (outer.peer_index, outer.index)
            if away and same and record.alias == outer.alias:
                return _End(space, record.index)
        return None

    def send(self, done: list[bool]) -> Failure:
        """Remove all; mark what is done, and tell the first failure."""
        chosen: defaultdict[Space, dict[int, _Member]] = defaultdict(dict)
        company = Counter(end.space for member in self._members for end in member.ends)
        for member in self._members:
            if member.ends:
                end = max(member.ends, key=lambda end: company[end.space])
                chosen[end.space][end.ifindex] = member
        errors: dict[int, KernelError] = {}
        for space, members in chosen.items():
            errors |= self._remove(space, members)
        for member in self._members:
            done[member.position] = member.position not in errors
        first = min(errors, default=None)
        return (first, errors[first]) if first is not None else (None, None)

    def _remove(self, space: Space, members: dict[int, _Member]) -> dict[int, KernelError]:
        try:
            acks = remove_links(self._spaces, space, members)
        except KernelError as error:
            return {member.position: described(error, member.step) for member in members.values()}
        return {
            members[index].position: refusal(ack, members[index].step)
            for index, ack in acks.items()
            if ack.errno and ack.errno not in GONE
        }
