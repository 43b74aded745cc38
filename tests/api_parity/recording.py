"""A recording: what was asked, and what the peer answered, in order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import msgspec

DATA: Final = Path(__file__).resolve().parents[1] / "data" / "neutron-api"
#: The headers that are compared, where the peer sends them.
HEADERS: Final = ("content-type", "location", "allow", "www-authenticate", "x-openstack-request-id")


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request and its answer.

    Attributes:
        method: of HTTP.
        path: with its query, from the root.
        body: what is sent, as JSON.
        raw: what is sent where it is no JSON.
        headers: what is sent with it.
        status: what the peer answered.
        answer: its body, as JSON.
        text: its body where it is no JSON.
        shown: the headers of the answer that matter.
    """

    method: str
    path: str
    body: Any = None
    raw: str = ""
    headers: dict[str, str] = {}
    status: int = 0
    answer: Any = None
    text: str = ""
    shown: dict[str, str] = {}

    @property
    def name(self) -> str:
        """``PUT /v2.0/networks/{id}``: without ids and query."""
        plain = re.sub(r"<id-\d+>|00000000-[\w-]+", "{id}", self.path.partition("?")[0])
        return f"{self.method} {plain}"


class Recording(msgspec.Struct, frozen=True):
    """A sequence of requests to an empty server."""

    client: str
    peer: str
    steps: tuple[Step, ...]


def load(path: Path) -> Recording:
    """One that was laid down."""
    return msgspec.json.decode(path.read_bytes(), type=Recording)


def save(recording: Recording, path: Path) -> None:
    """Lay one down: a step a line, so that a change of one is seen as one."""
    steps = ",\n".join(msgspec.json.encode(one).decode() for one in recording.steps)
    head = f'"client":"{recording.client}","peer":"{recording.peer}"'
    path.write_text(f'{{{head},"steps":[\n{steps}\n]}}\n', encoding="utf-8")


def recordings() -> list[Path]:
    """All that are laid down."""
    return sorted(DATA.glob("seq-*.json"))
