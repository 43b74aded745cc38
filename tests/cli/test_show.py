"""``deuteron show``."""

from __future__ import annotations

import pytest

from tests.cli.command import ONE_HOST, Site

pytestmark = pytest.mark.kernel


def row(text: str, first: str) -> list[str]:
    """The words of the first line that begins so."""
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [first])


def test_what_was_applied_and_whether_it_is_there(site: Site) -> None:
    site.run("apply", ONE_HOST)
    ended = site.run("show")
    assert (ended.status, ended.err) == (0, "")
    titles = [line.strip() for line in ended.out.splitlines()]
    assert [one for one in titles if one in {"Networks", "Routers", "Floating IPs", "Ports"}] == [
        "Networks",
        "Routers",
        "Floating IPs",
        "Ports",
    ]
    assert row(ended.out, "203.0.113.50") == ["203.0.113.50", "10.0.0.5", "r1", "ok"]
    assert row(ended.out, "vm3") == ["vm3", "10.0.1.5", "namespace", "vm3", "ok"]


def test_names_stay_whole_in_a_pipe(site: Site) -> None:
    site.run("apply", ONE_HOST)
    shown = site.run("show").out
    for name in site.namespaces():
        if name.startswith(("qrouter-", "net-")):
            assert name in shown


def test_what_differs_is_marked(site: Site) -> None:
    site.run("apply", ONE_HOST)
    router = row(site.run("show").out, "r2")[-2]
    site.remove_address(router, "10.0.1.1/")
    shown = site.run("show").out
    assert (row(shown, "r1")[-1], row(shown, "r2")[-1]) == ("ok", "differs")
    assert row(shown, "203.0.113.51")[-1] == "differs"
    document = site.run("show", "-o", "json").document()
    assert document.keys() == {"version", "host", "differing"}
    assert document["differing"] == [router.replace("qrouter-", "router/")]
    assert {each["name"] for each in document["host"]["routers"]} == {"r1", "r2"}
