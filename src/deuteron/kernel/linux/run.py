"""Running steps: grouped into netlink batches, nft transactions, settings and single operations.

Steps of one kind of channel that follow one another are a group.  In a netlink group the
kernel works on all messages even where one is refused, so what comes after the failed step
in its group may be done, and is reported as done.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence

from deuteron.errors import KernelError
from deuteron.kernel.linux import messages
from deuteron.kernel.linux.announce import Announcer, frames_of
from deuteron.kernel.linux.batch import Group, described, is_removal, refusal
from deuteron.kernel.linux.lifecycle import Lifecycle
from deuteron.kernel.linux.netlink import link
from deuteron.kernel.linux.netlink.conntrack import flush_flows
from deuteron.kernel.linux.netlink.errors import refused
from deuteron.kernel.linux.netlink.socket import NETLINK_NETFILTER, Ack, NetlinkSocket
from deuteron.kernel.linux.nft import Nftables
from deuteron.kernel.linux.settings import Settings
from deuteron.kernel.linux.space import Space, Spaces
from deuteron.kernel.linux.tap import new_tap
from deuteron.kernel.linux.transaction import Transaction
from deuteron.kernel.linux.unlink import Unlinking
from deuteron.kernel.protocol import Outcome
from deuteron.objects import (
    Announce,
    Create,
    Delete,
    FlushFlows,
    KernelObject,
    Netns,
    NftElement,
    NftTable,
    Run,
    Step,
    Sysctl,
    Tap,
    Update,
)


class Runner:
    """Runs steps by the sockets of ``spaces``; on the worker's thread."""

    def __init__(
        self,
        spaces: Spaces,
        nftables: Callable[[], Nftables],
        announcer: Announcer,
        lifecycle: Lifecycle,
    ) -> None:
        self._spaces = spaces
        self._nftables = nftables
        self._announcer = announcer
        self._lifecycle = lifecycle

    def run(self, steps: Sequence[Step]) -> Outcome:
        """See :meth:`deuteron.kernel.protocol.Kernel.run`."""
        self._spaces.begin()
        done = [False] * len(steps)
        group: Group | Transaction | Settings | Unlinking | None = None
        for position, step in enumerate(steps):
            if group is not None and not group.takes(step):
                if (outcome := self._finish(group, done)) is not None:
                    return outcome
                group = None
            try:
                group = group or self._group_for(step)
                if group is not None:
                    group.add(position, step)
                else:
                    self._alone(step)
                    done[position] = True
            except KernelError as error:
                before = self._finish(group, done) if group is not None else None
                return before or Outcome(done=tuple(done), failed=position, error=error)
        outcome = self._finish(group, done) if group is not None else None
        return outcome or Outcome(done=tuple(done))

    def _finish(self, group: Group | Transaction | Settings | Unlinking, done: list[bool]) -> Outcome | None:
        """Send what the group holds; the outcome of the whole where something failed."""
        failed, error = group.send(done)
        return Outcome(done=tuple(done), failed=failed, error=error) if error is not None else None

    def _group_for(self, step: Step) -> Group | Transaction | Settings | Unlinking | None:
        thing = subject(step)
        if thing is None or is_alone(step):
            return None
        if isinstance(thing, Sysctl):
            return Settings(thing.netns, self._spaces)
        if isinstance(thing, NftTable | NftElement):
            return Transaction(thing.netns, self._spaces, self._nftables)
        return Unlinking(self._spaces) if is_removal(step) else Group(self._spaces)

    def _alone(self, step: Step) -> None:
        match step:
            case Run(action=Announce() as announce):
                self._announce(announce)
            case Run(action=FlushFlows() as flush):
                self._flush(flush)
            case Create(object=Netns() as made):
                self._lifecycle.create(made)
            case Delete(object=Netns() as gone):
                self._lifecycle.delete(gone)
            case Create(object=Tap() as tap):
                self._create_tap(tap)
            case _:
                raise KernelError("not-possible", "no kernel does this step", errno.EOPNOTSUPP)

    def _create_tap(self, tap: Tap) -> None:
        space = self._spaces.get(tap.netns)
        master = space.look_up(tap.master) if tap.master else None
        self._spaces.enter(space)
        try:
            with new_tap(tap.name):
                self._furnish_tap(tap, space, master)
        except OSError as error:
            if error.filename:
                message = f"{error.filename} cannot be opened ({error.strerror}), which {tap} needs; allow it"
                raise KernelError("no-tun", message, error.errno or 0) from error
            number = errno.EEXIST if error.errno == errno.EBUSY else error.errno or 0
            raise refusal(Ack(number), Create(tap)) from error

    def _furnish_tap(self, tap: Tap, space: Space, master: int | None) -> None:
        rounds = [
            [messages.Message(space, link.set_link(tap.name, mac=tap.mac, mtu=tap.mtu, master=master))],
            messages.marking(tap, self._spaces.get),
        ]
        try:
            acks = space.rt.batch([message.data for one in rounds for message in one])
        except KernelError as error:
            raise described(error, Create(tap)) from error
        for ack in acks:
            if ack.errno:
                raise refusal(ack, Create(tap))

    def _announce(self, what: Announce) -> None:
        space = self._spaces.get(what.netns)
        record = link.parse_link(space.rt.request(link.get_link(what.dev)))
        self._spaces.enter(space)
        try:
            frames = frames_of(what.dev, record.mac, what.address)
            self._announcer.send(what.netns, frames, space.inode)
        except OSError as error:
            doing = f"to announce an address on {what.dev} of {messages.place(what.netns)}"
            raise refused(error.errno or 0, "", doing) from error

    def _flush(self, what: FlushFlows) -> None:
        self._spaces.enter(self._spaces.get(what.netns))
        with NetlinkSocket(NETLINK_NETFILTER, counters=self._spaces.counters) as connection:
            flush_flows(connection, [what.address])


def subject(step: Step) -> KernelObject | None:
    """What a step is about, ``None`` for an action."""
    match step:
        case Create(object=thing) | Delete(object=thing) | Update(new=thing):
            return thing
        case Run():
            return None


def is_alone(step: Step) -> bool:
    """Whether a step needs more than messages: a namespace comes or goes, a tap comes."""
    match step:
        case Create(object=Netns() | Tap()) | Delete(object=Netns()):
            return True
        case _:
            return False
