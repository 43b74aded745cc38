"""Who could read or change a file: the refusals of :mod:`deuteron.files`, told without a path."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from deuteron.audit.check import Verdict, verdict
from deuteron.audit.facts import meaning
from deuteron.config.paths import Checked
from deuteron.errors import DeuteronError, HostError
from deuteron.files import Purpose, check, check_directory

_OVERFLOW: Final = Path("/proc/sys/kernel/overflowuid")
_UID_MAP: Final = Path("/proc/self/uid_map")
#: How many ids there are; a user namespace that maps fewer has strangers in it.
_IDS: Final = (1 << 32) - 1


def judged(checked: Iterable[Checked]) -> Verdict:
    """What is wrong with any of these."""
    looked_at = list(checked)
    troubles = [(one.what, one.trouble) for one in looked_at if one.trouble is not None]
    lines = sorted({f"{what}: {meaning(trouble.code)} [{trouble.code}]" for what, trouble in troubles})
    mends = dict.fromkeys(mend_of(trouble) for _what, trouble in troubles)
    return verdict(lines, "; ".join(mends), seen=[f"looked at: {len(looked_at)}"])


def mend_of(trouble: DeuteronError) -> str:
    """The command in the sentence of a refusal."""
    command = trouble.message.partition("mend it: ")[2].partition("; or name")[0]
    return command or "`deuteron config check` tells where, and how to mend it"


def looked_at(path: Path, what: Purpose, role: str) -> Iterator[Checked]:
    """One file or directory, nothing where it is not there.

    Raises:
        OSError: it cannot be looked at.
    """
    try:
        check_directory(path) if what is Purpose.DIRECTORY else check(path, what)
    except FileNotFoundError:
        return
    except HostError as trouble:
        yield Checked(path=path, what=role, trouble=trouble)
    else:
        yield Checked(path=path, what=role, trouble=None)


@lru_cache
def trusted() -> frozenset[int]:
    """Whose files are as good as our own: root, and in a user namespace whom it does not map."""
    ours = {0, os.geteuid()}
    mapped = sum(int(line.split()[2]) for line in _UID_MAP.read_text(encoding="ascii").splitlines())
    if mapped < _IDS:
        ours.add(int(_OVERFLOW.read_text(encoding="ascii")))
    return frozenset(ours)
