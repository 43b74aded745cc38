"""A group of steps that netlink messages do: all in one namespace, or all of one class."""

from __future__ import annotations

import errno
from collections import defaultdict
from typing import Final, NamedTuple

from deuteron.errors import KernelError
from deuteron.kernel.linux import messages
from deuteron.kernel.linux.messages import GONE, Round
from deuteron.kernel.linux.netlink import link, neighbour
from deuteron.kernel.linux.netlink.errors import code_of, refused
from deuteron.kernel.linux.netlink.socket import Ack
from deuteron.kernel.linux.space import Space, Spaces
from deuteron.objects import (
    Bridge,
    Create,
    Delete,
    Fdb,
    Neighbour,
    NeighbourProxy,
    Netns,
    NftElement,
    NftTable,
    Run,
    Step,
    Sysctl,
    Tap,
    Update,
    Veth,
)
from deuteron.reconcile.words import describe

Failure = tuple[int | None, KernelError | None]

#: Steps of one class need nothing of each other across namespaces, so that each namespace's
#: share of them can be one batch: links; what sits on links; links going up; routing.
_CLASSES: Final = {
    "link": 0,
    "address": 1,
    "neighbour": 1,
    "proxy": 1,
    "fdb": 1,
    "up": 2,
    "rule": 3,
    "route": 3,
    "netns": 4,
}


class _Member:
    """A step of the group.

    Attributes:
        position: among all steps.
        error: why it failed.
        passed: how many of its rounds were done.
        unknown: whether an answer was lost: it may be done.
        settled: nothing of it is left to be sent.
    """

    def __init__(self, position: int, step: Create | Delete | Update, rounds: list[Round]) -> None:
        self.position = position
        self.step = step
        self.rounds = rounds
        self.error: KernelError | None = None
        self.passed = 0
        self.unknown = False
        self.settled = False


class _Sent(NamedTuple):
    member: _Member
    data: bytes


class Group:
    """Steps whose messages share batches."""

    def __init__(self, spaces: Spaces) -> None:
        self._namespaces: set[str] = set()
        self._classes: set[int] = set()
        self._spaces = spaces
        self._members: list[_Member] = []

    def takes(self, step: Step) -> bool:
        """Whether ``step`` may join."""
        match step:
            case Run() | Create(object=Netns() | Tap()) | Delete(object=Netns() | Bridge() | Veth() | Tap()):
                return False
            case Create(object=thing) | Delete(object=thing) | Update(new=thing):
                if isinstance(thing, Sysctl | NftTable | NftElement):
                    return False
                kind, netns = thing.key[:2]
                one_place = self._namespaces <= {netns}
                one_class = self._classes <= {_CLASSES[kind]}
                return one_place or one_class

    def add(self, position: int, step: Step) -> None:
        """Put the step in.

        Raises:
            KernelError: it cannot be done; earlier members are still to be sent.
        """
        if isinstance(step, Run):
            raise TypeError("an action is no message")
        kind, netns = (step.new if isinstance(step, Update) else step.object).key[:2]
        self._namespaces.add(netns)
        self._classes.add(_CLASSES[kind])
        self._members.append(_Member(position, step, self._build(step)))

    def _build(self, step: Create | Delete | Update) -> list[Round]:
        try:
            return self._rounds(step)
        except KernelError as error:
            if error.errno not in GONE:
                raise described(error, step) from error
        # A link that an earlier step of this group makes is not there yet.
        self._send_members()
        for member in self._members:
            if member.error is not None:
                raise member.error
        try:
            return self._rounds(step)
        except KernelError as error:
            if isinstance(step, Delete) and error.errno in GONE:
                return []
            raise described(error, step) from error

    def _rounds(self, step: Create | Delete | Update) -> list[Round]:
        match step:
            case Create(object=made):
                if isinstance(made, NeighbourProxy):
                    self._refuse_second_proxy(made)
                return messages.create(made, self._spaces.get)
            case Delete(object=gone):
                return messages.delete(gone, self._spaces.get)
            case Update(old=old, new=new):
                return messages.update(old, new, self._spaces.get)

    def _refuse_second_proxy(self, made: NeighbourProxy) -> None:
        """The kernel takes a second one silently, and makes a foreign one ours by that."""
        space = self._spaces.get(made.netns)
        index = space.look_up(made.dev)
        entries = map(neighbour.parse_neighbour, space.rt.dump(neighbour.dump_neighbours(proxy=True)))
        if any((entry.index, entry.address) == (index, made.address) for entry in entries):
            raise refusal(Ack(errno.EEXIST), Create(made))

    def send(self, done: list[bool]) -> Failure:
        """Send all; mark what is done, and tell the first failure."""
        self._send_members()
        first: _Member | None = None
        for member in self._members:
            done[member.position] = member.error is None
            if member.error is not None and first is None:
                first = member
        return (first.position, first.error) if first is not None else (None, None)

    def _send_members(self) -> None:
        rounds = max((len(member.rounds) for member in self._members), default=0)
        for number in range(rounds):
            self._send_round(number)
        for member in self._members:
            if member.error is not None and not member.settled:
                member.error = self._clean_up(member, member.error)
            member.rounds, member.settled = [], True

    def _send_round(self, number: int) -> None:
        batches: defaultdict[Space, list[_Sent]] = defaultdict(list)
        for member in self._members:
            if member.error is None and number < len(member.rounds):
                for space, data in member.rounds[number]:
                    batches[space].append(_Sent(member, data))
        for space, sent in batches.items():
            self._send_batch(space, sent, number)

    def _send_batch(self, space: Space, sent: list[_Sent], number: int) -> None:
        try:
            acks = space.rt.batch([one.data for one in sent])
        except KernelError as error:
            for member, _data in sent:
                member.error = member.error or described(error, member.step)
                member.unknown = True
            return
        for (member, _data), ack in zip(sent, acks, strict=True):
            self._hear(member, ack)
        for member in {id(one.member): one.member for one in sent}.values():
            member.passed = number + (member.error is None)

    def _hear(self, member: _Member, ack: Ack) -> None:
        try:
            if ack.errno and not self._forgiven(member, ack.errno):
                member.error = member.error or refusal(ack, member.step)
        except KernelError as error:  # of a second look at what is there
            member.error = member.error or described(error, member.step)

    def _forgiven(self, member: _Member, number: int) -> bool:
        if isinstance(member.step, Delete):
            # EOPNOTSUPP: the link is no bridge's member any more, and with that its entries went.
            unplugged = isinstance(member.step.object, Fdb) and number == errno.EOPNOTSUPP
            return number in GONE or unplugged
        if number != errno.EEXIST or not isinstance(member.step, Create):
            return False
        made = member.step.object
        return isinstance(made, Neighbour) and self._took_learnt(made)

    def _took_learnt(self, made: Neighbour) -> bool:
        """Whether it was an entry that the kernel had learnt by itself, whose place ours has taken."""
        space = self._spaces.get(made.netns)
        index = space.look_up(made.dev)
        entries = map(neighbour.parse_neighbour, space.rt.dump(neighbour.dump_neighbours(index=index)))
        if any(entry.address == made.address and entry.permanent for entry in entries):
            return False
        (ack,) = space.rt.batch([messages.replace_neighbour(made, space).data])
        return not ack.errno

    def _clean_up(self, member: _Member, failure: KernelError) -> KernelError:
        """Leave nothing half made of a step that failed; the failure, and what went wrong at that."""
        try:
            self._unmake_half(member)
        except KernelError as error:
            sentence = f"{failure.message}; what was half made is left: {error.message}"
            return KernelError(failure.code, sentence, failure.errno)
        return failure

    def _unmake_half(self, member: _Member) -> None:
        match member.step:
            case Create(object=Bridge() | Veth() as made):
                there = member.passed > 0 or (member.unknown and self._appeared(made))
                self._unmake(made, there=there)
            case Update(old=Bridge() | Veth() | Tap() as old, new=new):
                # What was changed goes back; what was not refuses nothing by being set again.
                for one in messages.update(new, old, self._spaces.get):
                    for message in one:
                        message.space.rt.batch([message.data])
            case _:
                pass

    def _appeared(self, made: Bridge | Veth) -> bool:
        """Whether the link there is the one that was just made: with our MAC address, not marked yet."""
        space = self._spaces.get(made.netns)
        try:
            record = link.parse_link(space.rt.request(link.get_link(made.name)))
        except KernelError as error:
            if error.errno in GONE:
                return False
            raise
        return record.mac == made.mac and not record.alias

    def _unmake(self, made: Bridge | Veth, *, there: bool) -> None:
        space = self._spaces.get(made.netns)
        target = space.target(made.name)
        messages.forget(made, self._spaces.get)
        if there:
            space.rt.batch([link.delete_link(target)])


def is_removal(step: Step) -> bool:
    """Whether a step removes a link."""
    return isinstance(step, Delete) and isinstance(step.object, messages.Link)


def doing(step: Create | Delete | Update) -> str:
    """What a step does, for a sentence."""
    match step:
        case Create(object=thing):
            return f"to make {describe(thing)}"
        case Delete(object=thing):
            return f"to remove {describe(thing)}"
        case Update(new=thing):
            return f"to change {describe(thing)}"


def refusal(ack: Ack, step: Create | Delete | Update) -> KernelError:
    """The error for a refused message of a step."""
    if ack.errno == errno.EEXIST and isinstance(step, Create) and isinstance(step.object, messages.Link):
        message = f"{step.object} cannot be made, another link has its name or altname; rename or remove that"
        return KernelError("foreign-name", message, ack.errno)
    return refused(ack.errno, ack.text, doing(step))


def described(error: KernelError, step: Create | Delete | Update) -> KernelError:
    """The same error with the step it befell."""
    return refusal(Ack(error.errno), step) if error.code == code_of(error.errno) else error
