"""``deuteron verify``."""

from __future__ import annotations

import pytest

from tests.cli.command import ONE_HOST, Site, example

pytestmark = pytest.mark.kernel


def test_an_address_that_somebody_deleted_is_shown_and_put_back(site: Site) -> None:
    site.run("apply", ONE_HOST)
    assert site.run("verify").out == "No changes. The host is as wanted.\n"
    router = next(name for name in site.namespaces() if name.startswith("qrouter-"))
    gone = site.remove_address(router, "10.0.")
    before = site.picture()
    for arguments in (("verify",), ("verify", ONE_HOST)):
        ended = site.run(*arguments)
        assert (ended.status, ended.err) == (3, "")
        assert f"+ address {gone} on qr-" in ended.out
        assert ended.last_line().startswith("Plan: ")
    assert site.picture() == before
    site.run("apply", ONE_HOST)
    assert site.run("verify").status == 0


def test_another_file_than_the_applied_one_differs(site: Site) -> None:
    site.run("apply", ONE_HOST)
    other = site.file(example(("203.0.113.51", "203.0.113.52")))
    assert site.run("verify", other).status == 3
    assert site.run("verify").status == 0


def test_what_is_not_ours_is_listed_and_is_no_difference(site: Site) -> None:
    site.run("apply", ONE_HOST)
    router = next(name for name in site.namespaces() if name.startswith("qrouter-"))
    site.host.make_bridge("theirs", router)
    ended = site.run("verify")
    assert ended.status == 0
    assert f"theirs in {router} is not ours; it is left alone" in ended.out
    assert ended.last_line() == "No changes. The host is as wanted."
    document = site.run("verify", "-o", "json").document()
    assert document.keys() == {"version", "units", "tally", "foreign"}
    assert any(each["netns"] == router and "theirs" in each["what"] for each in document["foreign"])
