"""A review of files and directories: Bandit walks them, a report comes out."""

from __future__ import annotations

import linecache
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Final, NamedTuple

from bandit.core import config as bandit_config
from bandit.core import extension_loader, manager, utils
from bandit.core.issue import Issue

from deuteron.errors import InputError
from deuteron.report import Finding, Level, Place, Report, Rule
from deuteron.review.plugins import PLUGINS
from deuteron.review.rules import BY_ID, CONSIDERATIONS, RULES

LEVELS: Final[dict[str, Level]] = {"HIGH": "error", "MEDIUM": "warning", "LOW": "note"}
#: Lines of the source that are shown with a finding.
SHOWN: Final = 3


class _Extension(NamedTuple):
    """A plugin as Bandit's manager keeps it."""

    name: str
    plugin: object


def register() -> None:
    """Make the plugins known to Bandit also where the distribution's entry points are not installed."""
    known = extension_loader.MANAGER
    for rule, plugin in PLUGINS.items():
        if rule not in known.plugins_by_id:
            one = _Extension(f"deuteron_{rule.lower()}", plugin)
            known.plugins.append(one)
            known.plugin_names.append(one.name)
            known.plugins_by_id[rule] = one
            known.plugins_by_name[one.name] = one


def review(
    paths: Sequence[Path],
    *,
    version: str,
    settings: Path | None = None,
    others: bool = False,
    accepted: Iterable[tuple[str, str, str]] = (),
    at: datetime | None = None,
) -> Report:
    """Examine every Python file in these paths.

    Args:
        paths: files, and directories with all that is in them.
        version: of this program, for the report.
        settings: a ``pyproject.toml`` with ``[tool.bandit]``, or a YAML file of Bandit's.
        others: Bandit's own tests too.
        accepted: rule, file and line's text of findings that a baseline names.
        at: the time that the report bears.

    Raises:
        InputError: a path does not exist, a file is no Python, the settings cannot be read.
    """
    register()
    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None:
        raise InputError("review-path", f"{missing} does not exist; name files or directories to review")
    began = time.monotonic()
    with _listening():
        done = _walked(paths, settings, others=others)
    if done.skipped:
        name, why = done.get_skipped()[0]
        raise InputError(
            "review-unreadable", f"{_plain(name)} was not reviewed: {why}; mend it or leave it out"
        )
    allowed = frozenset(accepted)
    findings = tuple(_finding(found, allowed) for found in done.get_issue_list())
    broken = {finding.check for finding in findings}
    passed = tuple(_passed(rule.id) for rule in RULES if rule.id not in broken)
    return Report(
        tool="deuteron review",
        version=version,
        at=at or datetime.now(UTC),
        subject=", ".join(map(str, paths)),
        findings=findings + passed,
        rules=tuple(_rule(rule.id) for rule in RULES),
        seconds=time.monotonic() - began,
        counted="findings",
    )


def _walked(paths: Sequence[Path], settings: Path | None, *, others: bool) -> manager.BanditManager:
    try:
        config = bandit_config.BanditConfig(str(settings) if settings else None)
    except utils.ConfigError as error:
        raise InputError(
            "review-settings", f"{settings} cannot be read as Bandit's settings: {error}"
        ) from None
    profile = _profile(config, others=others)
    walker = manager.BanditManager(config, "file", quiet=True, profile=profile)
    walker.discover_files([str(path) for path in paths], recursive=True)
    walker.run_tests()
    return walker


def _profile(config: bandit_config.BanditConfig, *, others: bool) -> dict[str, set[str]]:
    """``tests`` and ``skips`` of the settings; without ``others`` only the rules of this pack."""
    wanted = set(config.get_option("tests") or ())
    include = wanted if others else (wanted & set(BY_ID) or set(BY_ID))
    return {"include": include, "exclude": set(config.get_option("skips") or ())}


class _Errors(logging.Handler):
    """Keeps what Bandit logs as an error: a plugin that failed is not told otherwise."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the first line."""
        self.told.append(record.getMessage().partition("\n")[0])


@contextmanager
def _listening() -> Iterator[None]:
    """Bandit's log is not shown; an error in it is one.

    Raises:
        RuntimeError: a plugin has failed.
    """
    logger = logging.getLogger("bandit")
    before = logger.propagate, logger.level
    errors = _Errors()
    logger.addHandler(errors)
    logger.propagate = False
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.removeHandler(errors)
        logger.propagate = before[0]
        logger.setLevel(before[1])
    if errors.told:
        raise RuntimeError(errors.told[0])


def _plain(name: str) -> str:
    return name.removeprefix("./")


def _finding(found: Issue, accepted: frozenset[tuple[str, str, str]]) -> Finding:
    rule = BY_ID.get(found.test_id)
    file = _plain(found.fname)
    line = linecache.getline(found.fname, found.lineno).strip()
    known = (found.test_id, file, line) in accepted
    return Finding(
        check=found.test_id,
        title=found.ident.replace("`", "") if rule else found.text,
        status="accepted" if known else "fail",
        level=LEVELS.get(found.severity, "warning"),
        place=Place(file=file, line=found.lineno, end_line=found.linerange[-1] if found.linerange else 0),
        evidence=tuple(_lines(found)),
        mend=rule.mend if rule else "",
        help=rule.why if rule else "",
        reason="it was there when the baseline was taken" if known else "",
    )


def _lines(found: Issue) -> Iterator[str]:
    """The source, each line with its number, without the indentation that all of it has."""
    last = max(found.linerange, default=found.lineno)
    numbers = range(found.lineno, min(last, found.lineno + SHOWN - 1) + 1)
    text = dedent("".join(linecache.getline(found.fname, number) for number in numbers))
    for number, line in zip(numbers, text.split("\n"), strict=False):  # an empty one is behind the last
        yield f"{number:>4}  {line.rstrip()}"


def _passed(rule: str) -> Finding:
    return Finding(check=rule, title=f"not found: {BY_ID[rule].title}", status="pass")


def _rule(rule: str) -> Rule:
    one = BY_ID[rule]
    return Rule(
        id=one.id, title=one.title, topic=CONSIDERATIONS[one.consideration], help=f"{one.why} {one.mend}"
    )
