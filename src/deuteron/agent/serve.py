"""A host that follows its view: parts come, only what they touch is compiled, looked at and changed.

::

    Part -> Model.change: the units that become other     (compiles these)
         -> prepare_remembered: entries alone differ: no look, the kernel and the watch confirm
            prepare_changes: a look at their namespaces   (at everything, where that does not decide)
         -> change: journal, apply, read back, record     (the one road of every verb that writes)
         -> Report: what became of each unit

What is committed in the state directory is the view as it last came to rest: writing a view of
1,000 routers for each floating IP would cost more than the floating IP.  The journal has each change
before it is made, and what a crash leaves between two rests is found by a look at everything: a start
begins with it, or has the watch begin it and follows the API meanwhile (:mod:`deuteron.agent.resume`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

from deuteron.agent.change import Changed
from deuteron.agent.items import device_items, floating_items, item_of, items_of
from deuteron.agent.model import Model, UnitChange, homes
from deuteron.agent.narrow import prepare_changes
from deuteron.agent.remembered import prepare_remembered
from deuteron.agent.resume import SOURCE, believed
from deuteron.apply.engine import Prepared
from deuteron.apply.result import Reporter, Result, Silent, UnitResult
from deuteron.domain import FieldError, HostView
from deuteron.errors import InputError
from deuteron.feed.part import Part, difference
from deuteron.feed.wire import Item
from deuteron.heap import give_back
from deuteron.kernel.protocol import Kernel
from deuteron.objects import Wanted
from deuteron.state.directory import State
from deuteron.state.journal import Target


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one view or part.

    Attributes:
        revision: of it.
        items: the units that it touched, and what the kernel has of them now.
        result: the same as the engine tells it; ``None`` where nothing was to be done.
        unconfirmed: namespaces that were written to and not looked at: for the watch.
        changes: the units that are to be other than before; of a first view nothing is said here.
    """

    revision: int
    items: tuple[Item, ...]
    result: Result | None = None
    unconfirmed: frozenset[str] = frozenset()
    changes: tuple[UnitChange, ...] = ()


class Changer(Protocol):
    """Brings the host to a target."""

    def __call__(
        self,
        target: Target,
        wanted: Wanted,
        *,
        reporter: Callable[[Prepared], Reporter],
        planned: Callable[[], Prepared] | None,
        whole: bool,
        confirm: bool = True,
    ) -> Changed:
        """See :func:`deuteron.agent.change.change`."""
        ...


class _Made(NamedTuple):
    """A change, and the namespaces that it wrote to without looking at them."""

    changed: Changed
    unconfirmed: frozenset[str]


class Follower:
    """Brings a host from view to view.

    Args:
        kernel: looks; ``change`` applies by it.
        state: held by this process, and so is the host.
        change: :func:`deuteron.agent.change.change` with its kernels and its state.
        bridges: the host's bridges that views may name (``--bridge-mapping``); the API, which
            anybody may speak to, does not choose them.
        place: see :func:`deuteron.agent.resume.here`; "": every start begins with a look at everything.

    Attributes:
        change: as given.
        revision: of the view that it has come to.
    """

    def __init__(
        self, kernel: Kernel, state: State, change: Changer, bridges: Collection[str], place: str = ""
    ) -> None:
        self._kernel = kernel
        self._state = state
        self.change = change
        self._bridges = frozenset(bridges)
        self._place = place
        self._fresh = True
        self._model: Model | None = None
        self._target: Target | None = None
        self._resting = True
        self.revision = 0

    @property
    def model(self) -> Model:
        """What the host is to have; there is none before the first view."""
        if self._model is None:
            raise RuntimeError("no view has come yet")
        return self._model

    @property
    def target(self) -> Target:
        """What is committed, or going to be: for a watch that mends."""
        if self._target is None:
            raise RuntimeError("no view has come yet")
        return self._target

    def resume(
        self,
        revision: int,
        view: HostView,
        reporter: Callable[[Prepared], Reporter] = lambda _prepared: Silent(),
        ready: Callable[[Model], None] = lambda _model: None,
    ) -> Report | None:
        """Bring the host to a view from what it most likely has; who asks for it looks at everything after.

        Args:
            revision: of the view.
            view: all of it.
            reporter: told of each unit.
            ready: told what is taken for there, which follows the report's changes from then on.

        Returns:
            ``None`` where only :meth:`begin` will do, as after a first try that failed.

        Raises:
            DeuteronError: as :meth:`begin`.
        """
        fresh, self._fresh = self._fresh, False
        before = believed(self._state, self._place, view.host) if fresh else None
        if before is None:
            return None
        self._check(view)
        model, waiting = Model(before), [one.unit for one in self._state.quarantine()]
        target = Target(verb="apply", view=before, source=SOURCE, at=self._state.clock())
        self._model, self._target = model, target
        ready(model)
        part = difference(before, view)
        changes = self._taken(part)
        named = {one.name for one in changes}
        again = (model.unit(name) for name in waiting if name not in named)
        changes += tuple(UnitChange(name=one.name, before=one, after=one) for one in again if one is not None)
        self.revision, self._resting = revision, part == Part()
        report = self._report(revision, changes, part, reporter, None)
        give_back()
        return report

    def begin(
        self,
        revision: int,
        view: HostView,
        reporter: Callable[[Prepared], Reporter] = lambda _prepared: Silent(),
        ready: Callable[[Model], None] = lambda _model: None,
    ) -> Report:
        """Bring the host to a view, by a look at everything.

        Args:
            revision: of the view.
            view: all of it.
            reporter: told of each unit.
            ready: told what is going to be wanted, before the look: who hears of changes from then on
                misses none.

        Raises:
            InputError: the view is not acceptable (``feed-bad-view``, ``feed-foreign-bridge``, or it does
                not compile); nothing is changed.
            DeuteronError: as :func:`deuteron.agent.change.change`.
        """
        self._check(view)
        model = Model(view)
        target = Target(verb="apply", view=view, source=SOURCE, at=self._state.clock())
        # A change that fails is begun again by who asked for it; until then a watch mends towards this one.
        self._model, self._target = model, target
        ready(model)
        changed = self.change(target, model.wanted, reporter=reporter, planned=None, whole=True, confirm=True)
        self.revision, self._resting, self._fresh = revision, True, False
        self._state.note_look(self._place)
        items = items_of(changed, model.told(), wanted=model)
        items += floating_items(items, view.floating_ips) + device_items(items, model)
        result = changed.result
        del changed  # what was looked at, planned and written down: tens of megabytes
        give_back()
        return Report(revision=revision, items=items, result=result)

    def take(
        self,
        revision: int,
        view: HostView,
        reporter: Callable[[Prepared], Reporter] = lambda _prepared: Silent(),
        held: Collection[str] = (),
    ) -> Report:
        """Bring the host to a view: the first by :meth:`begin`, later ones by the part that leads there.

        Raises:
            DeuteronError: as these.
        """
        if self._model is None:
            return self.begin(revision, view, reporter)
        if view.host != self._model.view.host:
            raise InputError(
                "feed-bad-view", "the API tells of another host than before; restart deuteron serve"
            )
        return self.follow(revision, difference(self.model.view, view), reporter, held)

    def follow(
        self,
        revision: int,
        part: Part,
        reporter: Callable[[Prepared], Reporter] = lambda _prepared: Silent(),
        held: Collection[str] = (),
    ) -> Report:
        """Bring the host from its view to the next one, by a look at what the part touches.

        Args:
            revision: of the view that the part leads to.
            part: what differs.
            reporter: told of each unit.
            held: units that wait in quarantine; one that the part touches is tried again.

        Raises:
            InputError: the part is not acceptable (``feed-bad-view``, ``feed-foreign-bridge``, or it does
                not compile); nothing is changed.
            DeuteronError: as :func:`deuteron.agent.change.change`.
        """
        self._check(part)
        changes = self._taken(part)
        self.revision, self._resting = revision, False
        return self._report(revision, changes, part, reporter, frozenset(held))

    def _taken(self, part: Part) -> tuple[UnitChange, ...]:
        try:
            return self.model.change(part)
        except FieldError as error:
            raise _bad_view(error) from error

    def _report(
        self,
        revision: int,
        changes: tuple[UnitChange, ...],
        part: Part,
        reporter: Callable[[Prepared], Reporter],
        held: frozenset[str] | None,
    ) -> Report:
        """Make the changes that were taken over; ``held`` is ``None`` where all is to be looked at before."""
        if not changes:
            return Report(revision=revision, items=())
        made = self._make(changes, reporter, held)
        model = self.model
        items = items_of(made.changed, [one.name for one in changes], wanted=model)
        items += floating_items(items, part.floating_ips) + device_items(items, model, model.holders(part))
        result, unconfirmed = made.changed.result, made.unconfirmed
        return Report(revision=revision, items=items, result=result, unconfirmed=unconfirmed, changes=changes)

    def _make(
        self,
        changes: Sequence[UnitChange],
        reporter: Callable[[Prepared], Reporter],
        held: frozenset[str] | None,
    ) -> _Made:
        # What an unfinished change has left is recovered first, and the look is of after that.
        if self._state.intents():
            return self._looking(None, reporter)
        if held is None:
            return self._looking(prepare_changes(self._kernel, self.model, changes), reporter)
        mine = frozenset(one.name for one in changes)
        if not mine & held and (remembered := prepare_remembered(changes)) is not None:
            changed = self._run(remembered, reporter, confirm=False)
            if changed.result.ok:
                written = frozenset(netns for one in changes for netns in homes(one.after))
                return _Made(changed, written)
        return self._looking(prepare_changes(self._kernel, self.model, changes, held - mine), reporter)

    def _looking(self, prepared: Prepared | None, reporter: Callable[[Prepared], Reporter]) -> _Made:
        return _Made(self._run(prepared, reporter, confirm=True), frozenset())

    def _run(
        self, prepared: Prepared | None, reporter: Callable[[Prepared], Reporter], *, confirm: bool
    ) -> Changed:
        return self.change(
            self.target,
            self.model.wanted,
            reporter=reporter,
            planned=None if prepared is None else lambda: prepared,
            whole=prepared is None,
            confirm=confirm,
        )

    def became(self, units: Sequence[UnitResult]) -> tuple[Item, ...]:
        """What the kernel has of units that a watch has mended, or could not mend."""
        items = tuple(item_of(one.unit, one, None, None, self.model) for one in units)
        return items + floating_items(items, self.model.view.floating_ips) + device_items(items, self.model)

    def everything(self, but: Collection[str]) -> tuple[Item, ...]:
        """What the kernel has of all units, after a look at everything.

        Args:
            but: units that are not as wanted, which was told.
        """
        refused = {one.unit: one.code for one in self.model.wanted.refused}
        names = dict.fromkeys([*self.model.told(), *refused])
        items = tuple(
            item_of(name, None, None, refused.get(name), self.model) for name in names if name not in but
        )
        return items + floating_items(items, self.model.view.floating_ips) + device_items(items, self.model)

    def rest(self) -> None:
        """Write down the view as the committed one; to be called when nothing comes for a moment.

        Raises:
            HostError: the disk or the database refuses.
            FieldError: the parts have led to what is no view.
        """
        if self._resting:
            return
        target = msgspec.structs.replace(self.target, view=self.model.view, at=_now(self._state))
        self._state.commit(_viewed(target), target.source)
        self._target, self._resting = target, True
        give_back()

    def _check(self, told: HostView | Part) -> None:
        """Refuse what nobody but this host's operator decides: the other process may be anybody's."""
        for network in told.networks:
            if network.bridge and network.bridge not in self._bridges:
                raise InputError(
                    "feed-foreign-bridge",
                    f"the API asks for the bridge {network.bridge}, which is in no --bridge-mapping of this"
                    " host; add it there, or take it out of the network",
                )
        if told.overrides:
            raise InputError(
                "feed-foreign-policy",
                "the API asks for another host policy, which is for the operator alone to decide"
                " (the key policy of the configuration); find out what has become of its process",
            )


def _now(state: State) -> datetime:
    return state.clock()


def _viewed(target: Target) -> HostView:
    if target.view is None:
        raise RuntimeError("a follower has a view")
    return target.view


def _bad_view(error: FieldError) -> InputError:
    place = f" ({error.kind} {error.entry})" if error.kind else ""
    return InputError(
        "feed-bad-view",
        f"what the API asks of this host does not fit together: {error}{place}; mend that there",
    )
