"""A group of steps on one namespace's nftables table: one transaction."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from deuteron.errors import KernelError
from deuteron.kernel.linux.batch import Failure
from deuteron.kernel.linux.nft import Nftables
from deuteron.kernel.linux.space import Spaces
from deuteron.objects import Create, Delete, NftElement, NftTable, Step, Update, nft_text

_Change = Create | Delete | Update


class Transaction:
    """Steps on a table and its elements.

    Args:
        netns: whose table it is.
    """

    def __init__(self, netns: str, spaces: Spaces, nftables: Callable[[], Nftables]) -> None:
        self._netns = netns
        self._spaces = spaces
        self._nftables = nftables
        self._positions: list[int] = []
        self._steps: list[_Change] = []

    def takes(self, step: Step) -> bool:
        """Whether ``step`` may join."""
        match step:
            case Create(object=thing) | Delete(object=thing) | Update(new=thing):
                return isinstance(thing, NftTable | NftElement) and thing.netns == self._netns
            case _:
                return False

    def add(self, position: int, step: Step) -> None:
        """Put the step in."""
        if isinstance(step, Create | Delete | Update):
            self._positions.append(position)
            self._steps.append(step)

    def send(self, done: list[bool]) -> Failure:
        """Run all as one transaction; mark what is done, and tell the failure."""
        return self._send(self._positions, self._steps, done)

    def _send(self, positions: Sequence[int], steps: Sequence[_Change], done: list[bool]) -> Failure:
        try:
            self._commit(steps)
        except KernelError as error:
            if error.errno == errno.EMSGSIZE and len(steps) > 1:
                return self._send_halves(positions, steps, done)
            went_along = error.code == "no-netns" and all(isinstance(step, Delete) for step in steps)
            if not went_along:
                return positions[0], self._told(error)
        for position in positions:
            done[position] = True
        return None, None

    def _send_halves(self, positions: Sequence[int], steps: Sequence[_Change], done: list[bool]) -> Failure:
        """More than fits in a socket's buffer, which only root of the host may enlarge (SO_SNDBUFFORCE).

        Then it takes more than one transaction: of elements that is as safe, since the table,
        which comes first, drops what it has no element for.
        """
        half = len(steps) // 2
        failed, error = self._send(positions[:half], steps[:half], done)
        if error is not None:
            return failed, error
        return self._send(positions[half:], steps[half:], done)

    def _told(self, error: KernelError) -> KernelError:
        sentence = f"{self._netns}: {error.message}"
        if error.errno == errno.EMSGSIZE:
            sentence += "; raise net.core.wmem_max, or run as root of the host"
        return KernelError(error.code, sentence, error.errno)

    def _commit(self, steps: Sequence[_Change]) -> None:
        self._spaces.enter(self._spaces.get(self._netns))
        nftables = self._nftables()
        try:
            nftables.run(render(steps))
        except KernelError as error:
            if error.errno != errno.ENOENT or not any(isinstance(step, Delete) for step in steps):
                raise
            # Something that is to be removed is gone already, which is as good.
            nftables.run(render(self._without_gone(nftables, steps)))

    def _without_gone(self, nftables: Nftables, steps: Sequence[_Change]) -> list[_Change]:
        there = {element.key for element in nftables.list(self._netns).elements}
        return [step for step in steps if not _is_gone(step, there)]


def _is_gone(step: _Change, there: set[tuple[str, ...]]) -> bool:
    return isinstance(step, Delete) and isinstance(step.object, NftElement) and step.object.key not in there


def render(steps: Sequence[_Change]) -> str:
    """The steps as nft statements, neighbours of one kind in one command."""
    return "".join(text for kind, run in groupby(steps, _kind) for text in _render(kind, list(run)))


def _kind(step: _Change) -> tuple[type[_Change], bool]:
    thing = step.new if isinstance(step, Update) else step.object
    return type(step), isinstance(thing, NftElement)


def _render(kind: tuple[type[_Change], bool], steps: list[_Change]) -> Iterator[str]:
    elements = [thing for step in steps if isinstance(thing := _subject(step), NftElement)]
    match kind:
        case (verb, True) if verb is Create:
            yield nft_text.add_elements(elements)
        case (verb, True) if verb is Delete:
            yield nft_text.delete_elements(elements)
        case (_, True):
            yield nft_text.update_elements(elements)
        case _:
            yield from (_table(step) for step in steps)


def _subject(step: _Change) -> object:
    return step.new if isinstance(step, Update) else step.object


def _table(step: _Change) -> str:
    match step:
        case Create(object=NftTable() as made):
            return nft_text.create_table(made)
        case Delete(object=NftTable() as gone):
            return nft_text.destroy_table(gone)
        case Update(new=NftTable() as new, contents=contents):
            return nft_text.replace_table(new, [one for one in contents if isinstance(one, NftElement)])
        case _:
            raise TypeError("not a step on a table")
