"""What the tests of safe opening have in common: a refusal, and the command that it proposes."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from typing import Final

import pytest

from deuteron.errors import HostError
from tests.support.users import needs_user

#: A user who is neither root nor us, and need not have a name.
STRANGER: Final = 4242

_MEND: Final = re.compile(r"(?:mend it: |take it away: |away \()(?P<command>[^;()]*)")

needs_root = needs_user(STRANGER)


def refusal(attempt: Callable[[], object]) -> HostError:
    """Why an attempt is refused."""
    with pytest.raises(HostError) as refused:
        attempt()
    return refused.value


def mend(error: HostError) -> None:
    """Run the command that stands in the sentence, as a person would copy it."""
    found = _MEND.search(error.message)
    assert found is not None, error.message
    subprocess.run(["bash", "-ec", found["command"]], check=True)


def in_child(work: Callable[[], object], uid: int = STRANGER) -> str:
    """Do something as another user, in a process of its own.

    Returns:
        What went wrong, "" where nothing did.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        problem = "it did not end"
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            work()
            problem = ""
        except BaseException as error:  # the parent is told of whatever it is
            problem = f"{type(error).__name__}: {error}"
        finally:
            os.write(writing, problem.encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        problem = told.read().decode()
    os.waitpid(child, 0)
    return problem
