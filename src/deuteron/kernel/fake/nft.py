"""The namespace's table: steps that follow one another are one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from errno import EEXIST, ENOENT

from deuteron.errors import KernelError
from deuteron.kernel.fake.state import Namespace, State, refusal
from deuteron.objects import Create, Delete, KernelObject, NftElement, NftTable, Step, Update


def touches(step: Step) -> str | None:
    """The namespace whose table a step changes, or ``None`` for any other step."""
    match step:
        case (
            Create(object=NftTable(netns=netns) | NftElement(netns=netns))
            | Delete(object=NftTable(netns=netns) | NftElement(netns=netns))
            | Update(new=NftTable(netns=netns) | NftElement(netns=netns))
        ):
            return netns
        case _:
            return None


def commit(state: State, netns: str, steps: Sequence[Step]) -> tuple[int, KernelError] | None:
    """Do all of the steps or none; else which one was refused, and why."""
    try:
        namespace = state.namespace(netns)
    except KernelError as error:
        failing = next((n for n, step in enumerate(steps) if not isinstance(step, Delete)), None)
        return None if failing is None else (failing, error)
    draft = copy(namespace)
    copied: set[str] = set()
    draft.elements = dict(namespace.elements)
    for number, step in enumerate(steps):
        try:
            _one(draft, step, copied)
        except KernelError as error:
            return number, error
    namespace.table, namespace.elements = draft.table, draft.elements
    return None


def _one(draft: Namespace, step: Step, copied: set[str]) -> None:
    match step:
        case Create(object=NftTable() as table):
            if draft.table is not None:
                raise refusal(EEXIST, "the table exists already")
            _lay(draft, table, (), copied)
        case Update(new=NftTable() as table, contents=contents):
            if draft.table is None:
                raise refusal(ENOENT, "there is no table to replace")
            _lay(draft, table, contents, copied)
        case Delete(object=NftTable()):
            draft.table, draft.elements = None, {}
        case _:
            _one_element(draft, step, copied)


def _one_element(draft: Namespace, step: Step, copied: set[str]) -> None:
    match step:
        case Create(object=NftElement() as element):
            _add(draft, element, copied)
        case Update(old=NftElement() as old, new=NftElement() as new):
            members = _set(draft, old.set, copied)
            if old.item not in members:
                raise refusal(ENOENT, "there is no element to change")
            del members[old.item]
            _add(draft, new, copied)
        case Delete(object=NftElement() as element):
            if element.set in draft.elements:
                _set(draft, element.set, copied).pop(element.item, None)
        case _:
            raise AssertionError("not a step for a table")


def _lay(draft: Namespace, table: NftTable, contents: Sequence[KernelObject], copied: set[str]) -> None:
    draft.table = table
    draft.elements = {declared.name: {} for declared in table.sets}
    copied.update(draft.elements)
    for element in contents:
        if isinstance(element, NftElement):
            _add(draft, element, copied)


def _set(draft: Namespace, name: str, copied: set[str]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """The set to write to, copied once in a transaction."""
    if name not in draft.elements:
        raise refusal(ENOENT, "the table has no such set")
    if name not in copied:
        draft.elements[name] = dict(draft.elements[name])
        copied.add(name)
    return draft.elements[name]


def _add(draft: Namespace, element: NftElement, copied: set[str]) -> None:
    members = _set(draft, element.set, copied)
    if element.item in members:
        raise refusal(EEXIST, "the element exists already")
    members[element.item] = element.value
