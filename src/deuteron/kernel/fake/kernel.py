"""The kernel protocol on values instead of a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from errno import ENETDOWN

from deuteron import locks
from deuteron.errors import KernelError
from deuteron.kernel.fake import addressing, links, nft, routing, sysctls
from deuteron.kernel.fake import observe as looking
from deuteron.kernel.fake import trace as tracing
from deuteron.kernel.fake.conntrack import belongs_to
from deuteron.kernel.fake.faults import Fault
from deuteron.kernel.fake.operations import create, delete, update
from deuteron.kernel.fake.others import Others
from deuteron.kernel.fake.packet import Packet, Trace
from deuteron.kernel.fake.state import Namespace, State, refusal
from deuteron.kernel.protocol import Outcome, namespaces_written
from deuteron.objects import Announce, Create, Delete, FlushFlows, Look, Observed, Run, Step, Update

#: The files that register what they do for their kinds of objects.
KINDS = (addressing, links, routing, sysctls)


class FakeKernel(Others):
    """Executes the same steps as the real kernel, with its semantics, in memory.

    Attributes:
        state: everything there is.
        announced: the announcements that were sent, in order.
        log: the steps whose effect is in the state, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.announced: list[Announce] = []
        self.log: list[Step] = []
        self._faults: list[Fault] = []

    def observe(self, look: Look) -> Observed:
        """See :meth:`deuteron.kernel.protocol.Kernel.observe`."""
        fault = self._strike(None)
        if fault is not None:
            raise fault.error()
        return looking.observe(self.state, look)

    def run(self, steps: Sequence[Step]) -> Outcome:
        """See :meth:`deuteron.kernel.protocol.Kernel.run`."""
        locks.wrote(lambda: namespaces_written(steps))
        done = [False] * len(steps)
        at = 0
        while at < len(steps):
            end = _batch_end(steps, at)
            failure = self._batch(steps[at:end])
            if failure is not None:
                return Outcome(done=tuple(done), failed=at + failure[0], error=failure[1])
            done[at:end] = [True] * (end - at)
            self.log.extend(steps[at:end])
            at = end
        return Outcome(done=tuple(done))

    def close(self) -> None:
        """Nothing is held."""

    def fail(self, at: int | str, errno: int, times: int = 1, *, effect: bool = False) -> None:
        """Let a later step be refused, or its answer be lost.

        Args:
            at: a number: so many steps pass before it; a word: the next step of that kind,
                ``create``, ``address`` or ``create address`` (``observe``: a look).
            errno: the kernel's answer.
            times: how many steps of the kind, or in a row.
            effect: the step happens, with all of its transaction, and nobody is told: the answer
                is ``kernel-timeout`` and ETIMEDOUT, whatever ``errno`` says.
        """
        self._faults.append(Fault(at, errno, times, effect))

    def forgive(self) -> None:
        """Let none of the faults to come strike."""
        self._faults.clear()

    def assert_consumed(self) -> None:
        """That every fault has struck as often as it was to."""
        left = [fault for fault in self._faults if fault.times]
        if left:
            raise AssertionError(f"faults that never struck: {left}")

    def snapshot(self) -> dict[str, Namespace]:
        """All there is but tracked connections, as a value to compare."""
        return deepcopy(self.state.namespaces)

    def trace(self, packet: Packet) -> Trace:
        """Send a packet and say what becomes of it; the connections it makes stay."""
        return tracing.trace(self, packet)

    def reply(self, answered: Trace) -> Trace:
        """Send the answer to a packet that was delivered."""
        return tracing.reply(self, answered)

    def _batch(self, steps: Sequence[Step]) -> tuple[int, KernelError] | None:
        """One step, or one nftables transaction."""
        lost: tuple[int, KernelError] | None = None
        for number, step in enumerate(steps):
            fault = self._strike(step)
            if fault is None:
                continue
            if not fault.effect:
                return number, fault.error()
            lost = lost or (number, fault.error())
        refused = self._have_effect(steps)
        if refused is None and lost is not None:
            self.log.extend(steps)
        return refused or lost

    def _have_effect(self, steps: Sequence[Step]) -> tuple[int, KernelError] | None:
        netns = nft.touches(steps[0])
        if netns is not None:
            return nft.commit(self.state, netns, steps)
        try:
            self._one(steps[0])
        except KernelError as error:
            return 0, error
        return None

    def _one(self, step: Step) -> None:
        match step:
            case Create(object=wanted):
                create(wanted, self.state)
            case Delete(object=gone):
                delete(gone, self.state)
            case Update(old=old, new=new):
                update(new, old, self.state)
            case Run(action=Announce() as action):
                _check_announce(self.state, action)
                self.announced.append(action)
            case Run(action=FlushFlows(netns=netns, address=address)):
                namespace = self.state.namespace(netns)
                namespace.flows = [flow for flow in namespace.flows if not belongs_to(flow, address)]

    def _strike(self, step: Step | None) -> Fault | None:
        # Every fault counts every step, so none of them may be passed over.
        struck = [fault for fault in self._faults if fault.strikes(step)]
        return struck[0] if struck else None


def _batch_end(steps: Sequence[Step], start: int) -> int:
    netns = nft.touches(steps[start])
    end = start + 1
    while netns is not None and end < len(steps) and nft.touches(steps[end]) == netns:
        end += 1
    return end


def _check_announce(state: State, action: Announce) -> None:
    if not state.link(action.netns, action.dev).up:
        raise refusal(ENETDOWN, "the link to announce on is not up")
