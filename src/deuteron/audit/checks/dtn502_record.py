"""DTN-502."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from importlib.metadata import Distribution, PackagePath, distribution
from pathlib import Path

from deuteron.audit.check import Check, Undecided, Verdict, verdict
from deuteron.audit.facts import Facts


def _run(facts: Facts) -> Verdict:
    recorded = [file for file in _recorded(distribution("deuteron")) if file.hash is not None]
    if not any(file.parts[0] == "deuteron" for file in recorded):
        raise Undecided("this is an installation for developers: its files are recorded nowhere")
    known = {Path(file.locate()).resolve() for file in recorded}
    lines = [f"{file}: other than installed" for file in recorded if not _same(file)]
    strange = [path for path in facts.places.code.rglob("*.py") if path.resolve() not in known]
    lines += [f"{path.relative_to(facts.places.code)}: not installed by anybody" for path in strange]
    return verdict(sorted(lines), "install it anew", seen=[f"files compared: {len(recorded)}"])


def _recorded(installed: Distribution) -> Iterator[PackagePath]:
    yield from installed.files or ()


def _same(file: PackagePath) -> bool:
    """Against ``RECORD`` (PyPA, "Recording installed projects"): urlsafe base64 without padding."""
    recorded = file.hash
    try:
        content = file.read_binary()
    except FileNotFoundError:
        return False
    if recorded is None:
        return True
    digest = urlsafe_b64encode(hashlib.new(recorded.mode, content).digest()).rstrip(b"=").decode()
    return digest == recorded.value


CHECK = Check(
    id="DTN-502",
    title="the installed files are those of the package",
    broken="installed files were changed, removed or added",
    consideration=5,
    help="Each file is compared with the SHA-256 that was recorded when it was installed.",
    run=_run,
)
