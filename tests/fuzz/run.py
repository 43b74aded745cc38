"""One target with many inputs: what becomes of each is a value or one of our errors."""

from __future__ import annotations

import errno
import re
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

import msgspec
from hypothesis import HealthCheck, Phase, given, seed, settings

from deuteron.codes import codes
from deuteron.errors import DeuteronError
from tests.fuzz.bounds import SECONDS, in_memory, in_time
from tests.fuzz.targets import Target

#: Inputs of one round, of Hypothesis' and of chance's drawing.
EXAMPLES: Final = 60
QUICK: Final = 600
#: How often a finding is made smaller.
_SMALLER: Final = 400
#: An error of the kernel's, by its name or number.
_ERRNO: Final = re.compile(r"errno-\d+")
_NAMES: Final = frozenset(name.lower() for name in errno.errorcode.values())


class Tally(msgspec.Struct):
    """What became of the inputs.

    Attributes:
        values: how many were taken.
        errors: how many were refused, by code.
        seconds: how long it all took.
        slowest: the longest that one took, seconds of the clock.
    """

    values: int = 0
    errors: Counter[str] = msgspec.field(default_factory=Counter)
    seconds: float = 0.0
    slowest: float = 0.0

    @property
    def inputs(self) -> int:
        """How many there were."""
        return self.values + self.errors.total()


def fuzz(target: Target, *, number: int, scratch: Path, tally: Tally | None = None) -> Tally:
    """One round.

    Args:
        target: what is tried.
        number: the seed; the same one is the same inputs.
        scratch: a directory for files.
        tally: to add to.

    Raises:
        AssertionError: or whatever a parser should not have raised; a note tells the seed.
    """
    tally = Tally() if tally is None else tally
    begun = time.monotonic()
    try:
        with in_memory():
            _by_hypothesis(target, number, scratch, tally)
            _by_chance(target, number, scratch, tally)
    except BaseException as error:
        error.add_note(f"again: python -m tests.fuzz --only {target.name} --seed {number} --seconds 0")
        raise
    tally.seconds += time.monotonic() - begun
    return tally


def _by_hypothesis(target: Target, number: int, scratch: Path, tally: Tally) -> None:
    @seed(number)
    @settings(
        max_examples=max(1, EXAMPLES // target.cost),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(target.inputs.strategy)
    def one(data: bytes) -> None:
        _take(target, data, scratch, tally)

    one()


def _by_chance(target: Target, number: int, scratch: Path, tally: Tally) -> None:
    random = Random(f"{target.name} {number}")  # of the name: its own inputs, whichever others are tried
    for _ in range(max(1, QUICK // target.cost)):
        data = target.inputs.draw(random)
        try:
            _take(target, data, scratch, tally)
        except BaseException as error:
            small = _smaller(target, data, scratch, type(error))
            error.add_note(
                f"the input: {small!r}" if len(small) < 4000 else f"an input of {len(small)} octets"
            )
            raise


def _smaller(target: Target, data: bytes, scratch: Path, kind: type[BaseException]) -> bytes:
    """The same finding with less: a part is left out as long as that ends in the same way."""
    size = len(data) // 2
    at = tries = 0
    while size and tries < _SMALLER:
        less = data[:at] + data[at + size :]
        tries += 1
        if len(less) < len(data) and _ends(target, less, scratch) is kind:
            data = less
        else:
            at += size
        if at >= len(data):
            at, size = 0, size // 2
    return data


def _ends(target: Target, data: bytes, scratch: Path) -> type[BaseException] | None:
    try:
        _take(target, data, scratch, Tally())
    except (Exception, SystemExit) as error:
        return type(error)
    return None


def _take(target: Target, data: bytes, scratch: Path, tally: Tally) -> None:
    begun = time.monotonic()
    try:
        with in_time(SECONDS):
            target.take(data, scratch)
    except DeuteronError as error:
        _check_sentence(error, len(data))
        tally.errors[error.code] += 1
    else:
        tally.values += 1
    tally.slowest = max(tally.slowest, time.monotonic() - begun)


def _check_sentence(error: DeuteronError, size: int) -> None:
    """Its code is documented, and what it says is one line that can be read."""
    known = error.code in codes() or error.code in _NAMES or _ERRNO.fullmatch(error.code)
    assert known, f"the code {error.code} is not documented"
    assert error.message, f"{error.code} says nothing"
    assert "\n" not in error.message, f"{error.code} says more than a line: {error.message!r}"
    assert len(error.message) < 2 * size + 4000, f"{error.code} says {len(error.message)} characters"
    error.message.encode()  # no half of a surrogate pair: it could not be written
