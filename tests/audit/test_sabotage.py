"""Each sabotage turns the audit red by the check that is meant, and the mend it prints turns it green."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from deuteron.report.mend import spans
from tests.audit.sabotages import SABOTAGES, Sabotage, Undo
from tests.audit.world import World, shell
from tests.support.sandbox import private_host

pytestmark = [pytest.mark.kernel, pytest.mark.xdist_group("audit-sabotage")]


class Worlds:
    """One world for all, as long as each test leaves it green; a new one after one that did not."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._stack = ExitStack()
        self._world: World | None = None

    def get(self) -> World:
        if self._world is None:
            self._stack = ExitStack()
            host = self._stack.enter_context(private_host())
            environment = self._stack.enter_context(pytest.MonkeyPatch.context())
            self._world = World(host, self._factory.mktemp("world"), environment)
        world, self._world = self._world, None  # until it is known to be green again
        return world

    def keep(self, world: World) -> None:
        self._world = world

    def drop(self) -> None:
        if self._world is None:
            self._stack.close()


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    made = Worlds(tmp_path_factory)
    yield made
    made._world = None
    made.drop()


def test_there_are_at_least_thirty() -> None:
    assert len(SABOTAGES) >= 30
    assert len({one.name for one in SABOTAGES}) == len(SABOTAGES)


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda one: one.name)
def test_a_sabotage_is_red_until_it_is_mended(worlds: Worlds, sabotage: Sabotage) -> None:
    world = worlds.get()
    try:
        secrets = world.secrets()
        undo = sabotage.do(world)

        ended = world.audit()
        findings: list[dict[str, Any]] = ended.document()["findings"]
        failed = {one["check"]: one for one in findings if one["status"] == "fail"}
        try:
            assert sabotage.check in failed, findings
            assert ended.status == 3
            assert failed[sabotage.check]["mend"]
            assert [text for text in secrets if text in ended.out] == []
        finally:
            mend(world, failed.get(sabotage.check, {"mend": ""}), undo)

        green = world.audit()
        assert green.status == 0, [one for one in green.document()["findings"] if one["status"] == "fail"]
        worlds.keep(world)
    finally:
        worlds.drop()


def mend(world: World, finding: dict[str, Any], undo: Undo | None) -> None:
    """What is printed, word by word: all of it, or the first command in a sentence; else by hand."""
    if undo is not None:
        undo()
        return
    command = next((part.text for part in spans(finding["mend"]) if part.code), "")
    if command.startswith("deuteron doctor --adopt FILE"):
        world.run.well("doctor", "--adopt", world.source)
        world.run.well("apply", world.source)
    elif command.startswith("deuteron "):
        world.run.well(*command.split()[1:])
    elif command == "timedatectl":  # the clock is set; what is left of the sentence is the second command
        world.run.well("apply")
    else:
        assert command, finding["mend"]
        shell(command)
