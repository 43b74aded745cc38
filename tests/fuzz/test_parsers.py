"""Whatever arrives, a parser gives a value or one of our errors, in bounded time and memory."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import strategies as st

from deuteron.errors import InputError
from tests.fuzz.__main__ import main
from tests.fuzz.run import fuzz
from tests.fuzz.strategies import Inputs
from tests.fuzz.target import Take, Target
from tests.fuzz.targets import TARGETS

#: The same inputs at each run of the tests; ``make fuzz SEED=...`` tries others.
SEED = 1


@pytest.mark.parametrize("name", TARGETS)
def test_what_arrives_is_a_value_or_one_of_our_errors(name: str, tmp_path: Path) -> None:
    tally = fuzz(TARGETS[name], number=SEED, scratch=tmp_path)
    assert tally.values, "nothing was ever taken: the inputs are too far from what is right"
    if not TARGETS[name].total:
        assert tally.errors.total(), "nothing was ever refused: the inputs are too close to what is right"


def _numbers(random: Random) -> bytes:
    return random.randbytes(random.randrange(40))


def _planted(take: Take) -> Target:
    return Target("planted", Inputs(st.binary(max_size=40), _numbers), take)


def _kept_in(inputs: list[bytes]) -> Take:
    return lambda data, _: inputs.append(data)


def _hangs(data: bytes, _: Path) -> None:
    while b"\0" in data:
        pass


def _raises(data: bytes, _: Path) -> None:
    if b"\0" in data:
        raise KeyError(data)


def _grows(data: bytes, _: Path) -> None:
    if b"\0" in data:
        bytearray(1 << 33)


def _swallows(data: bytes, _: Path) -> None:
    try:
        _hangs(data, Path())
    except Exception as error:
        raise AssertionError("the end of its time was swallowed") from error


def _speaks(data: bytes, _: Path) -> None:
    if b"\0" in data:
        raise InputError("no-such-code", "undocumented")


@pytest.mark.parametrize(
    ("take", "told"),
    [
        (_hangs, "no answer in"),
        (_swallows, "no answer in"),
        (_raises, "KeyError"),
        (_grows, "MemoryError"),
        (_speaks, "not documented"),
    ],
)
def test_a_parser_that_is_wrong_is_found_with_a_seed_to_find_it_again(
    take: Take, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fuzz.run.SECONDS", 0.05)
    with pytest.raises((Exception, BaseExceptionGroup)) as found:
        fuzz(_planted(take), number=7, scratch=tmp_path)
    said = "\n".join([repr(found.value), *getattr(found.value, "__notes__", ())])
    assert told in said
    assert "again: python -m tests.fuzz --only planted --seed 7" in said


def test_what_chance_finds_is_told_with_a_small_input(tmp_path: Path) -> None:
    nothing = Inputs(st.just(b""), _numbers)
    with pytest.raises(KeyError) as found:
        fuzz(Target("planted", nothing, _raises), number=7, scratch=tmp_path)
    assert "the input: b'\\x00'" in found.value.__notes__


def test_the_same_seed_is_the_same_inputs(tmp_path: Path) -> None:
    seen: list[list[bytes]] = []
    for _ in range(2):
        seen.append([])
        fuzz(TARGETS["link"]._replace(take=_kept_in(seen[-1])), number=3, scratch=tmp_path)
    assert seen[0] == seen[1]
    assert len(set(seen[0])) > 300


def test_the_command_tells_what_it_tried(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "nsid", "--seconds", "0", "--seed", "5"]) == 0
    told = capsys.readouterr().out
    assert "nsid" in told
    assert "seeds 5 to 5; 0 of 1 are broken" in told


def test_the_command_ends_with_1_where_a_parser_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TARGETS, "nsid", TARGETS["nsid"]._replace(take=_raises))
    assert main(["--only", "nsid", "--seconds", "0"]) == 1
    assert "1 of 1 are broken" in capsys.readouterr().out


def test_what_an_error_quotes_cannot_command_a_terminal() -> None:
    error = InputError("not-yaml", "x.yaml:1: '\x1b[2J\n\udc80\u2028' is no name; 10 °C is")
    assert error.message == str(error) == r"x.yaml:1: '\x1b[2J\n\udc80\u2028' is no name; 10 °C is"
