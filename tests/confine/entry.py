"""``deuteron`` with an enemy inside: SIGUSR1 has it try what :mod:`tests.confine.hostile` lists.

The answers go to the pipe whose descriptor is in the environment.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType

import msgspec

from deuteron.cli.main import main
from tests.confine.hostile import try_all

VARIABLE = "DEUTERON_TEST_ANSWERS"


def turn_hostile(_number: int, _frame: FrameType | None) -> None:
    state = Path(os.environ["DEUTERON_STATE_DIR"])
    answers = {"main": try_all(state)}
    other = threading.Thread(target=lambda: answers.update(another=try_all(state)))
    other.start()
    other.join()
    os.write(int(os.environ[VARIABLE]), msgspec.json.encode(answers) + b"\n")


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, turn_hostile)
    main()
