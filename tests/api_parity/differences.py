"""The differences that have a reason: each is listed, each is met, and nothing else differs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec

from tests.api_parity.compare import Difference

FILE: Final = Path(__file__).parent / "differences.toml"


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One reasoned difference; ``*`` in a pattern stands for anything.

    Attributes:
        topic: the heading under which the page has it.
        what: the difference, as a reader sees it.
        reason: why it stays.
        requests: where: ``POST /v2.0/ports``; any of them.
        at: which places of an answer; any of them.
        neutron: what the peer says there, as JSON.
        deuteron: what we say there.
    """

    topic: str
    what: str
    reason: str
    requests: tuple[str, ...]
    at: tuple[str, ...]
    neutron: str = "*"
    deuteron: str = "*"

    @cached_property
    def _forms(self) -> tuple[list[re.Pattern[str]], list[re.Pattern[str]], re.Pattern[str], re.Pattern[str]]:
        return (
            [_form(one) for one in self.requests],
            [_form(one) for one in self.at],
            _form(self.neutron),
            _form(self.deuteron),
        )

    def meets(self, one: Difference) -> bool:
        """Whether a difference is this one."""
        requests, at, neutron, deuteron = self._forms
        return (
            any(form.fullmatch(one.request) for form in requests)
            and any(form.fullmatch(one.at) for form in at)
            and neutron.fullmatch(one.neutron) is not None
            and deuteron.fullmatch(one.deuteron) is not None
        )


class Verdict(msgspec.Struct, frozen=True):
    """What was found, beside what is known."""

    unreasoned: tuple[Difference, ...]
    unused: tuple[Known, ...]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    difference: tuple[Known, ...] = ()


def load_differences() -> tuple[Known, ...]:
    """What is listed."""
    return msgspec.toml.decode(FILE.read_bytes(), type=_File).difference


def judge(found: Sequence[Difference], known: Sequence[Known]) -> Verdict:
    """What has no reason, and which reasons are for nothing."""
    used: set[int] = set()
    unreasoned = []
    for one in found:
        met = [number for number, entry in enumerate(known) if entry.meets(one)]
        used.update(met)
        if not met:
            unreasoned.append(one)
    unused = tuple(entry for number, entry in enumerate(known) if number not in used)
    return Verdict(tuple(unreasoned), unused)


def _form(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(one) for one in pattern.split("*")), re.DOTALL)
