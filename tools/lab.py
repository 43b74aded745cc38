"""A shell in private namespaces, to try `deuteron serve` and the `openstack` client with real packets.

``make lab`` runs it.  The shell is on a host of its own, as root of it: nothing that is done there is
seen by this machine, and all of it ends with the last process inside.  As a plain user it works where
the kernel lets users have namespaces.  A command may be named instead of the shell::

    .venv/bin/python tools/lab.py bash script.sh
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Final, NoReturn

from deuteron.errors import DeuteronError
from deuteron.kernel.linux.libc import MS_BIND, MS_REC, mount, unshare
from deuteron.kernel.linux.netlink.link import set_link
from deuteron.kernel.linux.netlink.socket import NetlinkSocket
from deuteron.kernel.linux.sandbox import enter_sandbox
from deuteron.lab.world import LinuxWorld

ROOT: Final = Path(__file__).resolve().parent.parent
#: include/uapi/linux/sched.h; the first process in it takes all others with it when it ends.
CLONE_NEWPID: Final = 0x2000_0000
#: Beside the namespaces' names, on the ``/run`` that is the lab's alone.
STATE: Final = Path("/run/lab")
BRIDGE: Final = "br-ex"
OUTSIDE: Final = "203.0.113.1/24"
INSTANCES: Final = ("vm1", "vm2")
SHELL: Final = ("bash", "--norc", "-i")

WELCOME: Final = f"""\
A host of its own, in private namespaces: nothing of this machine is touched, and `exit` ends it all.
  {BRIDGE}     the bridge of an external network; this shell is a host on it, {OUTSIDE}
  {", ".join(INSTANCES)}  namespaces that stand for instances; they have nothing but lo"""


def build() -> None:
    """Make the host, the bridge that leads outside and the instances."""
    with NetlinkSocket() as wire:
        wire.batch([set_link("lo", up=True)])
    world = LinuxWorld()
    world.bridge(BRIDGE, 1500)
    world.address("", BRIDGE, OUTSIDE)
    for name in INSTANCES:
        world.namespace(name)


def bring_within_reach() -> None:
    """The API runs as a user who may not look into a home: have only this program's files in that home."""
    needed = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), ROOT}
    for shut in sorted({found for one in needed if (found := _shut(one)) is not None}):
        aside = Path("/run/aside")
        inner = [one for one in sorted(needed) if one.is_relative_to(shut)]
        for number, one in enumerate(inner):
            place = aside / str(number)
            place.mkdir(parents=True)
            mount(str(one), place, "none", MS_BIND | MS_REC)
        mount("tmpfs", shut, "tmpfs", 0, "mode=0755")
        for number, one in enumerate(inner):
            one.mkdir(parents=True, exist_ok=True)
            mount(str(aside / str(number)), one, "none", MS_BIND | MS_REC)
        for number, _ in enumerate(inner):
            mount("tmpfs", aside / str(number), "tmpfs", 0, "mode=0755")
    os.chdir(ROOT)


def _shut(place: Path) -> Path | None:
    """The first directory on the way to a place that does not let everybody pass."""
    return next((one for one in [*reversed(place.parents), place] if not one.stat().st_mode & 0o001), None)


def environment() -> dict[str, str]:
    """With the programs of this checkout first, and a state directory of the lab's own."""
    path = f"{Path(sys.prefix) / 'bin'}:{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "DEUTERON_"))}
    own = {
        "DEUTERON_STATE_DIR": str(STATE),
        "DEUTERON_LOG_FILE": "/run/lab.log",  # a terminal is for what the commands say
        "DEUTERON_LOG_LEVEL": "warning",
        "PS1": "lab$ ",
    }
    return {**kept, "PATH": path, **own}


def main() -> None:
    """Go in with a child, and end as it does."""
    as_root = os.geteuid() == 0
    try:
        enter_sandbox()
        unshare(CLONE_NEWPID)
    except (DeuteronError, OSError) as error:
        sys.exit(f"lab: {error}")
    child = os.fork()
    if child == 0:
        inside(sys.argv[1:] or list(SHELL), as_root=as_root)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the shell's
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def inside(command: list[str], *, as_root: bool) -> NoReturn:
    """Build the host and be the command."""
    try:
        mount("proc", Path("/proc"), "proc")
        if as_root:
            bring_within_reach()
        build()
    except (DeuteronError, OSError) as error:
        sys.exit(f"lab: {error}")
    found = shutil.which(command[0], path=environment()["PATH"])
    if found is None:
        sys.exit(f"lab: there is no {command[0]} to run; name another: tools/lab.py COMMAND")
    print(WELCOME, flush=True)
    os.execve(found, command, environment())  # noqa: S606 -- a program for people, who name the command


if __name__ == "__main__":
    main()
