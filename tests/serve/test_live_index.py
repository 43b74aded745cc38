"""The index that is kept by what changes says what one made anew says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from deuteron.agent.live import LiveIndex
from deuteron.agent.model import Model
from deuteron.agent.window import Index
from deuteron.compile import compile_host
from deuteron.domain import HostView
from deuteron.kernel.linux.watched import Interest
from deuteron.objects import HOST
from tests.strategies_views import views
from tests.unit.apply import hosts
from tests.unit.compile.world import World, distributed


def same(live: LiveIndex, view: HostView) -> None:
    """Compare all that can be asked, in windows of one namespace, of two, and of all."""
    new = Index(compile_host(view))
    assert live.wanted == new.wanted
    assert live.known == new.known
    assert _heard(live.interest) == _heard(new.interest)
    assert live.look(None) == new.look(None)
    names = sorted(new.interest.links)
    assert live.homes(new.known) == new.homes(new.known)
    for name, other in zip(names, [*names[1:], HOST], strict=True):
        assert set(live.users(name)) == set(new.users(name)), name
        only = new.reach({name, other})
        assert live.reach({name, other}) == only
        assert live.within(only) == new.within(only)
        mine, theirs = live.look(only), new.look(only)
        assert mine.namespaces == theirs.namespaces
        assert mine.only == theirs.only
        assert dict(mine.own) == dict(theirs.own)
        assert {k: set(v) for k, v in mine.sysctls.items()} == {k: set(v) for k, v in theirs.sysctls.items()}


def _heard(interest: Interest) -> tuple[object, ...]:
    parameters = {netns: paths for netns, paths in interest.parameters.items() if paths}
    return interest.links, parameters, interest.proxies


@settings(
    max_examples=30, deadline=None, print_blob=True, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)
@given(st.lists(views, min_size=2, max_size=3))
def test_of_any_history(history: list[HostView]) -> None:
    model = Model(history[0])
    live = LiveIndex(model)
    same(live, history[0])
    for view in history[1:]:
        live.change(model.replace(view))
        same(live, view)


@pytest.mark.parametrize("alter", [hosts.add_floating_ip, hosts.instance_moves, hosts.router_down])
def test_there_and_back(alter: Callable[[World], None]) -> None:
    world = distributed()
    before = world.view()
    model = Model(before)
    live = LiveIndex(model)
    alter(world)
    for view in (world.view(), before):
        live.change(model.replace(view))
        same(live, view)
