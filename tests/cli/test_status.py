"""``deuteron status``."""

from __future__ import annotations

import pytest

from tests.cli.command import ONE_HOST, Deuteron, Site, without_privilege

pytestmark = pytest.mark.kernel


def test_all_is_well(site: Site) -> None:
    assert site.run("apply", ONE_HOST).status == 0
    ended = site.run("status")
    assert (ended.status, ended.err) == (0, "")
    assert f"Applied: {ONE_HOST}, " in ended.out
    assert "Units: 8 ok\n" in ended.out
    assert ended.last_line() == "All is well."


def test_every_unit_is_listed_where_asked(site: Site) -> None:
    site.run("apply", ONE_HOST)
    assert "port vm1" not in site.run("status").out
    assert "port vm1" in site.run("status", "--all").out


def test_a_unit_that_differs_is_named(site: Site) -> None:
    site.run("apply", ONE_HOST)
    router = next(name for name in site.namespaces() if name.startswith("qrouter-"))
    site.remove_address(router, "10.0.")
    ended = site.run("status", "-o", "json")
    document = ended.document()
    assert (ended.status, document["healthy"], document["looked"]) == (3, False, True)
    assert document["tally"] == {"ok": 7, "differs": 1}
    (unit,) = [one for one in document["units"] if one["state"] == "differs"]
    assert unit["title"].startswith("router ")
    assert "deuteron doctor" in site.run("status").last_line()


def test_offline_asks_the_state_directory_alone(site: Site) -> None:
    site.run("apply", ONE_HOST)
    router = next(name for name in site.namespaces() if name.startswith("qrouter-"))
    site.remove_address(router, "10.0.")
    ended = site.run("status", "--offline", "-o", "json")
    assert (ended.status, ended.err) == (0, "")
    assert ended.document()["tally"] == {"unknown": 8}
    assert ended.document()["looked"] is False


def test_without_privilege_the_state_directory_is_told_with_a_note(site: Site) -> None:
    site.run("apply", ONE_HOST)
    ended = site.run("status", preexec=without_privilege)
    assert ended.status == 0, ended
    assert ended.err.startswith("note: the kernel was not looked at: ")
    assert "Units: 8 unknown\n" in ended.out


def test_where_nothing_was_applied(deuteron: Deuteron) -> None:
    ended = deuteron("status", "--offline")
    assert (ended.status, ended.err) == (0, "")
    assert "Applied: nothing\n" in ended.out
    assert not deuteron.state.exists()


def test_a_quarantined_unit_is_shown_with_its_code(site: Site) -> None:
    site.host.make_netns("taken")
    assert site.run("apply", ONE_HOST).status == 0
    lines = ONE_HOST.read_text().replace("netns: vm2", "netns: not-there")
    ended = site.run("apply", site.file(lines))
    assert ended.status == 1
    status = site.run("status", "-o", "json")
    document = status.document()
    assert status.status == 3
    (unit,) = document["quarantined"]
    assert (unit["code"], unit["attempts"]) == ("no-such-namespace", 1)
    assert {one["state"] for one in document["units"] if one["unit"] == unit["unit"]} == {"quarantined"}
    text = site.run("status").out
    assert "Quarantined" in text
    assert "no-such-namespace" in text


def test_a_damaged_state_directory_is_trouble(deuteron: Deuteron) -> None:
    deuteron.state.mkdir(mode=0o700)
    (deuteron.state / "state.sqlite").write_bytes(b"nonsense")
    ended = deuteron("status", "--offline", "-o", "json")
    assert ended.status == 3
    assert ended.document()["trouble"][0][0] == "state-corrupt"
