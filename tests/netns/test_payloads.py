"""What a real Neutron server told its agents: every host of every recording, from nothing and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deuteron.apply.destroy import NOTHING
from deuteron.lab.proofs import Proof
from tests.netns.site import Site
from tests.support.sandbox import Host

pytestmark = pytest.mark.kernel

PAYLOADS = Path(__file__).parents[1] / "data" / "neutron-payloads"


def hosts() -> list[Any]:
    """Each file with each of its hosts."""
    pairs = []
    for file in sorted(PAYLOADS.glob("*.json")):
        names = sorted(json.loads(file.read_text())["hosts"])
        pairs += [pytest.param(file, name, id=f"{file.stem}-{name}") for name in names]
    return pairs


def failures(proofs: list[Proof]) -> list[str]:
    return [f"{each.what}: {each.detail}" for each in proofs if not each.ok]


@pytest.mark.parametrize(("file", "name"), hosts())
def test_applies_verifies_passes_packets_and_vanishes(site: Site, host: Host, file: Path, name: str) -> None:
    steps = site.apply_file(file, name)
    assert steps > 0
    assert site.around is not None
    proofs = list(site.around.prove())
    assert failures(proofs) == []
    assert proofs, "nothing was proven"
    assert site.apply_file(file, name) == 0

    site.vacate()
    surroundings = set(site.ground.namespaces()), set(site.ground.links())
    site.converge(NOTHING)
    left = set(site.ground.namespaces()), set(site.ground.links())
    assert all(now <= before for now, before in zip(left, surroundings, strict=True))
    assert host.leaks() == []
    assert not [each for each in left[0] if each.startswith(("qrouter-", "snat-", "fip-", "net-"))]
    assert left[1] == {"lo", "br-ex", "tap-ext0"}


@pytest.mark.parametrize(("file", "name"), hosts())
def test_there_and_back_and_there_again_is_the_same(site: Site, file: Path, name: str) -> None:
    first = site.apply_file(file, name)
    site.destroy()
    site.populated = True  # no guests this time
    assert site.apply_file(file, name) == first
    site.populated = False
