"""Every kernel parameter, base chain and rule changed by hand under the watch: back within one look."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from deuteron.apply.engine import verify
from deuteron.compile import compile_host
from deuteron.compile.policy import KINDS, Knob, kind_of, packaged
from deuteron.inputs import load
from deuteron.objects import NftTable, Sysctl, Wanted
from tests.netns.watching import PATIENCE, Watching
from tests.support.sandbox import Host

T = TypeVar("T")

ROOT: Final = Path(__file__).parents[2]
SYS: Final = Path("/proc/sys")
#: The one after the change, and the one that was in progress.
LOOKS: Final = 2
#: Seconds after a look within which what was mended is read back: a change then would be told as trouble.
READ_BACK: Final = 0.2
PREFIXES: Final = ("qrouter-", "snat-", "fip-", "net-")
#: Of the host's own namespace, which no write may reach.
OF_HOST: Final = ("net/ipv4/conf/all", "net/ipv4/conf/default", "net/ipv6/conf/all", "net/ipv6/conf/default")

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(shutil.which("nft") is None, reason="not on this machine: nft"),
]


@pytest.fixture
def watching(host: Host, tmp_path: Path) -> Iterator[Watching]:
    """A watch over an example with every kind of namespace, v4 and v6."""
    host.make_bridge("br-ex")
    view = load(ROOT / "examples" / "dual-stack.yaml").view
    for name in {need.name for u in compile_host(view).units for need in u.needs if need.kind == "netns"}:
        host.make_netns(name)
    with Watching(view, tmp_path / "state") as watching:
        yield watching


def one_of_each(wanted: Wanted) -> Iterator[Sysctl]:
    """The parameters of one namespace of each prefix."""
    chosen: dict[str, str] = {}
    for unit in wanted.units:
        for thing in unit.objects:
            prefix = thing.key[1].partition("-")[0]
            if isinstance(thing, Sysctl) and chosen.setdefault(prefix, thing.netns) == thing.netns:
                yield thing


def other(value: str) -> str:
    """What somebody might write instead."""
    return "1" if value == "0" else "0"


def reads(path: str, value: str) -> bool:
    """Whether a parameter of the thread's namespace has a value."""
    return (SYS / path).read_text().strip() == value


def wait_for(condition: Callable[[], bool], what: str, watching: Watching) -> float:
    """The seconds until something is so."""
    begun = time.monotonic()
    while time.monotonic() < begun + PATIENCE:
        if condition():
            return time.monotonic() - begun
        time.sleep(0.005)
    failed = [repair.result.error for repair in watching.repairs if repair.result.error]
    told = f"{failed}; {watching.troubles}; {watching.failure}; {watching.looks[-1:]}"
    raise AssertionError(f"{what}: not back after {PATIENCE} s; {told}")


def rounds(per_netns: Iterable[Iterable[T]]) -> Iterator[list[T]]:
    """One of each namespace at a time: what is changed in one is alone there."""
    for some in zip_longest(*per_netns):
        yield [one for one in some if one is not None]


def flip(things: Iterable[Sysctl], host: Host) -> None:
    """Write other values, all within a moment: before the first is mended and read back."""
    with ExitStack() as stack:
        files = []
        for thing in things:
            with host.inside(thing.netns):
                files.append((stack.enter_context((SYS / thing.path).open("w")), other(thing.value)))
        for file, value in files:
            file.write(value)
            file.flush()


def reads_as_wanted(thing: Sysctl, host: Host) -> bool:
    with host.inside(thing.netns):
        return reads(thing.path, thing.value)


def test_a_flipped_sysctl_is_back_within_one_look(watching: Watching, host: Host) -> None:
    by_netns: defaultdict[str, list[Sysctl]] = defaultdict(list)
    for thing in one_of_each(watching.wanted):
        by_netns[thing.netns].append(thing)
    flipped: set[str] = set()
    for things in rounds(by_netns.values()):
        looks = len(watching.looks)
        flip(things, host)
        flipped |= {thing.path.replace(thing.dev, "{dev}") if thing.dev else thing.path for thing in things}
        for thing in things:
            wait_for(partial(reads_as_wanted, thing, host), f"{thing.netns} {thing.path}", watching)
        assert len(watching.looks) - looks <= LOOKS * len(things), things
        watching.rest(READ_BACK)
    assert_at_rest(watching)
    pairs = [pair for kind in KINDS for pair in packaged().of_netns[kind]]
    pairs += [pair for of_link in packaged().of_link.values() for pair in of_link]
    assert flipped == {path for path, _ in pairs}


def assert_at_rest(watching: Watching) -> None:
    """All is as wanted, and was after each mending."""
    watching.rest()
    assert watching.troubles == []
    assert verify(watching.kernel, watching.wanted).none


def nft(netns: str, options: str, script: str = "") -> str:
    done = subprocess.run(
        ["ip", "netns", "exec", netns, "nft", *options.split()],
        text=True,
        input=script,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, (netns, script, done.stderr)
    return done.stdout


def listed(netns: str) -> list[dict[str, Any]]:
    """What is in the table, without the kernel's own numbers."""
    items: list[dict[str, Any]] = json.loads(nft(netns, "-j list ruleset"))["nftables"]
    return items


def shape(netns: str) -> list[str]:
    """The chains and rules, as far as they decide."""
    return [
        json.dumps({key: value for key, value in body.items() if key not in ("handle", "index")})
        for item in listed(netns)
        for kind, body in item.items()
        if kind in ("table", "chain", "rule")
    ]


def is_shaped(netns: str, expected: list[str]) -> bool:
    return shape(netns) == expected


def damages(netns: str) -> Iterator[list[str]]:
    """Every base chain turned by its policy, and by a rule; every rule removed, one of each chain."""
    chains = [one["chain"] for one in listed(netns) if "chain" in one and "hook" in one["chain"]]
    rules: defaultdict[str, int] = defaultdict(int)
    for one in listed(netns):
        if "rule" in one:
            rules[one["rule"]["chain"]] += 1
    for chain in chains:
        turned = "accept" if chain["policy"] == "drop" else "drop"
        yield [f"add chain inet deuteron {chain['name']} {{ policy {turned} ; }}"]
    yield [f"insert rule inet deuteron {chain['name']} accept" for chain in chains]
    for number in range(max(rules.values())):
        yield [f"delete {name} {number}" for name, count in rules.items() if number < count]


def do(netns: str, commands: list[str]) -> None:
    """At once; ``delete CHAIN N`` is about its N-th rule, whatever handle that has by now."""
    rules: defaultdict[str, list[int]] = defaultdict(list)
    for one in listed(netns):
        if "rule" in one:
            rules[one["rule"]["chain"]].append(one["rule"]["handle"])
    script = ""
    for command in commands:
        verb, chain, number, *_ = command.split()
        handle = f"handle {rules[chain][int(number)]}" if verb == "delete" else ""
        script += f"delete rule inet deuteron {chain} {handle}\n" if handle else f"{command}\n"
    nft(netns, "-f -", script)


def tables(wanted: Wanted) -> Iterator[str]:
    """One namespace of each prefix that has a table."""
    names = [thing.netns for u in wanted.units for thing in u.objects if isinstance(thing, NftTable)]
    for prefix in PREFIXES:
        yield from [name for name in names if name.startswith(prefix)][:1]


def test_a_changed_base_chain_is_back_within_one_look(watching: Watching) -> None:
    before = {netns: shape(netns) for netns in tables(watching.wanted)}
    done = 0
    for some in rounds([(netns, damage) for damage in damages(netns)] for netns in before):
        looks = len(watching.looks)
        for netns, commands in some:
            do(netns, commands)
            done += len(commands)
        for netns, commands in some:
            wait_for(partial(is_shaped, netns, before[netns]), f"{netns} {commands}", watching)
        assert len(watching.looks) - looks <= LOOKS * len(some), some
        watching.rest(READ_BACK)
    assert_at_rest(watching)
    assert len(before) == len(PREFIXES)
    print(f"{done} changes")
    assert done > 100


def unwritten() -> list[Knob]:
    """Those that a new namespace has so by itself; what the filter closes is elsewhere."""
    here = test_a_fresh_namespace_has_what_is_not_written.__name__
    return [knob for knob in packaged().entries.sysctl if knob.unwritten and knob.test.endswith(here)]


def test_a_fresh_namespace_has_what_is_not_written(watching: Watching, host: Host) -> None:
    names = {kind_of(thing.netns): thing.netns for thing in one_of_each(watching.wanted)}
    differing: list[str] = []
    for knob in unwritten():
        for kind in knob.netns:
            with host.inside(names[kind]):
                found = (SYS / knob.path).read_text().strip()
            if found != knob.value:
                differing.append(f"{kind} {knob.path} is {found}, not {knob.value}")
    assert differing == []


def test_nothing_is_written_to_the_hosts_own_namespace(host: Host, tmp_path: Path) -> None:
    def own() -> dict[str, str]:
        files = [path for folder in OF_HOST for path in (SYS / folder).iterdir()]
        files += [SYS / knob.path for knob in packaged().entries.sysctl if "{" not in knob.path]
        return {
            str(path): path.read_text()
            for path in files
            if path.stat().st_mode & 0o444 and "secret" not in path.name
        }

    with host.inside(""):
        before = own()
    host.make_bridge("br-ex")
    view = load(ROOT / "examples" / "dual-stack.yaml").view
    for name in {need.name for u in compile_host(view).units for need in u.needs if need.kind == "netns"}:
        host.make_netns(name)
    with Watching(view, tmp_path / "state"):
        pass
    with host.inside(""):
        assert own() == before
