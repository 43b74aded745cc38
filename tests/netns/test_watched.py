"""What hearing of a namespace's parameters costs where there are many namespaces."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from deuteron.kernel.linux.inotify import IN_MODIFY, Inotify
from deuteron.kernel.linux.watched import Interest, Watched
from tests.support.sandbox import Host

pytestmark = pytest.mark.kernel

NETNS = "somewhere"
LINKS = ("left", "right", "upper", "lower")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths below ``/proc/sys/net`` that are looked up from the root."""
    found: list[str] = []

    def note(path: object) -> None:
        if str(path).startswith("/proc/sys/net"):
            found.append(str(path))

    plain_open, plain_add = os.open, Inotify.add

    def noted_open(path: Any, *given: Any, **more: Any) -> int:
        note(path)
        return plain_open(path, *given, **more)

    def noted_add(self: Inotify, path: str, mask: int) -> int:
        note(path)
        return plain_add(self, path, mask)

    monkeypatch.setattr(os, "open", noted_open)
    monkeypatch.setattr(Inotify, "add", noted_add)
    return found


def parameters() -> frozenset[str]:
    """Directories of parameters, as a router's are."""
    return frozenset(
        f"net/{family}/conf/{name}" for family in ("ipv4", "ipv6") for name in (*LINKS, "all", "default")
    ) | {"net/ipv4", "net/ipv4/neigh/left"}


def test_a_namespace_is_found_once_for_each_family_and_each_directory_is_heard(
    host: Host, asked: list[str]
) -> None:
    host.make_netns(NETNS)
    for link in LINKS:
        host.make_bridge(link, NETNS)
    watched = Watched(host.netns_dir)
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    try:
        interest = Interest(
            links={NETNS: frozenset(LINKS)}, parameters={NETNS: parameters() | {"net/ipv4/conf/absent"}}
        )
        assert watched.follow(interest, IN_MODIFY, None, None) == {NETNS}
        # Each of these costs a comparison for each namespace that the kernel remembers.
        assert sorted(asked) == ["/proc/sys/net/ipv4", "/proc/sys/net/ipv6"]
        assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
        written = {"net/ipv4/ip_forward", "net/ipv4/neigh/left/app_solicit"} | {
            f"{directory}/forwarding" for directory in parameters() if "/conf/" in directory
        }
        with host.inside(NETNS):
            for path in sorted(written):
                Path(f"/proc/sys/{path}").write_text("1\n")
        heard = [watched.netns_of_watch(event.watch) for event in watched.inotify.read()]
        assert heard.count(NETNS) >= len(written), (len(heard), len(written))
    finally:
        watched.close()
