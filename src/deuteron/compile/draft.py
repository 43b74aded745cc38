"""A unit while it is being put together."""

from __future__ import annotations

from deuteron.compile.names import device_clash, link_ends, table_clash
from deuteron.errors import InputError
from deuteron.objects import Announce, KernelObject, Key, Need, Route, Unit


class Draft:
    """Collects the objects of one unit.

    Args:
        kind: ``network``, ``fip``, ``router`` or ``port``.
        title: for people.
    """

    def __init__(self, kind: str, ident: str, title: str) -> None:
        self.name = f"{kind}/{ident}"
        self._title = title
        self._objects: dict[Key, KernelObject] = {}
        self._announce: list[tuple[Key, Announce]] = []
        self._needs: set[Need] = set()

    def add(self, *items: KernelObject) -> None:
        """Want these objects.

        Raises:
            InputError: a different object has the same identity.
        """
        for item in items:
            first = self._objects.setdefault(item.key, item)
            if first is not item and first != item:
                raise _clash(first, item, self._title)

    def announce(self, made: KernelObject, action: Announce) -> None:
        """Announce once ``made`` has been made or changed."""
        self._announce.append((made.key, action))

    def need(self, *needs: Need) -> None:
        """Ask that something foreign exist."""
        self._needs.update(needs)

    def unit(self) -> Unit:
        """The finished value."""
        return Unit(
            name=self.name,
            title=self._title,
            objects=tuple(self._objects[key] for key in sorted(self._objects)),
            announce=tuple(sorted(self._announce)),
            needs=tuple(sorted(self._needs)),
        )


def _clash(first: KernelObject, second: KernelObject, title: str) -> InputError:
    ends = link_ends(second)
    if ends:
        return device_clash(ends[0], f"a device of {title}", "another one of it")
    if isinstance(first, Route):
        return table_clash(f"a port of {title}", "another one of it")
    return InputError(
        "conflicting-entries",
        f"{title} asks twice for {first}, in different ways; remove one of the two entries.",
    )
