"""``deuteron apply --watch``."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.command import PROGRAM, ROOT, Site, example

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
        deadline = time.monotonic() + seconds
        while not true():
            assert self.process.poll() is None, (self.out, self.err)
            assert time.monotonic() < deadline, (self.out, self.err)
            time.sleep(0.02)

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
        one.until(lambda: "Watching" in one.err)
        yield one
    finally:
        process.kill()
        process.wait(20)


def test_it_says_what_it_watches_and_each_repair_in_a_line(site: Site) -> None:
    file = site.file(example())
    with watching(site, file) as watch:
        assert watch.err == (
            f"Watching 9 network namespaces and our links on the host, and {file};"
            " a look at everything every 60 s. Ctrl-C ends it.\n"
        )
        applied = watch.out
        assert applied.startswith("Applied: ")
        site.remove_address("vm1", "10.0.0.5")
        watch.until(lambda: "put back" in watch.out)
        (line,) = watch.out.removeprefix(applied).splitlines()
        assert " port vm1: put back in " in line
        assert "address 10.0.0.5/24 on eth0 in vm1" in line
        assert watch.end() == 0
        assert watch.err.endswith("The watch has ended; the host stays as it is.\n")
    assert site.run("verify").status == 0


def test_in_json_each_repair_is_a_document_on_a_line(site: Site) -> None:
    with watching(site, site.file(example()), "-o", "json") as watch:
        made = [msgspec.json.decode(line) for line in watch.out.splitlines()]
        assert {one["outcome"] for one in made} == {"done"}
        site.remove_address("vm2", "10.0.0.6")
        watch.until(lambda: len(watch.out.splitlines()) > len(made))
        last: dict[str, Any] = msgspec.json.decode(watch.out.splitlines()[-1])
        assert (last["title"], last["outcome"], last["noticed"]) == ("port vm2", "done", "event")
        assert last["steps"][0].startswith("+ address 10.0.0.6/24")
        assert last["seconds"] < 1.0
        assert watch.end(signal.SIGINT) == 0


def test_a_bad_file_is_told_and_the_host_stays_as_it_was_wanted(site: Site) -> None:
    file = site.file(example())
    with watching(site, file) as watch:
        file.write_text("networks: [")
        watch.until(lambda: "[not-yaml]" in watch.err)
        site.remove_address("vm1", "10.0.0.5")
        watch.until(lambda: "put back" in watch.out)
        new = site.folder / "new.yaml"
        new.write_text(example(("203.0.113.51", "203.0.113.52")))
        new.replace(file)  # as editors do
        watch.until(lambda: "203.0.113.52" in watch.out)
        watch.process.send_signal(signal.SIGHUP)
        assert watch.end() == 0
    assert site.run("verify").status == 0


def test_nobody_else_applies_while_it_watches(site: Site) -> None:
    file = site.file(example())
    with watching(site, file):
        ended = site.run("apply", file)
        assert ended.status == 1
        assert ended.err.rstrip().endswith(("[state-locked]", "[host-locked]"))
