"""What pseudonyms stand for, found by naming everything that the state knows under every key there is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from deuteron.agent.known_things import Known
from deuteron.logs.key import Keys
from deuteron.logs.pseudonym import bits_of, kind_of
from deuteron.logs.reference import Kind, Ref
from deuteron.state.quarantine import Quarantined

#: Kinds whose one form may be of another kind.
_TURNING: Final[frozenset[Kind]] = frozenset({"unit", "namespace", "prefix"})


class Revealed(msgspec.Struct, frozen=True, kw_only=True):
    """A pseudonym and what it stands for.

    Attributes:
        kind: of the thing; "" where it is no pseudonym of ours at all.
        value: the thing's id or the like, "" where nothing that is known has this pseudonym.
        known_as: in words, the most telling first.
        failures: why it is not as wanted, where it is not.
    """

    token: str
    kind: str = ""
    value: str = ""
    known_as: tuple[str, ...] = ()
    failures: tuple[Quarantined, ...] = ()


def reveal(
    tokens: Iterable[str], things: Iterable[Known], keys: Keys, failures: Collection[Quarantined] = ()
) -> tuple[Revealed, ...]:
    """Look tokens up.

    Args:
        tokens: pseudonyms; other text is told as such.
        things: all that may be meant.
        keys: the one in use and those of before.
        failures: the units that are not as wanted.

    Returns:
        One answer for each token, in their order.
    """
    asked = tuple(dict.fromkeys(tokens))
    found = _look(frozenset(asked), things, keys)
    names = [one.pseudonyms for one in keys.keys]
    failed: defaultdict[str, list[Quarantined]] = defaultdict(list)
    for failure in failures:
        for token in {name.of("unit", failure.unit) for name in names}:
            failed[token].append(failure)
    return tuple(_answer(token, found[token], tuple(failed[token])) for token in asked)


def _look(tokens: Collection[str], things: Iterable[Known], keys: Keys) -> defaultdict[str, list[Known]]:
    asked = {(kind, bits_of(token)): token for token in tokens if (kind := kind_of(token)) is not None}
    kinds = {kind for kind, _ in asked}
    names = [one.pseudonyms for one in keys.keys]
    found: defaultdict[str, list[Known]] = defaultdict(list)
    # A thing is known in several ways, a gateway's address by every subnet: one digest a key is enough.
    meant: dict[Ref, list[str]] = {}
    for known in things:
        if known.thing.value and (known.thing.kind in kinds or known.thing.kind in _TURNING):
            thing = known.thing.canonical
            if thing.kind not in kinds:
                continue
            if thing not in meant:
                bits = ((thing.kind, name.bits(thing)) for name in names)
                meant[thing] = [asked[one] for one in bits if one in asked]
            for token in meant[thing]:
                found[token].append(Known(thing, known.what))
    return found


def _answer(token: str, known: Iterable[Known], failures: tuple[Quarantined, ...]) -> Revealed:
    known = tuple(known)
    return Revealed(
        token=token,
        kind=kind_of(token) or "",
        value=known[0].thing.value if known else "",
        known_as=tuple(dict.fromkeys(one.what for one in known)),
        failures=failures,
    )
