"""Fetch what tests/review reads into the user's cache; the tests themselves run without a network.

The package and its hash are in locks/review.txt.  Status 1 where it cannot be had: then those
tests are skipped, and say so.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "locks" / "review.txt"


def cache() -> Path:
    """Where it is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "deuteron-tests" / "review"


def known() -> Path | None:
    """The wheel in the cache whose hash is the pinned one."""
    wanted = set(re.findall(r"sha256:([0-9a-f]{64})", LOCK.read_text("utf-8")))
    wheels = sorted(cache().glob("*.whl"))
    return next((one for one in wheels if hashlib.sha256(one.read_bytes()).hexdigest() in wanted), None)


def main() -> None:
    """Fetch it where it is not there yet."""
    if known() is not None:
        return
    cache().mkdir(mode=0o700, parents=True, exist_ok=True)
    options = (
        "-m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes"
    )
    done = subprocess.run(
        [sys.executable, *options.split(), "--dest", str(cache()), "-r", str(LOCK)], check=False
    )
    if done.returncode or known() is None:
        print("what tests/review reads cannot be had; those tests will be skipped", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
