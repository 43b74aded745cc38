"""Rules about the tree that no linter holds: no open work, no strange names, fragments in place."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: Open work is an issue, never a comment.  Written so that this file does not find itself.
OPEN_WORK = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX")) + r")\b")
#: Code on the apply path that may not start a process.
NO_PROCESS = (
    "src/deuteron/agent",
    "src/deuteron/state",
    "src/deuteron/apply",
    "src/deuteron/kernel",
    "src/deuteron/reconcile",
    "src/deuteron/compile",
)
PROCESS = re.compile(r"\b(subprocess|os\.system|os\.popen|os\.exec\w*|os\.spawn\w*)\b")
#: ``except BaseException`` that cleans up and raises again is fine; swallowing everything is not.
BROAD = re.compile(r"except(\s+Exception)?\s*(as \w+)?:")
#: The outermost loops: of a command, of a request to the API (a defect is a record and a 500), of its
#: process.
OUTERMOST = ("src/deuteron/cli/main.py", "src/deuteron/api/asgi.py", "src/deuteron/serve/api_process.py")
FRAGMENT = re.compile(r"^[\w+-]+\.(added|changed|fixed|removed|security)\.md$")


def tracked() -> list[Path]:
    """The files under version control, and the new ones that are not ignored."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / name for name in sorted(set(listing.stdout.splitlines())) if (ROOT / name).is_file()]


def findings(file: Path) -> list[str]:
    """What is wrong with one file, a line each."""
    name = str(file.relative_to(ROOT))
    if file.suffix not in {".py", ".md", ".toml", ".yaml", ".txt", ".sh", ""} or name.startswith("locks/"):
        return []
    found = []
    on_apply_path = name.startswith(NO_PROCESS)
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if OPEN_WORK.search(line):
            found.append(f"{name}:{number}: open work belongs in an issue")
        if on_apply_path and PROCESS.search(line) and not line.lstrip().startswith(("#", '"')):
            found.append(f"{name}:{number}: no process is started on the apply path")
        if name.startswith("src/") and name not in OUTERMOST and BROAD.search(line):
            found.append(f"{name}:{number}: name the exceptions that are meant")
    if name.startswith("changelog.d/") and file.name != "README.md" and not FRAGMENT.match(file.name):
        found.append(f"{name}: a fragment is called <topic>.<added|changed|fixed|removed|security>.md")
    return found


def main() -> None:
    """Print the findings; status 1 where there are any."""
    files = tracked()
    found = [finding for file in files for finding in findings(file)]
    for finding in found:
        print(finding)
    if found:
        sys.exit(1)
    print(f"tree: {len(files)} files, no open work, no process on the apply path")


if __name__ == "__main__":
    main()
