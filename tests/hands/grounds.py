"""One ground for many tests: each leaves it as it found it, or the next one has a new one."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from deuteron.lab.scene import INTERNET
from deuteron.objects import KernelObject, Netns
from deuteron.objects.ownership import mark
from tests.hands.case import Case, extra_route
from tests.hands.ground import VICTIMS, WITNESSES, Ground, four_routers
from tests.hands.picture import Picture
from tests.hands.prober import Prober
from tests.support.sandbox import private_host

_PLACE: Final = re.compile(r"(host|inner): ")


class Scene:
    """A ground on which all is applied and still, with steady traffic to every floating IP."""

    def __init__(self, directory: Path) -> None:
        self._undo = ExitStack()
        try:
            host = self._undo.enter_context(private_host())
            self.ground = Ground(host, directory, four_routers())
            self._undo.callback(self.ground.world.close)
            self.ground.apply()
            self.prober = self._undo.enter_context(Prober(INTERNET, [*WITNESSES.values(), *VICTIMS.values()]))
            self.prober.steady()
        except BaseException:
            self._undo.close()
            raise
        self.whole = False
        #: As it should be.
        self.still: Picture = self.ground.picture()

    def close(self) -> None:
        self._undo.close()

    def keep(self) -> None:
        """All is as it was: the next test may have it."""
        self.whole = True

    def hurt_another(self, kind: str) -> None:
        """Somebody deletes something of the other victim's, which nobody's traffic needs."""
        other = "d" if kind == "c" else "c"
        route = next(thing for thing in self.ground.objects(f"router v{other}") if extra_route(thing))
        self.lay_hands(("ip route del {o.destination}",), route)

    def victim(self, case: Case, kind: str) -> KernelObject:
        """The object that the hand is laid on."""
        name = f"v{kind}"
        wanted = {
            "router": f"router {name}",
            "network": f"network {name}",
            "fip": "floating IPs of public",
            "port": f"port vm-{name}",
            "tap": f"port tap-{name}",
        }[case.unit]
        return next(thing for thing in self.ground.objects(wanted) if case.pick(thing))

    def of(self, router: str, prefix: str) -> set[str]:
        """The namespaces of a router with that prefix."""
        things = self.ground.objects(f"router {router}")
        return {each.name for each in things if isinstance(each, Netns) and each.name.startswith(prefix)}

    def lay_hands(self, commands: tuple[str, ...], thing: KernelObject) -> None:
        """Run commands that tell of ``thing``."""
        for command in commands:
            place, rest = home(thing), command
            if found := _PLACE.match(command):
                rest = command[found.end() :]
                place = "" if found[1] == "host" else getattr(thing, "peer_netns", "")
            self.ground.hand(place, words(rest, thing))


def home(thing: KernelObject) -> str:
    """The namespace that an object is in."""
    return thing.name if isinstance(thing, Netns) else str(getattr(thing, "netns", ""))


def words(template: str, thing: Any) -> str:
    """A template with the fields of ``thing``."""
    bare = str(getattr(thing, "address", "")).partition("/")[0]
    return template.format(
        o=thing,
        bare=bare,
        near=f"{bare.rpartition('.')[0]}.77",
        mark=mark(getattr(thing, "owner", "")).replace(" ", _SPACE),
    )


#: Stands for a space inside a word; commands are split at spaces.
_SPACE: Final = "\N{OPEN BOX}"


class Grounds:
    """The scene of this module's tests in this process."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._scene: Scene | None = None
        self._made = 0

    def take(self) -> Scene:
        """The scene for one test."""
        scene, self._scene = self._scene or self._new(), None
        scene.whole = False
        return scene

    def give_back(self, scene: Scene) -> None:
        """After the test."""
        if scene.whole:
            self._scene = scene
        else:
            scene.close()

    def close(self) -> None:
        """Destroy what is ours, and see that nothing is left."""
        if self._scene is not None:
            scene, self._scene = self._scene, None
            try:
                ended = scene.ground.run("destroy")
                assert ended.status == 0, ended
                assert scene.ground.host.leaks() == []
            finally:
                scene.close()

    def _new(self) -> Scene:
        self._made += 1
        directory = self._directory / str(self._made)
        directory.mkdir()
        return Scene(directory)
