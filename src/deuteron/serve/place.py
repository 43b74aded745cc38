"""Where the two processes meet, and what of the state directory is the API's."""

from __future__ import annotations

import fcntl
import os
import pwd
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deuteron.config.model import Api
from deuteron.errors import HostError
from deuteron.files import Purpose, check_directory, open_checked, replace
from deuteron.serve.plan import User

#: In the state directory: the store, the agent's sockets and locks, what clients read.
API_DIRECTORY: Final = "api"
RUN_DIRECTORY: Final = "run"
FEED: Final = "feed"
CLOUDS: Final = "clouds.yaml"
#: The cloud's name in it.
CLOUD: Final = "deuteron"

#: Where a Keystone has its first users; a person of another domain says so (OS_USER_DOMAIN_NAME).
_DOMAINS: Final = ("  user_domain_name: Default", "  project_domain_name: Default")
_LOCK: Final = "serve.lock"
_NOBODY: Final = "nobody"
#: Seconds for an API's process whose agent was killed to answer what was under way and end.
_PATIENCE: Final = 15.0
_POLL: Final = 0.05
_UID_MAP: Final = Path("/proc/self/uid_map")


def feed_path(state_dir: Path, api: Api | None = None) -> Path:
    """Where the agent and commands on this host meet the API: as configured, or in the state directory."""
    return api.feed if api is not None and api.feed is not None else state_dir / RUN_DIRECTORY / FEED


def api_user(name: str) -> tuple[User, str]:
    """Whom the API runs as, and a sentence where that is not who it should be.

    Args:
        name: of the user, as configured.
    """
    own = User(os.geteuid(), os.getegid())
    if own.uid != 0:
        return own, ""
    for one in (name, _NOBODY):
        try:
            found = pwd.getpwnam(one)
        except KeyError:
            continue
        if _is_mapped(found.pw_uid):
            note = f"there is no user {name}, so the API runs as {one}; make one (useradd --system {name})"
            return User(found.pw_uid, found.pw_gid, one), "" if one == name else note
    return own, "this user namespace has no other user, so the API runs as this one, confined"


def _is_mapped(uid: int) -> bool:
    ranges = [list(map(int, line.split())) for line in _UID_MAP.read_text().splitlines()]
    return any(first <= uid < first + length for first, _, length in ranges)


@contextmanager
def serving(state_dir: Path) -> Iterator[None]:
    """Be the one ``serve`` of a state directory, which is there; wait a moment for one that ends.

    Raises:
        HostError: ``serve-runs``, or the directory is not safe to use.
    """
    check_directory(state_dir / RUN_DIRECTORY, make=True)
    descriptor = open_checked(state_dir / RUN_DIRECTORY / _LOCK, Purpose.LOCK, os.O_RDWR | os.O_CREAT)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _locked(descriptor):
            if time.monotonic() > deadline:
                raise HostError(
                    "serve-runs",
                    f"deuteron serve runs already with the state directory {state_dir}; stop that one,"
                    " or name another --state-dir",
                )
            time.sleep(_POLL)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_api_directory(state_dir: Path, place: Path, user: User) -> None:
    """The API's own directory, which no other user can look into; and let the API pass to it, no further.

    Args:
        state_dir: which is there.
        place: in it, or elsewhere: then it has to be the API's already.
        user: whom the API runs as.

    Raises:
        HostError: ``api-directory``: it is another user's; or the state directory is not safe to use.
    """
    found = check_directory(state_dir)
    if user.uid == os.geteuid():
        check_directory(place, make=True)
        return
    if place.parent != state_dir:
        _refuse_others(check_directory(place, make=True, owner=user.uid), place, user)
        return
    parent = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        # Group by group: whoever else is on this host cannot even pass.
        os.fchown(parent, -1, user.gid)
        os.fchmod(parent, stat.S_IMODE(found.st_mode) & ~stat.S_IRWXG | stat.S_IXGRP)
        _make(parent, place, user)
    finally:
        os.close(parent)


def _make(parent: int, place: Path, user: User) -> None:
    made = False
    if not os.path.lexists(place):
        os.mkdir(place.name, 0o700, dir_fd=parent)
        made = True
    own = os.open(place.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if made:
            os.fchown(own, user.uid, user.gid)
        _refuse_others(os.fstat(own), place, user)
    finally:
        os.close(own)


def _refuse_others(found: os.stat_result, place: Path, user: User) -> None:
    if found.st_uid != user.uid:
        raise HostError(
            "api-directory",
            f"{place} is user {found.st_uid}'s and the API runs as {user.name or user.uid};"
            f" hand it over (chown -R {user.uid}:{user.gid} {place})",
        )


def write_clouds(state_dir: Path, url: str, auth: str, keystone: str = "") -> Path:
    """``clouds.yaml`` for the clients of this host's root, mode 0600.

    Args:
        state_dir: where to.
        url: of the API.
        auth: ``noauth``, ``tokens`` or ``keystone``.
        keystone: its URL.

    Raises:
        HostError: it cannot be written, or the directory is not safe to use.
    """
    # An endpoint_override would have the SDK look for a version document at /v2.0/, where Neutron has none.
    lines = {
        "noauth": ["auth_type: none", "auth:", f"  endpoint: {url}"],
        # The token itself: OS_TOKEN, or a line `token:` beside the endpoint.
        "tokens": ["auth_type: admin_token", "auth:", f"  endpoint: {url}"],
        "keystone": ["auth_type: password", "auth:", f"  auth_url: {keystone}", *_DOMAINS],
    }[auth]
    lines = ["clouds:", f"  {CLOUD}:", *(f"    {one}" for one in lines)]
    file = state_dir / CLOUDS
    replace(file, ("\n".join(lines) + "\n").encode(), Purpose.SECRET)
    return file
