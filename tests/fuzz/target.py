"""What one thing that reads is tried with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.strategies import Inputs

#: Reads an input; a directory is there for its files.  It gives any value, or raises one of our errors.
Take = Callable[[bytes, Path], object]


class Target(NamedTuple):
    """One parser.

    Attributes:
        name: of it.
        inputs: what it is given.
        take: what is done with that.
        cost: by how much slower than others it is: it gets so many fewer inputs.
        total: it takes everything, and so never refuses.
    """

    name: str
    inputs: Inputs
    take: Take
    cost: int = 1
    total: bool = False
