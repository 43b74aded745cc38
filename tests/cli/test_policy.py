"""``deuteron policy``, and ``--policy`` of the other verbs."""

from __future__ import annotations

from pathlib import Path

import pytest

from deuteron.cli.policy import as_markdown, rows
from tests.cli.command import ONE_HOST, ROOT, Deuteron, Site

EXAMPLE = ROOT / "examples" / "policy.toml"


def written(folder: Path, text: str) -> Path:
    file = folder / "policy.toml"
    file.write_text(text)
    file.chmod(0o644)
    return file


def test_the_page_is_as_the_policy_is() -> None:
    page = (ROOT / "docs" / "policy.md").read_text()
    assert page.endswith(as_markdown(rows(()))), "run python tools/policy_page.py"


def test_every_entry_is_listed_with_its_reason(deuteron: Deuteron) -> None:
    shown = deuteron("policy").out
    document = deuteron("policy", "-o", "json").document()
    assert document["version"] == 1
    for entry in document["entries"]:
        if not entry["unwritten"]:
            assert entry["name"] in shown
            assert entry["reason"] in shown


def test_overrides_and_looser_ones_are_marked(deuteron: Deuteron) -> None:
    ended = deuteron("policy", "--policy", EXAMPLE)
    assert ended.last_line() == "2 overridden, of which 1 looser than the package's"
    assert "1 (looser than 0)" in ended.out
    assert "86400 (instead of 432000)" in ended.out
    entries = deuteron("policy", "--policy", EXAMPLE, "-o", "json").document()["entries"]
    looser = [(one["name"], one["netns"], one["value"], one["package"]) for one in entries if one["looser"]]
    assert looser == [("net/ipv4/conf/{conf}/log_martians", ["fip"], "1", "0")]
    assert [one["because"] for one in entries if one["looser"]] == [
        "until we know who sends from foreign sources; ticket 4711"
    ]


def test_a_looser_value_without_a_reason_is_refused(deuteron: Deuteron, tmp_path: Path) -> None:
    file = written(tmp_path, '[[chain]]\nname = "input"\npolicy = "accept"\n')
    sentence = deuteron("policy", "--policy", file).refused("looser-without-reason", 2)
    assert "[[chain]] input: accept is looser than drop" in sentence


def test_a_file_that_others_may_write_is_refused(deuteron: Deuteron, tmp_path: Path) -> None:
    file = written(tmp_path, "")
    file.chmod(0o666)
    assert "chmod" in deuteron("plan", "--offline", "--policy", file, ONE_HOST).refused("unsafe-file", 1)


@pytest.mark.kernel
def test_an_override_is_applied_committed_and_withdrawn(site: Site, tmp_path: Path) -> None:
    path = "/proc/sys/net/ipv4/conf/all/log_martians"
    site.run("apply", "--policy", EXAMPLE, ONE_HOST)
    fip = next(name for name in site.namespaces() if name.startswith("fip-"))
    router = next(name for name in site.namespaces() if name.startswith("qrouter-"))

    def value(netns: str, path: str) -> str:
        with site.host.inside(netns):
            return Path(path).read_text().strip()

    assert (value(fip, path), value(router, path)) == ("1", "0")
    assert value(router, "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established") == "86400"
    assert site.run("verify").status == 0, "what was committed has the overrides"
    assert site.run("verify", ONE_HOST).status == 3, "the file alone has not"
    site.run("apply", ONE_HOST)
    assert value(fip, path) == "0"


@pytest.mark.kernel
def test_a_value_that_the_kernel_refuses_is_an_error_that_names_it(site: Site, tmp_path: Path) -> None:
    path = "net/ipv6/conf/default/addr_gen_mode"
    file = written(tmp_path, f'[[sysctl]]\npath = "{path}"\nvalue = 9\n')
    ended = site.run("apply", "--policy", file, ONE_HOST)
    assert ended.status == 1
    assert f"the kernel refuses {path} = 9" in ended.out + ended.err
    assert [name for name in site.namespaces() if name.startswith(("qrouter-", "fip-"))] == []


def test_a_policy_goes_with_a_file(deuteron: Deuteron) -> None:
    deuteron("apply", "--policy", EXAMPLE).refused("bad-usage", 2)
