"""schemathesis on the OpenAPI document of a real server: ``python -m tests.api.fuzz --seconds N --seed S``.

The server runs on a socket in this process, so what it had not foreseen is kept with its traceback; what
asks is schemathesis' own program.  Every request is one that the document describes, or one that it refuses
in a way of its own: no 5xx, no status, type or body that the document does not have.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from deuteron.api.app import app
from deuteron.api.limits import Limits
from deuteron.identity.noauth import Noauth
from deuteron.identity.policy import Policy
from deuteron.serve.known import make_known
from deuteron.store.store import Store
from tests.api.shelf import served

PROGRAM: Final = Path(sys.executable).parent / "schemathesis"
#: What a check says no to, here by intention: Neutron takes "yes" for true and 4 for "4", and says 400 to
#: values that only together are wrong; who asks is proven by ``test_policy_matrix.py``.
NOT_ASKED: Final = (
    *("negative_data_rejection", "positive_data_acceptance"),
    *("ignored_auth", "object_level_authorization", "missing_required_header"),
)


#: Neutron says 404 to a method that extensions do not have; and tags that were all taken away are an empty
#: list, not a thing that is gone.
EXCEPTIONS: Final = """
[[operations]]
include-path-regex = "^/v2.0/extensions"
[operations.checks.unsupported_method]
enabled = false

[[operations]]
include-operation-id-regex = "tags.delete_all$"
[operations.checks.use_after_free]
enabled = false
"""


class Outcome(NamedTuple):
    """What schemathesis said, its exit status, and what the server had not foreseen."""

    said: str
    status: int
    defects: tuple[str, ...]
    cases: int


def fuzz(
    place: Path,
    *,
    seed: int,
    examples: int = 0,
    seconds: int = 0,
    phases: str = "",
    methods: Sequence[str] = (),
) -> Outcome:
    """One run over the operations of the document.

    Args:
        place: a directory of the run's own.
        seed: of what is generated.
        examples: at most so many for each operation, 0 for schemathesis' own measure.
        seconds: repeat until they are over, 0 for once.
        phases: of schemathesis, all of them where it is "".
        methods: only operations of these, all where there is none.
    """
    store = Store(f"sqlite:///{place / 'api.db'}")
    asyncio.run(_begun(store))
    defects: list[BaseException] = []
    made = app(store, Noauth(["127.0.0.1:0"]), Policy(), defect=defects.append)
    try:
        with served(made, Limits()) as address:
            url = f"http://{address[0]}:{address[1]}"
            ended = subprocess.run(
                [
                    str(PROGRAM),
                    "run",
                    f"{url}/openapi.json",
                    *_options(place, seed, examples, seconds, phases),
                    *(f"--include-method={one}" for one in methods),
                ],
                cwd=place,
                env={"PATH": os.defpath, "HOME": str(place), "NO_COLOR": "1"},
                capture_output=True,
                text=True,
                timeout=seconds + 600,
                check=False,
            )
    finally:
        store.close()
    told = tuple("".join(traceback.format_exception(one)) for one in defects)
    return Outcome(ended.stdout + ended.stderr, ended.returncode, told, _cases(place))


async def _begun(store: Store) -> None:
    """As a server finds it that has run before: a host with its agents and zones."""
    await store.write(lambda unit: make_known(unit, "host-1", {"physnet1": "br-ex"}))


def _options(place: Path, seed: int, examples: int, seconds: int, phases: str) -> list[str]:
    (place / "schemathesis.toml").write_text(EXCEPTIONS)
    asked = [f"--seed={seed}", "--checks=all", f"--exclude-checks={','.join(NOT_ASKED)}"]
    asked += ["--continue-on-failure", "--generation-database=none", "--no-color", "--warnings=off"]
    asked += ["--request-timeout=20", "--suppress-health-check=all", "--no-shrink"]
    asked += ["--report=ndjson", f"--report-ndjson-path={place / 'events.ndjson'}"]
    for name, value in (("max-examples", examples), ("max-time", seconds), ("phases", phases)):
        asked += [f"--{name}={value}"] if value else []
    return asked


def _cases(place: Path) -> int:
    path = place / "events.ndjson"
    lines = path.read_bytes().splitlines() if path.exists() else []
    events = [msgspec.json.decode(line) for line in lines]
    ended = (one["ScenarioFinished"]["recorder"] for one in events if "ScenarioFinished" in one)
    return sum(len(one.get("cases", ())) for one in ended)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 where nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.api.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=120, help="repeat until they are over")
    parser.add_argument("--seed", type=int, default=1, help="of what is generated")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        outcome = fuzz(Path(place), seed=asked.seed, seconds=asked.seconds)
    print(outcome.said)
    for one in dict.fromkeys(outcome.defects):
        print(one)
    print(f"{outcome.cases} requests, {len(outcome.defects)} answers of 500")
    return bool(outcome.status or outcome.defects)


if __name__ == "__main__":
    sys.exit(main())
