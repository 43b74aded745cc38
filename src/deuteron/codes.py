"""What every error code means and what to do next, for those who see the code alone.

A log carries codes and no sentences, since a sentence names places: ``deuteron explain CODE``
and ``docs/errors.md`` tell the rest, both from ``codes.toml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Literal

import msgspec

Section = Literal["input", "plan", "host"]


class Code(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One error code.

    Attributes:
        section: ``input`` (exit status 2), ``plan``, or ``host`` (exit status 1).
        meaning: what is wrong, without a place.
        next: the next step.
    """

    section: Section
    meaning: str
    next: str


@lru_cache
def codes() -> Mapping[str, Code]:
    """Every code, in the order of the file.

    An error number's name (``eexist``, ...) is a code too: the kernel's own answer, and not listed.
    """
    content = (files("deuteron") / "codes.toml").read_bytes()
    return msgspec.toml.decode(content, type=dict[str, Code])
