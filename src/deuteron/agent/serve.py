"""A host that follows its view: parts come, only what they touch is compiled, looked at and changed.

::

    Part -> Model.change: the units that become other     (compiles these)
         -> prepare_remembered: entries alone differ: no look, the kernel and the watch confirm
            prepare_changes: a look at their namespaces   (at everything, where that does not decide)
         -> change: journal, apply, read back, record     (the one road of every verb that writes)
         -> Report: what became of each unit

What is committed in the state directory is the view as it last came to rest: writing a view of
1,000 routers for each floating IP would cost more than the floating IP.  The journal has each change
before it is made, and what a crash leaves between two rests is found by a look at everything, which
every start begins with.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

import msgspec

from deuteron.agent.change import Changed
from deuteron.agent.model import Model, UnitChange, homes
from deuteron.agent.narrow import prepare_changes
from deuteron.agent.remembered import prepare_remembered
from deuteron.apply.engine import Prepared
from deuteron.apply.read_back import Mismatch
from deuteron.apply.result import Reporter, Result, Silent, UnitResult
from deuteron.domain import FieldError, FloatingIP, HostView
from deuteron.errors import InputError
from deuteron.feed.part import Part, difference
from deuteron.feed.wire import Item
from deuteron.heap import give_back
from deuteron.kernel.protocol import Kernel
from deuteron.objects import Wanted
from deuteron.state.directory import State
from deuteron.state.journal import Target

#: The source of a view in records and sentences.
SOURCE: Final = "deuteron serve"


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

    Attributes:
        change: as given.
        revision: of the view that it has come to.
    """

    def __init__(self, kernel: Kernel, state: State, change: Changer, bridges: Collection[str]) -> None:
        self._kernel = kernel
        self._state = state
        self.change = change
        self._bridges = frozenset(bridges)
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

    def begin(
        self,
        revision: int,
        view: HostView,
        reporter: Callable[[Prepared], Reporter] = lambda _prepared: Silent(),
        ready: Callable[[Model], None] = lambda _model: None,
    ) -> Report:
        """Bring the host to a view, by a look at everything; every start begins so.

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
        self.revision, self._resting = revision, True
        items = _items(changed, [unit.name for unit in model.wanted.units], wanted=model)
        items += _floating(items, view.floating_ips) + _devices(items, model)
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
        model = self.model
        try:
            changes = model.change(part)
        except FieldError as error:
            raise _bad_view(error) from error
        self.revision, self._resting = revision, False
        if not changes:
            return Report(revision=revision, items=())
        made = self._make(changes, reporter, frozenset(held))
        items = _items(made.changed, [one.name for one in changes], wanted=model)
        items += _floating(items, part.floating_ips) + _devices(items, model, model.holders(part))
        result, unconfirmed = made.changed.result, made.unconfirmed
        return Report(
            revision=revision, items=items, result=result, unconfirmed=unconfirmed, changes=tuple(changes)
        )

    def _make(
        self,
        changes: Sequence[UnitChange],
        reporter: Callable[[Prepared], Reporter],
        held: frozenset[str],
    ) -> _Made:
        # What an unfinished change has left is recovered first, and the look is of after that.
        if self._state.intents():
            return self._looking(None, reporter)
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
        items = tuple(_item(one.unit, one, None, None, self.model) for one in units)
        return items + _floating(items, self.model.view.floating_ips) + _devices(items, self.model)

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


def _items(changed: Changed, names: Sequence[str], *, wanted: Model) -> tuple[Item, ...]:
    """What the kernel has of these units now: a mismatch is a failure, however well it was made."""
    results = {one.unit: one for one in changed.result.units}
    wrong = {one.unit: one for one in changed.mismatches}
    refused = {one.unit: one.code for one in wanted.wanted.refused}
    told = dict.fromkeys([*names, *results, *refused])
    return tuple(_item(name, results.get(name), wrong.get(name), refused.get(name), wanted) for name in told)


def _floating(items: Iterable[Item], floating: Iterable[FloatingIP]) -> tuple[Item, ...]:
    """What the kernel has of floating IPs: their entries are their routers' units'."""
    routers = {one.unit: one for one in items if one.unit.startswith("router/")}
    told = ((one.id, routers.get(f"router/{one.router_id}")) for one in floating)
    return tuple(
        Item(unit=f"floatingip/{ident}", state=of.state, code=of.code) for ident, of in told if of is not None
    )


def _devices(items: Iterable[Item], model: Model, holders: Collection[str] | None = None) -> tuple[Item, ...]:
    """What the kernel has of routers' ports, which are parts of their routers' units.

    Of a unit that failed nothing is said: its ports are what they were.
    """
    told = (one for one in items if one.state != "failed" and (holders is None or one.unit in holders))
    return tuple(
        Item(unit=f"port/{port.id}", state=of.state if port.admin_state_up else "gone")
        for of in told
        for port in model.devices(of.unit)
    )


def _item(
    name: str, result: UnitResult | None, wrong: Mismatch | None, refused: str | None, model: Model
) -> Item:
    if refused is not None:
        return Item(unit=name, state="failed", code=refused)
    if wrong is not None:
        return Item(unit=name, state="failed", code="read-back-differs")
    if result is not None and result.outcome != "done":
        return Item(unit=name, state="failed", code=result.code)
    return Item(unit=name, state="gone" if model.unit(name) is None else "done")
