"""The second line: text that was written elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deuteron.logs.redact import REDACTED, holds, redact
from tests.unit.logs.secrets import TELLING

AROUND = st.sampled_from(["", " ", "(", ")", "'", '"', ", ", "=", "; ", "\n", "[", "]", "<", ">", "at "])


@given(TELLING, AROUND, AROUND)
@example("fe80::1%qr-5284755a-1c", "", "")
@example("::ffff:10.0.0.1", "'", "'")
@example("1:2:3:4:5:6:7:8", " ", " ")
@example("0" * 66, " ", "")
def test_nothing_that_can_be_told_by_its_form_stays_in_a_text(secret: str, before: str, after: str) -> None:
    text, count = redact(f"refused{before}{secret}{after}done")
    assert secret not in text
    assert count >= 1
    left = text.replace(REDACTED, "").removeprefix("refused").removesuffix("done")
    # What is left of it are marks, not digits.
    assert not any(one.isdigit() for one in left), text


@given(TELLING, TELLING)
def test_two_in_a_row_are_both_taken_out(one: str, other: str) -> None:
    text, _ = redact(f"{one} {other}")
    assert one not in text
    assert other not in text


@given(TELLING)
def test_what_was_redacted_holds_nothing_more(secret: str) -> None:
    assert not holds(redact(f"x {secret} y")[0])


@pytest.mark.parametrize("name", ["acme", "a.b", "x+y", "Gehälter", "vm1"])
def test_a_name_that_is_known_is_taken_out_wherever_it_stands(name: str) -> None:
    text, count = redact(f"port {name}: no room for {name}2", [name, "", name])
    assert name not in text
    assert count == 2


@pytest.mark.parametrize(
    "text",
    [
        "a look at everything every 60 s",
        "12 units in 0.065 s, 3 failed",
        "2026-11-23T09:13:51.592+00:00",
        "deuteron 0.1.0 on Linux 6.18",
        "unit-failed router foreign-name",
        "deuteron/cli/main.py:120",
        "",
    ],
)
def test_what_tells_of_nobody_stays(text: str) -> None:
    assert redact(text) == (text, 0)
