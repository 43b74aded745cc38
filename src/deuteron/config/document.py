"""The configuration's page, its example file, and its values, as text; from the declarations."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from deuteron.config.keys import Key, keys

_HEAD: Final = """\
# Configuration

One TOML file, `/etc/deuteron/deuteron.toml` for root, `$XDG_CONFIG_HOME/deuteron/deuteron.toml`
(`~/.config` where that is not set) for anybody else. There need not be one. `--config FILE` or
`DEUTERON_CONFIG` names another; an empty `DEUTERON_CONFIG` says that there is none.

An option is stronger than a variable of the environment, that than the file, that than the default.
A key that nobody reads is refused, with the nearest that somebody does. No key holds a secret: it is
a file of its own, whose key ends in `_file`, or a credential of systemd (`LoadCredential=`).

The file belongs to root, or to the user who runs Deuteron; nobody else may write to it or to a
directory on the way, and no link is followed. This is asked of what was opened, not of a name, for
every path here; what is unsafe is refused with the command that mends it.

```console
$ deuteron config check    # the file, and all paths that it names
$ deuteron config show     # what holds, and where each value comes from
$ deuteron config doc      # this page
```

A process that watches (`apply --watch`) reads and checks it all again at SIGHUP; a file that is not
acceptable then is reported, and what held before still holds. The state directory, the interval,
the confinement and the number of workers are those of the start.
"""

_TITLES: Final = {"": "Keys", "log": "[log]", "api": "[api]", "confine": "[confine]", "audit": "[audit]"}


def markdown() -> str:
    """``docs/configuration.md``."""
    parts = [_HEAD]
    for table, of_table in groupby(keys(), lambda key: key.name.rpartition(".")[0]):
        parts.append(f"\n## {_TITLES[table]}\n")
        parts += map(_entry, of_table)
    parts.append(f"\n## Example\n\n```toml\n{example()}```\n")
    return "".join(parts)


def example() -> str:
    """A file in which every key stands once."""
    lines: list[str] = []
    for table, of_table in groupby(keys(), lambda key: key.name.rpartition(".")[0]):
        lines += ["", f"[{table}]"] if table else []
        lines += [f"{key.name.rpartition('.')[2]} = {written(key.example)}" for key in of_table]
    return "\n".join(lines) + "\n"


def written(value: object) -> str:
    """A value as TOML writes it; "" for one that is not set."""
    if value is None:
        return ""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return '"' + "".join(_escaped(str(value) if isinstance(value, Path) else value)) + '"'


def _escaped(text: object) -> Iterator[str]:
    for letter in str(text):
        if letter in '"\\':
            yield "\\" + letter
        elif letter.isprintable():
            yield letter
        else:
            yield f"\\U{ord(letter):08x}"


def _entry(key: Key) -> str:
    default = written(key.default)
    also = ", ".join(f"`{one}`" for one in (key.option, key.environment) if one)
    return (
        f"\n### `{key.name.rpartition('.')[2]}`\n\n{key.about}\n\n"
        f"- takes: {key.type}\n- default: {f'`{default}`' if default else 'none'}\n- also: {also}\n"
    )
