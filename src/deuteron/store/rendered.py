"""Rows as lists show them, in JSON, kept from one list to the next.

Whatever changes of what a row shows, its ``revision_number`` is one more then (``unit.py``), and an id is
given once: so a row's text is right for as long as that number stands, and a list costs the numbers of its
rows, and the text of those alone that changed since it was last asked for::

    ids and numbers of the page  ->  texts that are kept  ->  [text,text,text]
                                     the others: by SQLite, in one statement
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Final

#: Bytes of text that are kept; some 6,000 ports.
MOST: Final = 4 << 20
#: Rows of a page that is kept; of a longer one, most would be gone before it is asked for again.
LONGEST: Final = 4000

#: A row: its id and its revision number.
Stamp = tuple[str, int]
#: A row and its text.
Text = tuple[str, int, bytes]


class Rendered:
    """The texts, by what is shown of the rows and by their ids; for several threads.

    Args:
        most: bytes that are kept; with more, all of them are dropped and it begins anew.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._texts: dict[object, dict[str, tuple[int, bytes]]] = {}
        self._size = 0

    def page(
        self, shown: object, stamps: Sequence[Stamp], render: Callable[[list[str]], Iterable[Text]]
    ) -> bytes:
        """The JSON array of rows, in their order; for the arguments see :meth:`texts`."""
        return array_of(self.texts(shown, stamps, render))

    def texts(
        self, shown: object, stamps: Sequence[Stamp], render: Callable[[list[str]], Iterable[Text]]
    ) -> list[bytes]:
        """The JSON of each row, in their order.

        Args:
            shown: what is shown of each; anything that can be hashed.
            stamps: the rows.
            render: the texts of those with these ids, at the moment of ``stamps``.
        """
        kept = self._texts.get(shown, {})
        texts = [_text(kept.get(ident), number) for ident, number in stamps]
        missing = [ident for (ident, _), text in zip(stamps, texts, strict=True) if text is None]
        if missing:
            made = {ident: (number, text) for ident, number, text in render(missing)}
            texts = [text or made[ident][1] for (ident, _), text in zip(stamps, texts, strict=True)]
            if len(stamps) <= LONGEST:
                self._keep(shown, made)
        return texts  # type: ignore[return-value]  # each is there now

    def _keep(self, shown: object, made: dict[str, tuple[int, bytes]]) -> None:
        with self._lock:
            self._size += sum(len(text) for _, text in made.values())
            if self._size > self._most:
                self._texts, self._size = {}, sum(len(text) for _, text in made.values())
            self._texts.setdefault(shown, {}).update(made)


def array_of(texts: Iterable[bytes]) -> bytes:
    """The JSON array of values in JSON."""
    return b"[" + b",".join(texts) + b"]"


def _text(kept: tuple[int, bytes] | None, number: int) -> bytes | None:
    return kept[1] if kept is not None and kept[0] == number else None
