"""Messages and files that were written by a kernel, by nftables or by people: what mutation begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent


def messages(name: str) -> tuple[bytes, ...]:
    """The payloads of one kind, as ``tests.fuzz.capture`` has laid them down."""
    return tuple(bytes.fromhex(line) for line in (FOLDER / f"{name}.hex").read_text().splitlines())


def lines(name: str) -> tuple[bytes, ...]:
    """The lines of a file."""
    return tuple((FOLDER / name).read_bytes().splitlines())
