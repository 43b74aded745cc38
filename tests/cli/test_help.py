"""Every verb explains itself with an example."""

from __future__ import annotations

import pytest

from tests.cli.command import Deuteron


@pytest.mark.parametrize(
    "verb",
    ["plan", "apply", "recover", "show", "verify", "destroy", "reveal", "explain", "serve", "port", "wait"],
)
def test_the_help_of_a_verb_shows_an_example(verb: str, deuteron: Deuteron) -> None:
    ended = deuteron(verb, "--help")
    assert ended.status == 0
    assert f"\n  deuteron {verb}" in ended.out


def test_the_program_alone_says_how_to_begin(deuteron: Deuteron) -> None:
    ended = deuteron()
    assert ended.status == 2
    assert "deuteron demo" in ended.err


def test_the_version(deuteron: Deuteron) -> None:
    assert deuteron("--version").out.startswith("deuteron, version ")
