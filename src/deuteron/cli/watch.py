"""``deuteron apply --watch``: apply, then put back whatever somebody takes away or changes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, Final

import click
import msgspec

from deuteron.agent.change import wanted_of
from deuteron.agent.mend import Road
from deuteron.agent.watch import INTERVAL, Repair, Watch
from deuteron.agent.window import Found
from deuteron.cli.options import P, R
from deuteron.cli.progress import run_with_progress
from deuteron.cli.session import Session
from deuteron.errors import DeuteronError
from deuteron.kernel.linux.events import Events
from deuteron.objects import HOST, Wanted
from deuteron.reconcile.render import line
from deuteron.reconcile.words import plain
from deuteron.state.directory import Clock
from deuteron.state.journal import Target

#: Where namespaces have their names.
_NETNS_DIR: Final = Path("/run/netns")
#: How many steps of a repair one line of text names.
_TOLD: Final = 3


def watch_options(function: Callable[P, R]) -> Callable[P, R]:
    """``--watch`` and ``--interval``."""
    for option in (
        click.option(
            "--interval",
            type=click.FloatRange(min=1.0),
            default=INTERVAL,
            show_default=True,
            metavar="SECONDS",
            help="With --watch: how often to look at everything, whether or not anything was heard.",
        ),
        click.option(
            "--watch",
            is_flag=True,
            help="Stay, put back whatever somebody takes away or changes, and apply FILE when it changes.",
        ),
    ):
        function = option(function)
    return function


class Teller:
    """A line for each repair on standard output, what else there is to say on standard error."""

    def __init__(self, form: str, clock: Clock) -> None:
        self._form = form
        self._clock = clock

    def repaired(self, repair: Repair) -> None:
        """A unit was mended, or could not be."""
        now = self._clock()
        if self._form == "json":
            click.echo(msgspec.json.encode(document(repair, now)).decode())
        else:
            click.echo(sentence(repair, now))

    def trouble(self, error: DeuteronError) -> None:
        """A look, a change or FILE was refused; what was wanted before still is."""
        click.echo(f"deuteron: {error.message} [{error.code}]", err=True)

    def looked(self, found: Found) -> None:
        """Nothing to say."""


def document(repair: Repair, at: datetime) -> dict[str, Any]:
    """A repair as one JSON document."""
    result = repair.result
    steps = repair.steps.steps if repair.steps is not None else ()
    return {
        "version": 1,
        "at": at,
        "unit": result.unit,
        "title": result.title,
        "outcome": result.outcome,
        "noticed": repair.noticed,
        "seconds": round(repair.seconds, 4),
        "steps": [line(step) for step in steps],
        "code": result.code,
        "error": result.error,
        "left": result.left,
    }


def sentence(repair: Repair, at: datetime) -> str:
    """A repair in one line."""
    result = repair.result
    when = at.isoformat(timespec="milliseconds")
    if result.outcome != "done":
        return f"{when} {plain(result.title)}: {result.outcome}: {plain(result.error)} [{result.code}]"
    steps = [line(step) for step in (repair.steps.steps if repair.steps is not None else ())]
    told = "; ".join(map(plain, steps[:_TOLD]))
    more = f"; and {len(steps) - _TOLD} more" if len(steps) > _TOLD else ""
    return f"{when} {plain(result.title)}: put back in {repair.seconds * 1000:.0f} ms: {told}{more}"


def apply_and_watch(
    session: Session,
    target: Target,
    reread: Callable[[], Target] | None,
    file: Path | None,
    *,
    interval: float,
    form: str,
) -> None:
    """Apply, then watch until SIGTERM or Ctrl-C.

    Args:
        session: what to do it with.
        target: what to apply first.
        reread: reads FILE again; ``None`` where there is none.
        file: FILE, to hear of its changes.
        interval: seconds between two looks at everything.
        form: ``text`` or ``json``.

    Raises:
        DeuteronError: the first apply could not be begun, or the kernel's notifications are not to be had.
    """
    teller = Teller(form, session.state.clock)
    wanted = wanted_of(target)
    known = [target]

    def reader() -> tuple[Target, Wanted] | None:
        if reread is None or (new := reread()).view == known[0].view:
            return None
        known[0] = new
        return new, wanted_of(new)

    events = Events(_NETNS_DIR, file)
    try:
        road = Road(session.change, session.state, target, reader)
        watch = Watch(session.kernels[0], wanted, events, road, teller, interval=interval)
        # From here on, so that no moment is left in which SIGTERM has its default action.
        with _signals(watch):
            _first_apply(session, target, wanted, teller, form)
            watch.begin()
            _say_what(wanted, file, interval, events.unwatched)
            watch.run()
    finally:
        events.close()
    click.echo("The watch has ended; the host stays as it is.", err=True)


def _first_apply(session: Session, target: Target, wanted: Wanted, teller: Teller, form: str) -> None:
    """As without ``--watch``, in text; a document for each unit in JSON, like those that follow."""
    if form == "text":
        run_with_progress(session, target, form=form)
        return
    for result in session.change(target, wanted).result.units:
        teller.repaired(Repair(result=result, steps=None, seconds=result.seconds, noticed="file"))


def _say_what(wanted: Wanted, file: Path | None, interval: float, unwatched: int) -> None:
    places = {thing.key[1] for unit in wanted.units for thing in unit.objects} - {HOST}
    told = f"Watching {len(places)} network namespaces and our links on the host"
    told += f", and {file}" if file is not None else ""
    click.echo(f"{told}; a look at everything every {interval:g} s. Ctrl-C ends it.", err=True)
    if unwatched:
        click.echo(
            f"note: {unwatched} directories of kernel parameters are not watched for want of inotify watches:"
            " raise fs.inotify.max_user_watches; until then changes there are found every"
            f" {interval:g} s",
            err=True,
        )


@contextmanager
def _signals(watch: Watch) -> Iterator[None]:
    """SIGTERM and Ctrl-C end the watch after the unit in progress, SIGHUP has FILE read again."""

    def end(_number: int, _frame: FrameType | None) -> None:
        watch.stop()

    def again(_number: int, _frame: FrameType | None) -> None:
        watch.reread()

    handlers = {signal.SIGTERM: end, signal.SIGINT: end, signal.SIGHUP: again}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
