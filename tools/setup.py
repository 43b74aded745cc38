"""Prepare a checkout: a virtual environment from a lock file, and the system's libraries.

Run by ``make``; needs nothing but the standard library of Python >= 3.11::

    python3 tools/setup.py runtime     what `deuteron` needs
    python3 tools/setup.py clients     and the `openstack` client, for `make lab`
    python3 tools/setup.py dev         and what its tests and checks need

What is missing on a Debian or Ubuntu system is installed with its package manager where
this user may (root, or sudo without a password); otherwise the command to run is printed.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"

#: Each with a lock file; what a later one installs holds what an earlier one does.
KINDS = ("runtime", "clients", "dev")
#: Debian package -> what tells that it is there.
RUNTIME_PACKAGES = {"libnftables1": "libnftables.so.1", "libseccomp2": "libseccomp.so.2"}
#: The quick start ends with it.
CLIENTS_PACKAGES = {"iputils-ping": "ping"}
#: Only tests use these: a second road to the same kernel state, and what commands of the documents need.
DEV_PACKAGES = {
    "curl": "curl",
    "iproute2": "ip",
    "nftables": "nft",
    "procps": "sysctl",
    "systemd": "systemd-analyze",
}


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"setup: {text}", flush=True)


def has_library(name: str) -> bool:
    """Whether the dynamic linker finds the library."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def has_program(name: str) -> bool:
    """Whether the program is on the path, or where system administration's programs are."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is not None


def missing_packages(kind: str) -> list[str]:
    """Debian packages to install."""
    missing = [name for name, library in RUNTIME_PACKAGES.items() if not has_library(library)]
    if importlib.util.find_spec("ensurepip") is None and not PYTHON.exists():
        missing.append(f"python{sys.version_info.major}.{sys.version_info.minor}-venv")
    if kind != "runtime":
        missing += [name for name, program in CLIENTS_PACKAGES.items() if not has_program(program)]
    if kind == "dev":
        missing += [name for name, program in DEV_PACKAGES.items() if not has_program(program)]
    return missing


def privilege() -> list[str] | None:
    """What to put before a command that needs root, or ``None`` where it may not be run."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def install_packages(missing: list[str]) -> None:
    """Install what is missing, or say how; a missing library is no reason to stop here."""
    names = " ".join(missing)
    prefix = privilege()
    if prefix is None or shutil.which("apt-get") is None:
        say(f"not installed, and this user may not: {names}")
        say(f"as root: apt-get install {names}   (the demo runs simulated without them)")
        return
    say(f"installing {names}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
        done = subprocess.run(
            [*prefix, "apt-get", *arguments], env=environment, stdout=subprocess.DEVNULL, check=False
        )
        if done.returncode:
            say(f"apt-get {arguments[0]} failed (status {done.returncode}); going on without {names}")
            return


def run(*arguments: str | Path) -> None:
    """Run a command of the environment; its failure ends the set-up with its own words."""
    done = subprocess.run([str(argument) for argument in arguments], check=False, cwd=ROOT)
    if done.returncode:
        sys.exit(f"setup: failed (status {done.returncode}): {' '.join(map(str, arguments))}")


def stamp_of(kind: str) -> str:
    """Changes whenever the environment must be made anew."""
    digest = hashlib.sha256(sys.version.encode())
    for file in (ROOT / "locks" / f"{kind}.txt", ROOT / "pyproject.toml"):
        digest.update(file.read_bytes())
    return f"{kind} {digest.hexdigest()}"


def build_environment(kind: str) -> None:
    """Fill ``.venv`` from the lock file, unless it already is."""
    stamp_file = VENV / f".stamp-{kind}"
    stamp = stamp_of(kind)
    if PYTHON.exists() and stamp_file.exists() and stamp_file.read_text() == stamp:
        return
    if not (PYTHON.exists() and (VENV / "bin" / "pip").exists()):
        say("making the virtual environment .venv")
        run(sys.executable, "-m", "venv", "--clear", VENV)
    say(f"installing locks/{kind}.txt")
    pip = (PYTHON, "-m", "pip", "--quiet", "--disable-pip-version-check", "install")
    run(*pip, "--require-hashes", "-r", ROOT / "locks" / f"{kind}.txt")
    run(*pip, "--no-deps", "--no-build-isolation", "--editable", ROOT)
    stamp_file.write_text(stamp)


def main() -> None:
    """Prepare for one of :data:`KINDS`."""
    if sys.version_info < (3, 11):
        sys.exit("setup: Python 3.11 or newer is needed; name one with: make PYTHON=python3.12")
    kind = sys.argv[1] if len(sys.argv) > 1 else "runtime"
    if kind not in KINDS:
        sys.exit(f"setup: one of {', '.join(KINDS)}, not '{kind}'")
    if missing := missing_packages(kind):
        install_packages(missing)
    build_environment(kind)


if __name__ == "__main__":
    main()
