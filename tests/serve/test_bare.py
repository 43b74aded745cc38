"""What has nothing on this host costs its agent no write: of the kernel, or of the disk."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from deuteron.agent.change import change
from deuteron.agent.serve import Follower
from deuteron.feed.part import difference
from deuteron.feed.wire import Change, Same
from deuteron.serve.follow import Following
from deuteron.state.directory import State
from tests.serve.test_follower import made
from tests.serve.test_slices import Api, Quiet
from tests.unit.apply.hosts import add_floating_ip
from tests.unit.compile.world import distributed

_BRIDGES: Final = ("br-ex",)


def test_what_makes_nothing_is_written_down_with_what_does(tmp_path: Path) -> None:
    world, kernel = distributed(), made()
    api = Api(world.view())
    with State(tmp_path / "state") as state, state.locked():
        changer = partial(change, (kernel,), state)
        follower = Follower(kernel, state, changer, _BRIDGES)
        loop = Following(api, follower, kernel, state, Quiet(), interval=60.0, ended=lambda: False)

        def hears(*answers: Change | Same) -> None:
            for answer in answers:
                api.say(answer)
                loop._turn()

        loop._turn()
        hears(Same(request=1, revision=1))
        before, steps = world.view(), len(kernel.steps)
        world.network("bare", "10.8.0.0/24")
        world.router("empty")
        bare = world.view()
        part = difference(before, bare)
        hears(Change(request=1, revision=2, since=1, part=part), Same(request=1, revision=2))
        assert (api.reached, len(kernel.steps)) == (2, steps)
        assert state.committed() == before
        assert not state.intents()
        add_floating_ip(world)
        part = difference(bare, world.view())
        hears(Change(request=1, revision=3, since=2, part=part), Same(request=1, revision=3))
        assert len(kernel.steps) > steps
        assert state.committed() == follower.model.view
        world.router("late")
        part = difference(follower.model.view, world.view())
        hears(Change(request=1, revision=4, since=3, part=part), Same(request=1, revision=4))
        loop.stop()
        loop.run()
        assert state.committed() == follower.model.view
    api.close()
