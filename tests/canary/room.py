"""A host, a folder that holds all that a program could write, and a record of all that it has said."""

from __future__ import annotations

import logging
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml

from deuteron.cli.session import committed_view
from deuteron.compile import compile_host
from deuteron.errors import HostError
from deuteron.kernel.linux.libc import MS_BIND, mount, umount
from deuteron.objects import Netns
from tests.canary import sinks
from tests.canary.canaries import Canaries, kind_of
from tests.canary.sinks import ANSWERS, MENDS, Found
from tests.canary.topology import Cloud, Topology
from tests.hands.program import Ended, Program
from tests.support.sandbox import Host

#: To run the same again: the seed that a failure prints.
_SEED: Final = "DEUTERON_CANARY_SEED"
_FOLDERS: Final = ("inputs", "cwd", "home", "tmp", "log", "etc")
_ANSWERING: Final = frozenset(one.place for one in ANSWERS)
_NAMING: Final = frozenset(f"deuteron {one.place}" for one in MENDS)
#: Where programs put files without being asked; in the room they are its own.
_ELSEWHERE: Final = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))
#: What a program is run from; it stays where it is, though the checkout be in one of these.
_NEEDED: Final = frozenset({Path(__file__).parents[2], Path(sys.prefix), Path(sys.base_prefix)})

CONFIG: Final = """
host = "{host}"
policy = "{policy}"
[log]
form = "{form}"
level = "{level}"
{file}
"""

POLICY: Final = """
[[sysctl]]
path = "net/ipv4/conf/{{conf}}/log_martians"
value = 0
reason = "{reason}"
"""


class Listening(logging.Handler):
    """What anything says to Python's own logging."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(logging.Formatter().format(record))


class Room:
    """Where the program runs, and what came out of it.

    Attributes:
        folder: everything that it could write is below it.
        file: what is applied; its name is a canary.
        host: the machine.
        program: what it is asked with.
    """

    def __init__(self, host: Host, environment: pytest.MonkeyPatch) -> None:
        self.host = host
        self.folder = folder = _ELSEWHERE[0] / "room"
        folder.mkdir(mode=0o700)
        self.canaries = Canaries(int(os.environ.get(_SEED) or random.SystemRandom().getrandbits(32)))
        self.cloud = Cloud(self.canaries)
        for name in _FOLDERS:
            (folder / name).mkdir(mode=0o700)
        self.state = folder / "state"
        self.log = folder / "log" / "deuteron.log"
        self.file = folder / "inputs" / self.canaries.file()
        self.kernel = sinks.KernelLog()
        self.logging = Listening()
        self._said: list[tuple[str, str]] = []
        self.program = Program(self.state)
        self._surround(environment)
        host.make_bridge(self.cloud.bridge)
        for name in self.cloud.instances:
            host.make_netns(name)

    def _surround(self, environment: pytest.MonkeyPatch) -> None:
        places = {"HOME": "home", "XDG_CONFIG_HOME": "home/.config", "XDG_STATE_HOME": "home/.state"}
        places |= {"TMPDIR": "tmp", "XDG_RUNTIME_DIR": "home/run", "XDG_CACHE_HOME": "home/.cache"}
        for variable, place in places.items():
            environment.setenv(variable, str(self.folder / place))
        environment.setenv("NO_COLOR", "1")
        environment.setattr(tempfile, "tempdir", None)
        environment.chdir(self.folder / "cwd")
        environment.setattr(logging.root, "handlers", [self.logging])
        environment.setattr(logging.root, "level", logging.DEBUG)
        self.configure("json")
        environment.setenv("DEUTERON_CONFIG", str(self.config))

    @property
    def config(self) -> Path:
        return self.folder / "inputs" / "deuteron.toml"

    def configure(self, form: str, *, level: str = "debug", to_file: bool = True) -> None:
        """Write the configuration, whose values are canaries where they can be."""
        file = f'file = "{self.log}"' if to_file else ""
        policy = self.input("policy.toml", POLICY.format(reason=self.canaries.name("reason")))
        self.input(
            "deuteron.toml",
            CONFIG.format(host=self.canaries.name("host"), policy=policy, file=file, form=form, level=level),
        )

    def input(self, name: str, text: str) -> Path:
        """A file that the operator has written, as editors do."""
        path = self.folder / "inputs" / name
        new = path.with_name(f".{name}.new")
        new.write_text(text)
        new.chmod(0o600)
        return new.replace(path)

    def write(self, topology: Topology | None = None, name: str = "") -> Path:
        """A topology, all of whose values are new but ids, names of devices and prefixes."""
        made = self.cloud.topology() if topology is None else topology
        # Nothing is written once for two places: an anchor would be refused before anything else is.
        text = yaml.safe_dump(msgspec.json.decode(msgspec.json.encode(made)))
        return self.input(name or self.file.name, text)

    # What it is asked, and what it says.

    def __call__(self, *arguments: str | Path) -> Ended:
        """A verb, in this process."""
        ended = self.program(*arguments)
        self.heard(f"deuteron {arguments[0]}", ended.out + ended.err, answers=_verb(arguments) in _ANSWERING)
        return ended

    def well(self, *arguments: str | Path) -> Ended:
        """The same, and it must end with status 0."""
        ended = self(*arguments)
        assert ended.status == 0, (self, ended)
        return ended

    def heard(self, who: str, text: str, *, answers: bool = False) -> None:
        """Something was said; to the person who asked, or to anybody."""
        if not answers:
            self._said.append((who, text))

    # What there was to tell.

    def learn(self) -> None:
        """Note what has followed from them: addresses and MACs that were allocated, ids that were made."""
        with _where_there_is_a_state():
            view = committed_view(self.state)
            spaces = {
                thing.name
                for unit in compile_host(view).units
                for thing in unit.objects
                if isinstance(thing, Netns)
            }
            for one in spaces:
                self.canaries.note("id", one.partition("-")[2])
            for text in _texts(msgspec.to_builtins(view)):
                kind = kind_of(text)
                if kind is not None:
                    self.canaries.note(kind, text)

    # The search.

    def found(self) -> list[str]:
        """Every canary that is where it must not be, and every mode that lets others read."""
        self.learn()
        # The fip namespace's legs, which are nowhere in the inputs.
        self.canaries.note("prefix4", "169.254.")
        return [*map(str, self._found()), *sinks.wrong_modes(self.folder)]

    def _found(self) -> Iterator[Found]:
        known = self.canaries
        for who, text in self._said:
            without = ("file",) if who in _NAMING else ()
            yield from sinks.in_bytes(known, who, text.encode("utf-8", "backslashreplace"), *without)
        yield from sinks.in_bytes(known, "Python's logging", "\n".join(self.logging.heard).encode())
        yield from sinks.in_tree(known, self.folder)
        yield from sinks.in_tree(known, Path("/run/deuteron"))
        yield from sinks.in_process(known, os.getpid())
        # Of the kernel's log: names of devices and namespaces are its own words.
        yield from sinks.in_bytes(known, "the kernel's log", self.kernel.said(), "device", "name")
        for place in _ELSEWHERE:
            yield from sinks.in_tree(known, place, self.folder)

    def __repr__(self) -> str:
        return f"<{_SEED}={self.canaries.seed}>"


@contextmanager
def own_directories() -> Iterator[None]:
    """Nobody else's temporary files are seen by this thread, and by what it starts."""
    with ExitStack() as stack:
        stack.callback(os.fchdir, _held(Path.cwd(), stack))
        needed = {
            folder: _held(folder, stack)
            for folder in _NEEDED
            if any(folder.is_relative_to(place) for place in _ELSEWHERE)
        }
        for place in _ELSEWHERE:
            mount("tmpfs", place, "tmpfs", 0, "mode=1777")
            stack.callback(umount, place)
        for folder in sorted(needed):
            folder.mkdir(parents=True, exist_ok=True)
            mount(f"/proc/self/fd/{needed[folder]}", folder, "", MS_BIND)
            stack.callback(umount, folder)
        yield


def _held(folder: Path, stack: ExitStack) -> int:
    """A descriptor of a folder, whatever is mounted over its name."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    stack.callback(os.close, descriptor)
    return descriptor


@contextmanager
def _where_there_is_a_state() -> Iterator[None]:
    """There may be no state yet, or it was damaged and nothing is added to it."""
    try:
        yield
    except HostError as error:
        if error.code not in ("nothing-applied", "state-corrupt"):
            raise


def _verb(arguments: tuple[str | Path, ...]) -> str:
    words = [str(one) for one in arguments]
    return "" if "--watch" in words or "--help" in words else words[0]


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            yield from (text for one in value.values() for text in _texts(one))
        case list() | tuple():
            yield from (text for one in value for text in _texts(one))
