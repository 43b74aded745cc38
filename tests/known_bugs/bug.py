"""What a known bug is, and how it is put back into a copy of the source."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "deuteron"


class Bug(msgspec.Struct, frozen=True, kw_only=True):
    """A class of bug that somebody has met, and one line of ours that would make it again.

    Attributes:
        name: of the bug, unique.
        origin: where others met it.
        what: what goes wrong, one sentence.
        file: where it is put back, below ``src/deuteron``.
        old: what stands there; exactly once.
        new: what is put there.
        tests: which go red, as pytest names them, below ``tests``.
        kernel: they need a real kernel.
    """

    name: str
    origin: str
    what: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    kernel: bool = False

    def put_back(self, source: str) -> str:
        """The text of the file with the bug in it.

        Raises:
            ValueError: what should stand there does not, or more than once.
        """
        if (count := source.count(self.old)) != 1:
            raise ValueError(f"{self.name}: {self.old!r} stands {count} times in {self.file}, not once")
        return source.replace(self.old, self.new)


def copy_of_the_source(folder: Path, bug: Bug | None = None) -> Path:
    """A copy of the package in ``folder``, with the bug in it; what to put on the path."""
    # With the compiled files: they are valid as long as the time of their source is kept.
    package = Path(shutil.copytree(SOURCE, folder / "deuteron"))
    if bug is not None:
        file = package / bug.file
        file.write_text(bug.put_back(file.read_text()))
        for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*"):
            compiled.unlink()
    return folder
