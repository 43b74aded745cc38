"""``deuteron destroy``."""

from __future__ import annotations

import shutil

import pytest

from tests.cli.command import ONE_HOST, Site

pytestmark = pytest.mark.kernel


def test_nothing_of_ours_is_left_and_all_else_is(site: Site) -> None:
    before = site.picture()
    site.run("apply", ONE_HOST)
    ended = site.run("destroy")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("Destroyed: 0 made, 0 changed, ")
    assert site.picture() == before
    assert site.host.leaks() == []
    site.run("show").refused("nothing-applied", 1)
    assert site.run("destroy").out == "No changes. The host is as wanted.\n"


def test_a_dry_run_only_tells(site: Site) -> None:
    site.run("apply", ONE_HOST)
    before = site.picture()
    told = site.run("destroy", "--dry-run")
    assert told.status == 0
    assert told.last_line().startswith("Plan: 0 to add, 0 to change, ")
    document = site.run("destroy", "--dry-run", "-o", "json").document()
    assert document.keys() == {"version", "units", "tally"}
    assert site.picture() == before
    assert site.run("verify").status == 0


def test_the_state_directory_is_not_needed(site: Site) -> None:
    before = site.picture()
    site.run("apply", ONE_HOST)
    shutil.rmtree(site.run.state)
    ended = site.run("destroy", "-o", "json")
    assert ended.status == 0
    assert ended.document().keys() == {"version", "ok", "seconds", "units"}
    assert site.picture() == before


def test_a_namespace_with_something_foreign_in_it_stays_until_that_is_gone(site: Site) -> None:
    site.run("apply", ONE_HOST)
    router = next(name for name in site.namespaces() if name.startswith("qrouter-"))
    site.host.make_bridge("theirs", router)
    ended = site.run("destroy")
    assert ended.status == 1
    assert f"{router} holds the link theirs, not ours" in ended.err
    assert "[foreign-in-namespace]" in ended.err
    assert "theirs" in site.host.links(router)
    # Nothing is wanted any more: verify, status and doctor say what is left of it.
    assert "- namespace" in site.run("verify").out
    assert site.run("status").status == 3
    assert "leaked: " in site.run("doctor").out
