"""``deuteron apply --watch``."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.command import PROGRAM, ROOT, Site, example
from tests.support.waiting import wait_until

pytestmark = pytest.mark.kernel


class Watching:
    """The program at work, with what it has printed so far in two files."""

    def __init__(self, site: Site, process: subprocess.Popen[bytes], out: Path, err: Path) -> None:
        self.site = site
        self.process = process
        self._out = out
        self._err = err

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def until(self, true: Callable[[], bool], seconds: float = 20.0) -> None:
        wait_until(true, lambda: (self.out, self.err), process=self.process, seconds=seconds)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@contextmanager
def watching(site: Site, file: Path, *options: str) -> Iterator[Watching]:
    out, err = site.folder / "out", site.folder / "err"
    with out.open("wb") as to_out, err.open("wb") as to_err:
        process = subprocess.Popen(
            [str(PROGRAM), "apply", str(file), "--watch", *options],
            env=site.run.environment(),
            cwd=ROOT,
            stdout=to_out,
            stderr=to_err,
        )
    try:
        one = Watching(site, process, out, err)
        one.until(lambda: "watch-began" in one.out)
        yield one
    finally:
        process.kill()
        process.wait(20)


def records(watch: Watching) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in watch.out.splitlines()]


def test_what_it_tells_has_no_name_and_no_address_in_it(site: Site) -> None:
    file = site.file(example())
    with watching(site, file) as watch:
        site.remove_address("vm1", "10.0.0.5")
        watch.until(lambda: "unit-repaired" in watch.out)
        assert watch.end() == 0
        told = watch.out + watch.err
    assert not re.search(r"vm1|eth0|qrouter|fip-|net-|10\.0\.|203\.0|fa:16|one-host|topology", told), told
    (line,) = [line for line in told.splitlines() if "unit-repaired" in line]
    assert re.search(
        r" unit=port-[a-z2-7]{10} part=port noticed=event seconds=0\.\d+ .*kinds=\S*address", line
    )
    assert "watch-ended" in told.splitlines()[-1]
    assert site.run("verify").status == 0


def test_a_failure_can_be_followed_from_its_record_to_the_router_and_the_reason(site: Site) -> None:
    file = site.file(example())
    # Somebody else's device has the name of the router's: the router cannot be made here.
    assert site.run("apply", file).status == 0
    spaces = [name for name in site.namespaces() if name.startswith("qrouter-")]
    assert site.run("destroy").status == 0
    for name in spaces:
        site.host.make_netns(name)
    with watching(site, file, "-o", "json") as watch:
        failed = [
            one for one in records(watch) if one["event"] == "unit-failed" and one["outcome"] == "refused"
        ]
        assert watch.end() == 0
        assert not any(name.removeprefix("qrouter-") in watch.out + watch.err for name in spaces)
    tokens = [one["unit"] for one in failed if one["part"] == "router"]
    assert len(tokens) == len(spaces)
    explained = site.run("explain", failed[0]["code"])
    assert explained.status == 0
    assert "next: " in explained.out
    revealed = site.run("reveal", *tokens)
    assert revealed.status == 0
    for name in spaces:
        assert f"({name.removeprefix('qrouter-')})" in revealed.out
    assert revealed.out.count(f"[{failed[0]['code']}]") == len(spaces)
    assert "failed: " in revealed.out
    trail = (site.run.state / "reveal.log").read_text()
    assert all(token in trail for token in tokens)


def test_in_json_each_repair_is_a_document_on_a_line(site: Site) -> None:
    with watching(site, site.file(example()), "-o", "json") as watch:
        made = records(watch)
        assert {one["outcome"] for one in made if one["event"] == "unit-failed"} == set()
        site.remove_address("vm2", "10.0.0.6")
        watch.until(lambda: len(watch.out.splitlines()) > len(made))
        last = records(watch)[-1]
        assert (last["event"], last["part"], last["noticed"]) == ("unit-repaired", "port", "event")
        assert "address" in last["kinds"]
        assert last["seconds"] < 1.0
        assert watch.end(signal.SIGINT) == 0


def test_a_bad_file_is_told_and_the_host_stays_as_it_was_wanted(site: Site) -> None:
    file = site.file(example())
    with watching(site, file, "-o", "json") as watch:
        file.write_text("networks: [")
        watch.until(lambda: any(one.get("code") == "not-yaml" for one in records(watch)))
        site.remove_address("vm1", "10.0.0.5")
        watch.until(lambda: "unit-repaired" in watch.out)
        new = site.folder / "new.yaml"
        new.write_text(example(("203.0.113.51", "203.0.113.52")))
        new.replace(file)  # as editors do
        watch.until(lambda: any(one.get("noticed") == "file" for one in records(watch)))
        assert records(watch)[-1]["event"] == "unit-done"
        watch.process.send_signal(signal.SIGHUP)
        assert watch.end() == 0
    assert site.run("verify").status == 0


def test_a_key_is_changed_while_it_watches_and_old_records_are_still_told(site: Site) -> None:
    file = site.file(example())
    with watching(site, file, "-o", "json") as watch:
        old = [
            one["unit"] for one in records(watch) if one["event"] == "unit-done" and one["part"] == "router"
        ]
        assert site.run("keys", "rotate").status == 0
        before = watch.out.count("config-read")
        watch.process.send_signal(signal.SIGHUP)
        watch.until(lambda: watch.out.count("config-read") > before)
        site.remove_address("vm1", "10.0.0.5")
        watch.until(lambda: "unit-repaired" in watch.out)
        new = [one["unit"] for one in records(watch) if one["event"] == "unit-repaired"]
        assert watch.end() == 0
    named = {one["unit"] for one in records(watch) if one["event"] == "unit-done"}
    assert not set(new) & named
    revealed = site.run("reveal", *old, *new)
    assert revealed.status == 0
    assert revealed.out.count("router ") == len(old)
    assert revealed.out.count("port vm1 ") == 1


def test_what_ends_it_at_the_start_is_a_code_and_no_sentence(site: Site) -> None:
    file = site.file("networks: [")
    ended = site.run("apply", file, "--watch")
    assert ended.status == 2
    assert "code=not-yaml" in ended.out
    assert ended.err == ""
    assert str(file) not in ended.out
    # Nobody is left blind: who may read the state directory is told all of it.
    explained = site.run("explain", "not-yaml")
    assert str(file) in explained.out.splitlines()[-1]
    assert (site.run.state / "sentences.json").stat().st_mode & 0o777 == 0o600


def test_a_verb_that_ends_logs_only_where_a_file_is_configured(site: Site) -> None:
    file, log = site.file(example()), site.folder / "deuteron.log"
    shown = site.run("apply", file, DEUTERON_LOG_FILE=str(log), DEUTERON_LOG_FORM="json")
    assert shown.status == 0
    assert "change-finished" not in shown.out + shown.err
    told = [msgspec.json.decode(line) for line in log.read_text().splitlines()]
    assert [told[0]["event"], told[-1]["event"]] == ["change-began", "change-finished"]
    assert told[-1]["failed"] == 0
    assert len([one for one in told if one["event"] == "unit-done"]) == told[-1]["units"] == 8
    assert log.stat().st_mode & 0o777 == 0o640
    assert str(file) not in log.read_text()


def test_nobody_else_applies_while_it_watches(site: Site) -> None:
    file = site.file(example())
    with watching(site, file):
        ended = site.run("apply", file)
        assert ended.status == 1
        assert ended.err.rstrip().endswith(("[state-locked]", "[host-locked]"))
