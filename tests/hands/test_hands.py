"""Somebody else's hands on the host: what is ours comes back as it was, what is theirs is left alone.

Ours deleted, ours changed, something foreign beside ours, something foreign in the place of ours: for
every kind of object, on both kinds of router.  The traffic of the other routers goes on meanwhile: steady
pings through their floating IPs, of which none may be lost.
"""

from __future__ import annotations

import itertools

import pytest
from _pytest.mark import ParameterSet

from deuteron.reconcile.words import describe
from tests.hands.case import Case
from tests.hands.cases import CASES
from tests.hands.ground import INTERNET, VICTIMS, WITNESSES
from tests.hands.grounds import Scene, words
from tests.hands.picture import difference, same
from tests.hands.prober import answers

pytestmark = pytest.mark.kernel

KINDS = {"c": "centralised", "d": "distributed"}


def rows(hands: tuple[str, ...]) -> list[ParameterSet]:
    """Every case of these hands, for each kind of router that it is about."""
    return [
        pytest.param(
            case,
            kind,
            id=f"{what}-{case.name}-{case.hand}-{KINDS[kind]}",
            marks=[pytest.mark.tun] if case.unit == "tap" else [],
        )
        for what, cases in CASES.items()
        for case, kind in itertools.product(cases, KINDS)
        if case.hand in hands and kind in case.kinds
    ]


@pytest.mark.parametrize(("case", "kind"), rows(("deleted", "changed")))
def test_what_is_ours_comes_back_as_it_was(scene: Scene, case: Case, kind: str) -> None:
    thing = scene.victim(case, kind)
    begun = scene.prober.mark()
    scene.lay_hands(case.by, thing)

    verified = scene.ground.run("verify")
    assert verified.status == 3, verified
    assert (words(case.told, thing) or describe(thing)) in verified.out, verified

    applied = scene.ground.run("apply", scene.ground.file)
    assert applied.status == 0, applied
    if case.away:
        scene.lay_hands(case.away, thing)
    same(scene.still, scene.ground.picture())
    assert_nobody_noticed(scene, case, begun)
    assert answers(INTERNET, [VICTIMS[f"v{kind}"]])
    scene.keep()


@pytest.mark.parametrize(("case", "kind"), rows(("beside",)))
def test_what_is_not_ours_is_told_and_left_alone(scene: Scene, case: Case, kind: str) -> None:
    thing = scene.victim(case, kind)
    begun = scene.prober.mark()
    scene.lay_hands(case.by, thing)
    theirs = scene.ground.picture()
    assert difference(scene.still, theirs), "the hand did nothing"

    verified = scene.ground.run("verify")
    assert verified.status == 0, verified
    assert words(case.told, thing) in verified.out, verified

    applied = scene.ground.run("apply", scene.ground.file)
    assert applied.status == 0, applied
    assert "No changes" in applied.out, applied
    same(theirs, scene.ground.picture())
    scene.lay_hands(case.away, thing)
    same(scene.still, scene.ground.picture())
    assert_nobody_noticed(scene, case, begun)
    scene.keep()


@pytest.mark.parametrize(("case", "kind"), rows(("taken",)))
def test_what_somebody_put_in_our_place_is_told_and_hinders_nobody_else(
    scene: Scene, case: Case, kind: str
) -> None:
    thing = scene.victim(case, kind)
    begun = scene.prober.mark()
    scene.lay_hands(case.by, thing)
    theirs = scene.ground.picture()
    verified = scene.ground.run("verify")
    assert words(case.told, thing) in verified.said, verified
    scene.hurt_another(kind)  # which is to be mended all the same

    applied = scene.ground.run("apply", scene.ground.file)
    assert applied.status == 1, applied
    assert case.code in applied.said, applied
    same(theirs, scene.ground.picture())
    scene.lay_hands(case.away, thing)
    scene.ground.apply()
    same(scene.still, scene.ground.picture())
    assert_nobody_noticed(scene, case, begun)
    scene.keep()


def assert_nobody_noticed(scene: Scene, case: Case, begun: dict[str, int]) -> None:
    lost = scene.prober.lost(begun)
    assert scene.prober.sent(begun) > 0
    assert [WITNESSES[name] for name in case.spares if WITNESSES[name] in lost] == [], lost


def test_a_lost_packet_would_be_seen(scene: Scene) -> None:
    begun = scene.prober.mark()
    address = WITNESSES["wc"]
    scene.ground.hand(INTERNET, f"ip route add blackhole {address}")
    scene.prober.wait(3)
    scene.ground.hand(INTERNET, f"ip route del blackhole {address}")
    assert address in scene.prober.lost(begun)
    scene.prober.steady()
    scene.keep()
