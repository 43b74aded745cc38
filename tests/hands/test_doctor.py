"""The same hands, and ``deuteron doctor`` who tells of them and mends: one case of each kind of object."""

from __future__ import annotations

import pytest
from _pytest.mark import ParameterSet

from tests.hands.case import Case
from tests.hands.cases import CASES
from tests.hands.ground import INTERNET, VICTIMS
from tests.hands.grounds import Scene
from tests.hands.picture import same
from tests.hands.prober import answers
from tests.hands.test_hands import assert_nobody_noticed

pytestmark = pytest.mark.kernel


def rows() -> list[ParameterSet]:
    """The first case of each kind of object in which something of ours is deleted or changed."""
    found = []
    for what, cases in CASES.items():
        case = next(each for each in cases if each.hand in ("deleted", "changed"))
        marks = [pytest.mark.tun] if case.unit == "tap" else []
        kind = case.kinds[-1]
        found.append(pytest.param(case, kind, id=f"{what}-{case.name}-{case.hand}", marks=marks))
    return found


@pytest.mark.parametrize(("case", "kind"), rows())
def test_the_doctor_tells_and_repairs(scene: Scene, case: Case, kind: str) -> None:
    thing = scene.victim(case, kind)
    begun = scene.prober.mark()
    scene.lay_hands(case.by, thing)

    seen = scene.ground.run("doctor", "-o", "json")
    assert seen.status == 3, seen
    found = [one for one in seen.document()["findings"] if one["code"] != "foreign"]
    assert found, seen

    mended = scene.ground.run("doctor", "--repair")
    assert mended.status == 0, mended
    same(scene.still, scene.ground.picture())
    assert scene.ground.run("doctor").status == 0
    assert_nobody_noticed(scene, case, begun)
    assert answers(INTERNET, [VICTIMS[f"v{kind}"]])
    scene.keep()


@pytest.mark.parametrize("prefix", ["qrouter-", "snat-"])
def test_a_namespace_of_which_only_the_file_is_left_is_mended(scene: Scene, prefix: str) -> None:
    path = next(
        path for path in sorted(scene.ground.host.netns_dir.iterdir()) if path.name in scene.of("vd", prefix)
    )
    begun = scene.prober.mark()
    scene.ground.hand("", f"umount {path}")

    refused = scene.ground.run("apply", scene.ground.file)
    assert refused.status in (0, 1), refused
    if refused.status:
        assert "dead-namespace" in refused.said, refused
        mended = scene.ground.run("doctor", "--repair")
        assert mended.status == 0, mended
    same(scene.still, scene.ground.picture())
    assert scene.prober.lost(begun).keys() <= set(VICTIMS.values())
    assert answers(INTERNET, [VICTIMS["vd"]])
    scene.keep()
