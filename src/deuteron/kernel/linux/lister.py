"""Listing rulesets beside the other dumps: on a thread of its own, while libnftables needs no GIL."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future

from deuteron.kernel.linux.nft import Nftables, NftListing
from deuteron.kernel.linux.worker import Worker

#: A ruleset, and the generation that it was listed at.
Listed = tuple[int, NftListing]


class Lister:
    """Lists the tables of one namespace after the other.

    Args:
        nftables: the library, loaded when it is needed first.
    """

    def __init__(self, nftables: Callable[[], Nftables]) -> None:
        self._nftables = nftables
        self._worker = Worker()

    def ask(self, fd: int, netns: str, known: Listed | None) -> Future[Listed]:
        """Begin a listing.

        Args:
            fd: of the namespace; it is closed when the listing is done.
            netns: its name.
            known: an earlier listing, which is the answer where nothing was committed since.
        """
        return self._worker.submit(lambda: self._list(fd, netns, known))

    def _list(self, fd: int, netns: str, known: Listed | None) -> Listed:
        try:
            self._worker.enter(fd)
            nftables = self._nftables()
            generation = (
                nftables.generation()
            )  # before the listing: a change in between is seen the next time
            if known is not None and known[0] == generation:
                return known
            return generation, nftables.list(netns)
        finally:
            self._worker.forget(fd)
            os.close(fd)

    def close(self) -> None:
        """End the thread."""
        self._worker.close()
