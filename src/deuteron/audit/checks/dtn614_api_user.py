"""DTN-614."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from deuteron.audit import served
from deuteron.audit.check import Check, Verdict, not_applicable, verdict
from deuteron.audit.facts import Facts

#: What lets nobody log in; a user without any entry there has /bin/sh, passwd(5).
_NO_SHELL: Final = frozenset({"nologin", "false"})


def _run(facts: Facts) -> Verdict:
    api = served.configured(facts)
    if api is None:
        return not_applicable("no API is served here")
    lines = [*_account(api.user), *(line for one in _running(facts) for line in one)]
    user = api.user
    return verdict(lines, f"usermod --shell /usr/sbin/nologin --groups '' {user}; restart deuteron serve")


def _account(name: str) -> Iterator[str]:
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return
    if found.pw_uid == 0:
        yield "the API's user: is root"
    if Path(found.pw_shell).name not in _NO_SHELL:
        yield "the API's user: can log in"
    if others := [one for one in grp.getgrall() if name in one.gr_mem and one.gr_gid != found.pw_gid]:
        yield f"the API's user: groups besides its own: {len(others)}"


def _running(facts: Facts) -> Iterator[list[str]]:
    for one in served.api_processes(facts):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            who = served.identity(facts.places.proc / str(one.pid))
            lines = ["the API's process: runs as root"] if 0 in who.uids else []
            lines += ["the API's process: is in groups besides its own"] if who.groups else []
            yield lines


CHECK = Check(
    id="DTN-614",
    title="the API runs as a user that is nobody else and can do nothing else",
    broken="the API runs as a user that can do more than that",
    consideration=6,
    help="Not root, no shell, no group but its own: who takes the process over has gained nothing else.",
    run=_run,
)
