"""Taking one thing of ours away, on either kernel, and what is open then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from deuteron.kernel.protocol import Kernel
from deuteron.objects import Delete, KernelObject, NftElement, NftTable, Step, Sysctl, Update, Wanted
from deuteron.objects.step import inverse


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """One rule, element or parameter, and the step that takes it away.

    Attributes:
        knob: the parameter's name, the last part of its path; "" for others.
    """

    what: str
    netns: str
    step: Step
    knob: str = ""


#: What a switch is turned to; a parameter that is none, or a time, is left alone.
_TURNED: Final = {"0": "1", "1": "0", "2": "0"}


def each_one(wanted: Wanted) -> Iterator[Taken]:
    """Every rule, element and parameter of a host, each taken away alone."""
    objects = [each for unit in wanted.units for each in unit.objects]
    for each in objects:
        match each:
            case NftTable():
                yield from _rules(each, objects)
            case NftElement(netns=netns, set=name, item=item):
                what = f"{netns}: element {' . '.join(item)} of {name}"
                yield Taken(what=what, netns=netns, step=Delete(each))
            case Sysctl(value=value, path=path) if value in _TURNED and not path.endswith("_delay"):
                yield _turned(each, _TURNED[value])
            case _:
                pass


def _turned(knob: Sysctl, value: str) -> Taken:
    new = msgspec.structs.replace(knob, value=value)
    what = f"{knob.netns}: {knob.path} = {value}"
    step = Update(old=knob, new=new)
    return Taken(what=what, netns=knob.netns, step=step, knob=knob.path.rpartition("/")[2])


def _rules(table: NftTable, objects: Iterable[KernelObject]) -> Iterator[Taken]:
    elements = tuple(e for e in objects if isinstance(e, NftElement) and e.netns == table.netns)
    for chain in table.chains:
        for number, rule in enumerate(chain.rules):
            rest = (*chain.rules[:number], *chain.rules[number + 1 :])
            yield Taken(
                what=f"{table.netns}: rule {number} of {chain.name} ({rule.comment})",
                netns=table.netns,
                step=changed(table, chain.name, elements, rules=rest),
            )


def changed(table: NftTable, chain: str, elements: tuple[NftElement, ...], **fields: object) -> Step:
    """The step that changes one chain of a table and nothing else."""
    chains = tuple(
        msgspec.structs.replace(each, **fields) if each.name == chain else each for each in table.chains
    )
    new = msgspec.structs.replace(table, chains=chains)
    return Update(old=table, new=new, contents=elements, old_contents=elements)


def without_filters(wanted: Wanted) -> Iterator[Step]:
    """Every table without the chains that drop: what the tests must notice."""
    objects = [each for unit in wanted.units for each in unit.objects]
    for table in objects:
        if isinstance(table, NftTable):
            elements = tuple(e for e in objects if isinstance(e, NftElement) and e.netns == table.netns)
            chains = tuple(each for each in table.chains if each.policy != "drop")
            new = msgspec.structs.replace(table, chains=chains)
            yield Update(old=table, new=new, contents=elements, old_contents=elements)


def take(kernel: Kernel, step: Step) -> None:
    """Run one step; it must be done."""
    outcome = kernel.run([step])
    assert outcome.error is None, outcome.error


def put_back(kernel: Kernel, step: Step) -> None:
    """Run its inverse."""
    outcome = kernel.run(inverse(step))
    assert outcome.error is None, outcome.error
