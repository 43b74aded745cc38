"""What another user of this machine gets to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deuteron.kernel.linux.libc import MS_BIND, MS_REC, mount, umount


@contextmanager
def python_within_reach() -> Iterator[None]:
    """Where the interpreter lies in somebody's home, the user gets to it all the same, for the test."""
    base = Path(sys.base_prefix)
    shut = next((one for one in reversed(base.parents) if not one.stat().st_mode & 0o001), None)
    with ExitStack() as undo:
        if shut is not None:
            aside = Path("/run/python")
            aside.mkdir()
            mount(str(base), aside, "none", MS_BIND | MS_REC)
            undo.callback(umount, aside)
            mount("tmpfs", shut, "tmpfs", 0, "mode=0755")
            undo.callback(umount, shut)
            base.mkdir(parents=True)
            mount(str(aside), base, "none", MS_BIND | MS_REC)
            undo.callback(umount, base)
        yield
