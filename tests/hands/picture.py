"""What a host looks like to its administrator: the text of ``ip``, ``bridge``, ``nft`` and parameters.

Not the engine's own look: these tools are the witness.  Numbers that the kernel gives anew to whatever is
made again (link indexes, handles) are left out, and so is what it learns (neighbours, bridge tables).
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from deuteron.lab.inside import NETNS_DIR, inside
from tests.support.sandbox import Host

#: Where there is nothing for ``bridge`` to show, and something for ``nft``; each tool costs its start.
_NO_BRIDGES: Final = ("qrouter-", "snat-", "fip-", "vm-", "internet")
_FILTERS: Final = ("qrouter-", "snat-", "fip-")
#: Said once for each family.
_LOOKS: Final = (
    "address show",
    "route show table all",
    "rule show",
    "neigh show nud permanent",
    "neigh show proxy",
)
_INDEX: Final = re.compile(r"^\d+: |@if\d+|@\S+?(?=:)| link-netnsid \d+| link-netns \S+")
#: What a link's driver and its neighbours make of it, which comes and goes by itself.
_PASSING: Final = re.compile(
    r"NO-CARRIER,|,LOWER_UP|,M-DOWN|NO-CARRIER| state \S+| qdisc \S+| tentative| qlen \d+"
)
_SPACES: Final = re.compile(r"\\?\s+")
#: What the kernel adds by itself, in step with addresses and links.
_LEARNT: Final = re.compile(
    r" proto (kernel|ra|redirect)|^(local|broadcast|multicast|anycast) | inet6 fe80::(?!.* proto )"
)

Picture = dict[str, tuple[str, ...]]


def picture(host: Host, sysctls: Mapping[str, Iterable[str]]) -> Picture:
    """Every namespace's lines, sorted; "" is the host's own.

    Args:
        host: whose.
        sysctls: the parameters to read, by namespace; those that are not there are left out.
    """
    names = sorted(path.name for path in host.netns_dir.iterdir())
    return {name: _namespace(name, tuple(sysctls.get(name, ()))) for name in ["", *names]}


def same(before: Picture, after: Picture) -> None:
    """Fail, with every line that differs, unless the two are the same."""
    lines = difference(before, after)
    assert not lines, "\n".join(["these lines went (-) and came (+):", *lines])


def difference(before: Picture, after: Picture) -> list[str]:
    """The lines that went and came, with their namespace; empty where nothing differs."""
    lines = []
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            lines.append(f"{'+' if name in after else '-'} namespace {name}")
            continue
        old, new = before[name], after[name]
        lines += [f"- {name}: {line}" for line in old if line not in new]
        lines += [f"+ {name}: {line}" for line in new if line not in old]
        if not lines and old != new:
            lines.append(f"! {name}: the same lines in other numbers")
    return lines


def without(whole: Picture, *names: str) -> Picture:
    """The picture without some namespaces."""
    return {name: lines for name, lines in whole.items() if name not in names}


def _namespace(name: str, sysctls: tuple[str, ...]) -> tuple[str, ...]:
    if not name:
        return _here(name, sysctls)
    if (NETNS_DIR / name).stat().st_dev == NETNS_DIR.stat().st_dev:
        return ("a file, no namespace",)
    return inside(NETNS_DIR / name, lambda: _here(name, sysctls))


def _here(name: str, sysctls: tuple[str, ...]) -> tuple[str, ...]:
    lines = [*_batch("ip", ("link show", *_LOOKS), "-o", "-4"), *_batch("ip", _LOOKS, "-o", "-6")]
    lines = [_plain(line) for line in lines if not _LEARNT.search(line)]
    if not name.startswith(_NO_BRIDGES):
        lines += [line for line in _batch("bridge", ("fdb show",)) if " static" in line]
    if name.startswith(_FILTERS):
        lines += _ruleset()
    lines += [f"sysctl {path} {_read(path)}" for path in sysctls]
    return tuple(sorted(lines))


def _plain(line: str) -> str:
    return _SPACES.sub(" ", _PASSING.sub("", _INDEX.sub("", line))).strip()


def _batch(tool: str, looks: Iterable[str], *options: str) -> list[str]:
    return _told([tool, *options, "-force", "-batch", "-"], "\n".join(looks) + "\n").splitlines()


def _ruleset() -> list[str]:
    text = _told(["nft", "-s", "-j", "list", "ruleset"])
    found = [each for each in json.loads(text)["nftables"] if "metainfo" not in each]
    chains: dict[str, int] = {}
    return [_rule(each, chains) for each in found]


def _told(command: list[str], said: str = "") -> str:
    done = subprocess.run(command, input=said, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


def _rule(each: dict[str, Any], chains: dict[str, int]) -> str:
    """One object of a ruleset; a rule with its place in its chain, a set with its elements in order."""
    ((kind, body),) = each.items()
    body.pop("handle", None)
    if "elem" in body:
        body["elem"] = sorted((one for one in body["elem"] if not _learnt(one)), key=str)
    if not body.get("elem"):
        body.pop("elem", None)
    place = ""
    if kind == "rule":
        chain = f"{body['family']} {body['table']} {body['chain']}"
        chains[chain] = chains.get(chain, 0) + 1
        place = f" {chains[chain]}"
    return f"nft {kind}{place} {json.dumps(body, sort_keys=True)}"


def _learnt(element: Any) -> bool:
    """Whether packets put it there (a bucket of a limit), so that it goes by itself."""
    return isinstance(element, dict) and "expires" in element.get("elem", {})


def _read(path: str) -> str:
    try:
        return Path("/proc/sys", path).read_text().strip()
    except OSError:
        return "is not there"
