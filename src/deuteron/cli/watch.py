"""``deuteron apply --watch``: apply, then put back whatever somebody takes away or changes.

What it tells is a log: events, codes, numbers and pseudonyms, since it runs for months and nobody knows
who reads it.  ``deuteron reveal`` and ``deuteron explain`` tell the rest to who may know.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import click
import msgspec

from deuteron.agent.change import wanted_of
from deuteron.agent.listener import Repair
from deuteron.agent.mend import Road
from deuteron.agent.reasons import INTERVAL
from deuteron.agent.watch import Watch
from deuteron.agent.window import Found
from deuteron.cli.defect import keep_defect
from deuteron.cli.notify import Manager
from deuteron.cli.options import P, R
from deuteron.cli.records import Records, configured, log_for, names_of, write_unit
from deuteron.cli.sentences import keep_sentence
from deuteron.cli.session import Session
from deuteron.cli.settings import reload
from deuteron.cli.signals import signals
from deuteron.errors import DeuteronError
from deuteron.kernel.linux.events import Events, Heard
from deuteron.logs import Ref
from deuteron.logs.events import Event
from deuteron.logs.setup import Log, LogForm, nameless, take_over
from deuteron.objects import HOST, Wanted
from deuteron.state.journal import Target

#: Where namespaces have their names.
_NETNS_DIR: Final = Path("/run/netns")


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
    """A record for each repair, and for each look or change that was refused.

    Args:
        log: where to.
        records: of the changes, which it numbers.
        state_dir: where the sentences stay.
        manager: hears that the watch is alive.
    """

    def __init__(self, log: Log, records: Records, state_dir: Path, manager: Manager) -> None:
        self._log = log
        self._records = records
        self._state_dir = state_dir
        self._manager = manager

    def repaired(self, repair: Repair) -> None:
        """A unit was mended, or could not be."""
        write_unit(
            self._log,
            repair.result,
            repair.steps,
            revision=self._records.revision,
            seconds=repair.seconds,
            noticed=repair.noticed,
        )
        self._manager.alive()

    def trouble(self, error: DeuteronError) -> None:
        """A look, a change, FILE or a view was refused; what was wanted before still is."""
        keep_sentence(self._state_dir, error)
        self._log.write(Event.TROUBLE, code=error.code)
        self._manager.alive()

    def looked(self, found: Found) -> None:  # noqa: ARG002 -- so that is the listener's protocol
        """Nothing to say, but to a watchdog."""
        self._manager.alive()


@contextmanager
def ending_on_record(form: LogForm, state_dir: Path) -> Iterator[None]:
    """Whatever ends a watch before its time is a record with a code; its sentence is for a terminal alone.

    So is, until it has its own log, what threads and libraries could print.

    Args:
        form: of the record.
        state_dir: where the sentence stays.
    """
    take_over(nameless(sys.stdout, form), partial(keep_defect, state_dir))
    try:
        yield
    except DeuteronError as error:
        if sys.stderr.isatty():
            raise
        keep_sentence(state_dir, error)
        nameless(sys.stdout, form).write(Event.WATCH_ENDED, code=error.code)
        sys.exit(error.exit_status)


def apply_and_watch(
    session: Session,
    target: Target,
    reread: Callable[[], Target] | None,
    file: Path | None,
    *,
    interval: float,
    form: LogForm,
    heard: Heard | None = None,
    begun: Callable[[Log], None] = lambda _log: None,
    manager: Manager | None = None,
) -> None:
    """Apply, then watch until SIGTERM or Ctrl-C.

    Args:
        session: what to do it with.
        target: what to apply first.
        reread: reads FILE again; ``None`` where there is none.
        file: FILE, to hear of its changes.
        interval: seconds between two looks at everything.
        form: ``text`` or ``json``.
        heard: the sockets of the kernel's notifications, where they are open already.
        begun: told of the log, before anything else is written to it.
        manager: of services, where one has started this.

    Raises:
        DeuteronError: the first apply could not be begun, or the kernel's notifications are not to be had.
    """
    manager = manager or Manager()
    where = configured()
    if form == "json":
        where = msgspec.structs.replace(where, form=form)
    log = log_for(where, session.state.path, sys.stdout)
    take_over(log, partial(keep_defect, session.state.path))
    begun(log)
    wanted = wanted_of(target)
    known = [target]

    @manager.reloading()
    def reader() -> tuple[Target, Wanted] | None:
        # Asked for by SIGHUP as well: a new key, or a new file of the old name, is in use from here on.
        reload(session.state.path)
        log.rename(names_of(where, session.state.path))
        log.reopen(where.file)
        log.write(Event.CONFIG_READ)
        if reread is None or (new := reread()).view == known[0].view:
            return None
        known[0] = new
        _tell_notices(log, new)
        return new, wanted_of(new)

    quiet = session._replace(records=Records())
    teller = Teller(log, quiet.records, session.state.path, manager)
    events = Events(_NETNS_DIR, file, heard=heard)
    try:
        road = Road(quiet.change, session.state, target, reader)
        watch = Watch(session.kernels[0], wanted, events, road, teller, interval=interval)
        # From here on, so that no moment is left in which SIGTERM has its default action.
        with signals(watch.stop, watch.reread):
            _tell_notices(log, target)
            session._replace(records=Records(log)).change(target, wanted)
            watch.begin()
            _say_what(log, wanted, file, interval, events.unwatched)
            manager.ready(interval)
            watch.run()
            manager.stopping()
    finally:
        events.close()
    log.write(Event.WATCH_ENDED)


def _tell_notices(log: Log, target: Target) -> None:
    if target.view is not None and target.view.notices:
        log.write(Event.INPUT_NOTICES, notices=len(target.view.notices))


def _say_what(log: Log, wanted: Wanted, file: Path | None, interval: float, unwatched: int) -> None:
    places = {thing.key[1] for unit in wanted.units for thing in unit.objects} - {HOST}
    source = Ref("path", str(file.resolve())) if file is not None else None
    log.write(Event.WATCH_BEGAN, namespaces=len(places), file=source, interval=interval)
    if unwatched:
        log.write(Event.WATCH_BLIND, directories=unwatched, interval=interval)
    if sys.stderr.isatty():
        click.echo("Watching; Ctrl-C ends it.", err=True)
