"""``deuteron serve`` with an enemy in the API's process: SIGUSR1 has it try what is listed.

The answers go to the pipe whose descriptor is in the environment.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import msgspec

from deuteron.cli.main import main
from tests.confine import hostile_api
from tests.confine.entry import VARIABLE
from tests.confine.hostile import Attempt, judged


def told(_number: int, _frame: FrameType | None) -> None:
    """Turn hostile between two steps of the loop.

    Within one, the thread may hold a lock that a fork takes (``concurrent.futures`` does, in ``submit``), and
    would wait for itself.
    """
    asyncio.get_running_loop().call_soon_threadsafe(turn_hostile)


def turn_hostile() -> None:
    """Everything, from this thread and from another one; what was lawful first."""
    state = Path(os.environ["DEUTERON_STATE_DIR"])
    connects = os.environ.get("DEUTERON_API_AUTH") == "keystone"
    answers = {"lawful": _judged(hostile_api.lawful(state))}
    answers["main"] = _judged(hostile_api.attempts(state, connects=connects))
    other = threading.Thread(
        target=lambda: answers.update(another=_judged(hostile_api.attempts(state, connects=connects)))
    )
    other.start()
    other.join()
    os.write(int(os.environ[VARIABLE]), msgspec.json.encode(answers) + b"\n")


def _judged(attempts: Iterator[tuple[str, Attempt]]) -> dict[str, str]:
    return {name: judged(attempt) for name, attempt in attempts}


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, told)
    main()
