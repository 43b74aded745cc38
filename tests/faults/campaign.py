"""The n-th call fails, for n = 1, 2, 3, ... until the operation succeeds untouched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one operation.

    Attributes:
        backend: ``fake``, ``linux`` or ``disk``.
        steps: of the operation, untouched.
        injected: how many faults struck.
        leaks: how many of them left something behind that is nobody's.
        unequal: how many left a unit neither as it was nor done, or could not be mended by trying again.
        findings: a sentence for each, with all that it takes to see it again.
    """

    operation: str
    backend: str
    steps: int
    injected: int
    leaks: int = 0
    unequal: int = 0
    findings: tuple[str, ...] = ()


class Tally:
    """A row in the making."""

    def __init__(self, operation: str, backend: str, steps: int) -> None:
        self._row = Row(operation=operation, backend=backend, steps=steps, injected=0)

    def note(self, what: object, *, leaks: list[str], unequal: list[str]) -> None:
        """One more fault that struck, and what was wrong after it."""
        row = self._row
        told = tuple(f"{row.backend}, {row.operation}, {what}: {one}" for one in [*leaks, *unequal])
        self._row = msgspec.structs.replace(
            row,
            injected=row.injected + 1,
            leaks=row.leaks + bool(leaks),
            unequal=row.unequal + bool(unequal),
            findings=row.findings + told,
        )

    @property
    def row(self) -> Row:
        """What has been noted so far."""
        return self._row


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for state directories; in memory, where there is such a place: thousands are synced."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)
