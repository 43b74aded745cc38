"""Everything that reads what others wrote: the one list, of the tests and of ``python -m tests.fuzz``."""

from __future__ import annotations

from typing import Final

from tests.fuzz.of_feed import OF_FEED
from tests.fuzz.of_files import OF_FILES
from tests.fuzz.of_kernel import OF_KERNEL
from tests.fuzz.of_state import OF_STATE
from tests.fuzz.target import Target

__all__ = ["TARGETS", "Target"]

TARGETS: Final = {one.name: one for one in (*OF_KERNEL, *OF_FILES, *OF_STATE, *OF_FEED)}
