"""DTN-503."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Final

from deuteron.audit.check import Check, Verdict, verdict
from deuteron.audit.facts import Facts

_LEAST: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]+)>=(?P<least>[0-9.]+)")


def _run(_facts: Facts) -> Verdict:
    wanted = [
        match for line in requires("deuteron") or () if ";" not in line and (match := _LEAST.match(line))
    ]
    lines = [line for match in wanted for line in _troubles(match["name"], match["least"])]
    seen = [f"{match['name']} {version(match['name'])}" for match in wanted] if not lines else []
    return verdict(lines, "install the versions that the package asks for", seen=[", ".join(seen)])


def _troubles(name: str, least: str) -> Iterator[str]:
    try:
        have = version(name)
    except PackageNotFoundError:
        yield f"{name}: not installed, {least} is needed"
        return
    if _numbers(have) < _numbers(least):
        yield f"{name}: {have}, at least {least} is needed"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:3])


CHECK = Check(
    id="DTN-503",
    title="the libraries are of the versions that this was made for",
    broken="libraries are missing or too old",
    consideration=5,
    help="Versions as they are installed, against what the package declares.",
    run=_run,
)
