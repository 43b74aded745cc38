"""Whatever a file holds, it is a view or one refusal."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deuteron.errors import InputError
from deuteron.inputs import load
from tests.unit.inputs.support import BASE, EXAMPLES, PAYLOADS

FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1 << 70,
    1.5,
    "",
    "x",
    "1" * 5000,
    "\u2028",
    "\u0663",
    "vm1",
    "../x",
]
ODD += ["10.0.0.5", "10.0.0.0/24", "::", "::1%eth0", "fd00::/64", "0.0.0.0/0"]
ODD += [[], {}, [[]], [None], {"a": {}}, ["web-v4"]]

DOCUMENTS: list[Any] = [yaml.safe_load(path.read_text()) for path in sorted(EXAMPLES.glob("*.yaml"))]
DOCUMENTS += [json.loads((PAYLOADS / "legacy-port-forwarding.json").read_text())]
DOCUMENTS += [json.loads((PAYLOADS / "dvr-one-fip.json").read_text())["hosts"]["net1"]["sync_routers"]]


def refusal(path: Path, text: str) -> InputError | None:
    path.write_text(text, encoding="utf-8")
    try:
        load(path, host="legacy1")
    except InputError as error:
        return error
    return None


def take(path: Path, text: str) -> None:
    error = refusal(path, text)
    if error is not None:
        assert error.code
        assert "\n" not in error.message


def spots(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        found += spots(child, (*path, key))
    return found


@FUZZ
@given(data=st.data())
def test_a_good_file_with_something_else_in_it(tmp_path: Path, data: st.DataObject) -> None:
    document = copy.deepcopy(data.draw(st.sampled_from(DOCUMENTS)))
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(spots(document)))
        holder = document
        for step in way:
            holder = holder[step]
        action = data.draw(st.sampled_from(["replace", "delete", "rename"]))
        if action == "replace":
            holder[last] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
        elif action == "delete":
            del holder[last]
        elif isinstance(holder, dict):
            holder["new"] = holder.pop(last)
        if not spots(document):
            break
    take(tmp_path / "file", json.dumps(document))


@FUZZ
@given(start=st.integers(0, len(BASE)), length=st.integers(0, 30), put=st.text(max_size=20))
def test_a_good_file_with_some_text_exchanged(tmp_path: Path, start: int, length: int, put: str) -> None:
    take(tmp_path / "file", (BASE[:start] + put + BASE[start + length :]).encode("utf-8", "replace").decode())


@FUZZ
@given(text=st.text(alphabet=st.sampled_from("{}[]:,-&*!?|>'\"%@# \n\tanetworks~0"), max_size=60))
def test_any_text(tmp_path: Path, text: str) -> None:
    take(tmp_path / "file", text)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "&a [*a]",
        "networks: &n [*n]",
        "{" * 100_000,
        "[" * 100_000,
        "- " * 100_000,
        "networks: [" + "{name: a}," * 3 + "]",
        "? " * 1000,
        "networks: &a\n",
        "networks:\n  <<: {a: b}\n",
        "\ufeffnetworks: []",
        "networks: \x00",
        "networks: \x07",
    ],
)
def test_bombs_and_oddities_end_in_a_sentence(tmp_path: Path, text: str) -> None:
    take(tmp_path / "file", text)
