"""The log of what the verbs do: which records, by which key things are named, and where they go."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TextIO

import click
import msgspec

from deuteron.agent.change import Changed
from deuteron.apply import Prepared, Reporter, UnitResult
from deuteron.cli.settings import settings
from deuteron.config import credential
from deuteron.errors import DeuteronError, HostError
from deuteron.files import Purpose
from deuteron.logs import Ref, unit
from deuteron.logs.events import FIELDS, Event, Level
from deuteron.logs.key import KEY_FILE, Keys, keys_in, read_keys
from deuteron.logs.pseudonym import Pseudonyms
from deuteron.logs.setup import Log, LogForm, open_log
from deuteron.objects import Create, Delete, Run, Step, Update
from deuteron.reconcile import UnitPlan
from deuteron.state.journal import Target

_CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z])")
_PARTS: Final = FIELDS["part"].words


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """Where a log goes, and how.

    Attributes:
        file: ``None`` where none is configured.
        key_file: of the pseudonyms; ``None``: the one in the state directory.
    """

    file: Path | None = None
    key_file: Path | None = None
    form: LogForm = "text"
    level: Level = "info"


def configured() -> Where:
    """What the configuration says."""
    log = settings().log
    return Where(file=log.file, key_file=log.key_file, form=log.form, level=log.level)


def names_of(where: Where, state_dir: Path) -> Pseudonyms:
    """What things are called; the first key is made where there is none.

    Raises:
        HostError: ``key-unusable``, or the key file is not safe to use.
    """
    handed = None if where.key_file is not None else credential(KEY_FILE)
    if handed is not None and (keys := read_keys(handed, Purpose.CREDENTIAL)) is not None:
        return keys.pseudonyms
    return keys_in(key_path(where, state_dir)).pseudonyms


def log_for(where: Where, state_dir: Path, stream: TextIO) -> Log:
    """The log.

    Args:
        where: as configured.
        state_dir: that has the key.
        stream: where to without a file.

    Raises:
        HostError: the key or the log file cannot be used, or is not safe to use.
    """
    names = names_of(where, state_dir)
    return open_log(where.file, names, stream=stream, form=where.form, level=where.level)


def records_for(state_dir: Path) -> Records:
    """Of a verb that ends: its log is a file, where one is configured, and else nothing.

    Raises:
        HostError: the key or the log file cannot be used, or is not safe to use.
    """
    where = configured()
    return Records() if where.file is None else Records(log_for(where, state_dir, sys.stdout))


class Records:
    """Tells a log of changes; a log that is ``None`` hears nothing.

    Attributes:
        revision: how many changes there were so far.
    """

    def __init__(self, log: Log | None = None) -> None:
        self._log = log
        self.revision = 0

    def close(self) -> None:
        """Close the log, which is this verb's own."""
        if self._log is not None:
            self._log.close()

    def around(
        self,
        target: Target,
        reporter: Callable[[Prepared], Reporter],
        change: Callable[[Callable[[Prepared], Reporter]], Changed],
    ) -> Changed:
        """Make a change, and have it on record.

        Args:
            target: where it goes.
            reporter: who else is told of its units.
            change: makes it, with the reporter that it is given.
        """
        self.revision += 1
        log = self._log
        if log is None:
            return change(reporter)

        def told(prepared: Prepared) -> Reporter:
            source = Ref("path", target.source) if target.source else None
            units = len(prepared.plan.units) + len(prepared.refused)
            log.write(Event.CHANGE_BEGAN, verb=target.verb, file=source, units=units, revision=self.revision)
            return _Told(log, reporter(prepared), self.revision)

        try:
            changed = change(told)
        except DeuteronError as error:
            log.write(Event.CHANGE_REFUSED, verb=target.verb, code=error.code, revision=self.revision)
            raise
        self._finished(log, target, changed)
        return changed

    def _finished(self, log: Log, target: Target, changed: Changed) -> None:
        for one in changed.recovered.units:
            if one.found in ("restored", "left"):
                outcome = "undone" if one.found == "restored" else "undo-failed"
                log.write(Event.UNIT_RECOVERED, **named(one.unit), outcome=outcome, left=len(one.left))
        result = changed.result
        log.write(
            Event.CHANGE_FINISHED,
            verb=target.verb,
            units=len(result.units),
            failed=len(result.failed),
            steps=sum(one.steps for one in result.units),
            seconds=result.seconds,
            revision=self.revision,
        )
        if changed.mismatches:
            log.write(Event.TROUBLE, code="read-back-differs")


class _Told:
    """The engine's reporter: a record for each unit, and then whoever else wants to know."""

    def __init__(self, log: Log, inner: Reporter, revision: int) -> None:
        self._log = log
        self._inner = inner
        self._revision = revision
        self._steps: dict[str, UnitPlan] = {}

    def unit_started(self, unit: UnitPlan) -> None:
        """Its steps are about to be run."""
        self._steps[unit.unit] = unit
        self._log.write(Event.UNIT_BEGAN, **named(unit.unit), steps=len(unit.steps), revision=self._revision)
        self._inner.unit_started(unit)

    def unit_done(self, result: UnitResult) -> None:
        """It is as wanted."""
        write_unit(self._log, result, self._steps.get(result.unit), revision=self._revision)
        self._inner.unit_done(result)

    def unit_failed(self, result: UnitResult) -> None:
        """It is not."""
        write_unit(self._log, result, None, revision=self._revision)
        self._inner.unit_failed(result)


def write_unit(
    log: Log,
    result: UnitResult,
    plan: UnitPlan | None,
    *,
    revision: int,
    seconds: float | None = None,
    noticed: str | None = None,
) -> None:
    """The record of what became of a unit.

    Args:
        log: where to.
        result: what became of it.
        plan: what was to be done.
        revision: of the change.
        seconds: since it was noticed; ``None``: what the engine took.
        noticed: what led to it, in a watch.
    """
    common = named(result.unit) | {
        "noticed": noticed,
        "seconds": result.seconds if seconds is None else seconds,
        "revision": revision,
    }
    if result.outcome != "done":
        code = result.code or None
        left = len(result.left) or None
        log.write(Event.UNIT_FAILED, **common, outcome=result.outcome, code=code, left=left)
        return
    steps = plan.steps if plan is not None else ()
    repaired = noticed not in (None, "file")
    event = Event.UNIT_REPAIRED if repaired else Event.UNIT_DONE
    log.write(event, **common, steps=len(steps) or result.steps, kinds=kinds(steps))


def named(name: str) -> dict[str, Ref | str | int | float | None]:
    """A unit in a record: what it is about by pseudonym, and which part of that."""
    word = name.partition("/")[0]
    return {"unit": unit(name), "part": word if word in _PARTS else "other"}


def kinds(steps: Iterable[Step]) -> list[str]:
    """The kinds of kernel objects that steps are about, sorted."""
    return sorted({_kind(step) for step in steps})


def _kind(step: Step) -> str:
    match step:
        case Create(object=thing) | Delete(object=thing) | Update(new=thing):
            return _word(thing)
        case Run(action=action):
            return _word(action)


def _word(thing: object) -> str:
    return _CAPITAL.sub("-", type(thing).__name__).lower()


key_file_option = click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="The key of the pseudonyms (default as configured, else log.key in the state directory).",
)


def key_path(where: Where, state_dir: Path, named: Path | None = None) -> Path:
    """The key file: the one that was named, or the configured one, or the state directory's."""
    return named or where.key_file or state_dir / KEY_FILE


def revealing_keys(where: Where, state_dir: Path, named: Path | None = None) -> Keys:
    """All keys that things are named by: the API's log has a key of its own, in its own directory.

    Args:
        where: what is configured.
        state_dir: of the agent.
        named: the only key file to be used.

    Raises:
        HostError: as :func:`known_keys`, where the API has no key either.
    """
    from deuteron.serve.place import API_DIRECTORY  # brings what no other verb needs

    directory = settings().api.directory or state_dir / API_DIRECTORY
    if named is not None or not (directory / KEY_FILE).exists():
        return known_keys(where, state_dir, named)
    of_api = read_keys(directory / KEY_FILE, owner=directory.stat().st_uid)
    of_agent = read_keys(key_path(where, state_dir))
    return Keys(keys=tuple(key for keys in (of_api, of_agent) if keys is not None for key in keys.keys))


def known_keys(where: Where, state_dir: Path, named: Path | None = None) -> Keys:
    """All keys there are; none is made.

    Raises:
        HostError: ``no-keys``, ``key-unusable``, or the file is not safe to use.
    """
    path = key_path(where, state_dir, named)
    keys = read_keys(path)
    if keys is None:
        raise HostError(
            "no-keys",
            f"there is no key file {path}, so nothing was named by it; name the one of the log (--key-file)",
        )
    return keys
