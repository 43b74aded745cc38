"""DTN-604."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Final

from deuteron.audit.check import Check, Verdict, verdict
from deuteron.audit.facts import Facts
from deuteron.audit.modes import looked_at, mend_of, trusted
from deuteron.files import Purpose

#: Anybody but the owner may write.
_WRITABLE: Final = 0o022


def _run(facts: Facts) -> Verdict:
    code = facts.places.code
    files = sorted(_all(code))
    counts = Counter(line for path in files for line in _troubles(path))
    lines = [f"{line}: {count}" for line, count in sorted(counts.items())]
    mends = [f"chown -R 0 {quote(str(code))} && chmod -R go-w {quote(str(code))}"] if lines else []
    for one in looked_at(code.parent, Purpose.DIRECTORY, "directory above the code"):
        if one.trouble is not None:
            lines.append(f"{one.what}: not safe [{one.trouble.code}]")
            mends.append(mend_of(one.trouble))
    return verdict(lines, "; ".join(mends), seen=[f"files looked at: {len(files)}"])


def _all(code: Path) -> Iterator[Path]:
    yield code
    for folder, folders, names in os.walk(code):
        yield from (Path(folder) / name for name in (*folders, *names))


def _troubles(path: Path) -> Iterator[str]:
    found = path.lstat()
    if found.st_uid not in trusted():
        yield "files that are somebody else's"
    if found.st_mode & _WRITABLE and not path.is_symlink():
        yield "files that others can write"


CHECK = Check(
    id="DTN-604",
    title="nobody but its owner can change the installed code",
    broken="others can change the installed code",
    consideration=6,
    help="It runs with the right to change every network of this host.",
    run=_run,
)
