"""What things are called in a report."""

from __future__ import annotations

import secrets
from pathlib import Path

from deuteron.errors import HostError
from deuteron.logs.key import read_keys
from deuteron.logs.pseudonym import Pseudonyms


class Names:
    """Pseudonyms as in the logs; where there is no usable key, by one that nobody keeps.

    Args:
        pseudonyms: of the key in use.
        lasting: whether the same things are called the same in the next report.
    """

    def __init__(self, pseudonyms: Pseudonyms, *, lasting: bool) -> None:
        self._pseudonyms = pseudonyms
        self.lasting = lasting

    def unit(self, name: str) -> str:
        """A unit; what only its namespace tells is told by the namespace."""
        return self._pseudonyms.of("unit", name) if name else "no unit"

    def namespace(self, name: str) -> str:
        """A network namespace, "" being the host's."""
        return self._pseudonyms.of("namespace", name) if name else "the host's namespace"

    def host(self, name: str) -> str:
        """A host."""
        return self._pseudonyms.of("host", name)

    def path(self, path: Path | str) -> str:
        """A file that is not one of the known ones."""
        return self._pseudonyms.of("path", str(path))


def names_by(key_file: Path) -> Names:
    """Names by the key of the logs; none is made."""
    try:
        keys = read_keys(key_file)
    except HostError:
        keys = None  # the check of the key file tells of it
    if keys is None:
        return Names(Pseudonyms(secrets.token_bytes(32)), lasting=False)
    return Names(keys.pseudonyms, lasting=True)
