"""``python -m tests.api_parity [--peer URL]``: record anew from a neutron-server, or show what differs."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.api_parity import clients
from tests.api_parity.compare import Difference
from tests.api_parity.differences import judge, load_differences
from tests.api_parity.record import Recorder
from tests.api_parity.recording import DATA, load, recordings, save
from tests.api_parity.replay import replay
from tests.api_parity.sequences import SEQUENCES

#: Characters of a value that are shown.
WIDTH = 300
PEER = "neutron-server 29.0.0"


def record(peer: str, names: list[str]) -> None:
    """Every sequence asked of the peer, and laid down."""
    for name, sequence in SEQUENCES.items():
        if names and name not in names:
            continue
        recorder = Recorder(peer)
        sequence(recorder)
        save(recorder.recording("http", PEER), DATA / f"seq-{name}.json")
        print(name, len(recorder.steps), "requests", flush=True)
    for name, drive in clients.CLIENTS.items():
        if names and name not in names:
            continue
        recorder = Recorder(peer)
        drive(recorder, peer)
        save(recorder.recording(name, PEER), DATA / f"seq-{name}.json")
        print(name, len(recorder.steps), "requests", flush=True)


def show(names: list[str]) -> int:
    """What differs and has no reason; how much was compared."""
    found = []
    asked = 0
    for path in recordings():
        if names and path.stem.removeprefix("seq-") not in names:
            continue
        recording = load(path)
        asked += len(recording.steps)
        with tempfile.TemporaryDirectory() as place:
            here = replay(recording, Path(place))
        found += [(path.stem, one) for one in here]
    verdict = judge([one for _, one in found], load_differences())
    where = {id(one): stem for stem, one in found}
    alike: dict[tuple[str, ...], list[Difference]] = {}
    for one in verdict.unreasoned:
        alike.setdefault((one.request, one.at, one.neutron, one.deuteron), []).append(one)
    for (request, at, neutron, deuteron), several in alike.items():
        places = ", ".join(f"{where[id(one)]}:{one.step}" for one in several[:4])
        print(f"{request} {at} ({len(several)}: {places})\n    {neutron[:WIDTH]}\n    {deuteron[:WIDTH]}")
    for entry in verdict.unused:
        print("never met:", entry.what)
    print(f"{asked} requests, {len(found)} differences, {len(verdict.unreasoned)} without a reason")
    return 1 if verdict.unreasoned or verdict.unused else 0


def main() -> int:
    ask = argparse.ArgumentParser(prog="python -m tests.api_parity")
    ask.add_argument("--peer", help="URL of a running neutron-server on loopback, without authentication")
    ask.add_argument("names", nargs="*", help="sequences; all where none is named")
    given = ask.parse_args()
    if given.peer:
        record(given.peer.rstrip("/"), given.names)
    return show(given.names)


if __name__ == "__main__":
    sys.exit(main())
