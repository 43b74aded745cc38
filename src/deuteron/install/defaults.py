"""The configuration that is laid down: every key explained, at its default."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from deuteron.config.document import written
from deuteron.config.keys import Key, keys

_HEAD: Final = """\
# Configuration of Deuteron, for the service and for root's commands. A key behind a # is at its
# default. `deuteron config check` checks this file, `systemctl reload` of the service has it read
# again; docs/configuration.md says more. Another state_dir is to be named in the unit as well:
# docs/install.md.
"""


def configuration() -> str:
    """``deuteron.toml``; of ``serve`` two keys are not at their default, see :data:`APART`."""
    parts = [_HEAD]
    for table, of_table in groupby(keys(), lambda key: key.name.rpartition(".")[0]):
        parts.append(f"\n[{table}]\n" if table else "")
        parts += [f"\n{_entry(key)}" for key in of_table]
    return "".join(parts)


#: Keys that the units of ``serve`` set as well, so that root's commands go to the same places.
APART: Final = ("directory", "feed")


def apart(text: str) -> str:
    """The configuration of the two services: where the API's files are, of which the agent has none."""
    for name in APART:
        text = text.replace(f"\n#{name} = ", f"\n{name} = ", 1)
    return text


def _entry(key: Key) -> str:
    return "".join(f"{line}\n" for line in (*_about(key), _assignment(key)))


def _about(key: Key) -> Iterator[str]:
    about = f"{key.about} Takes: {key.type}."
    yield from (f"# {line}" for line in textwrap.wrap(about, 98, break_on_hyphens=False))


def _assignment(key: Key) -> str:
    name = key.name.rpartition(".")[2]
    value = key.example if key.default is None else key.default
    return f"#{name} = {written(value)}"
