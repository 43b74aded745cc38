"""A loopback device for tests over TCP: the sandbox that all tests run in has one that is down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deuteron.kernel.linux.netlink import link
from deuteron.kernel.linux.netlink.socket import NetlinkSocket
from deuteron.store.store import Store
from tests.api.questions import Questions
from tests.support.sandbox import why_not


@pytest.fixture(autouse=True, scope="session")
def loopback() -> None:
    if why_not():
        return  # no sandbox: the host's own, which is up
    with NetlinkSocket() as rt:
        (ack,) = rt.batch([link.set_link(1, up=True)])
    assert not ack.errno


@pytest.fixture(scope="session")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Questions]:
    """The world of the policy matrix: each question takes back what it does."""
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('matrix') / 'api.db'}")
    try:
        yield Questions(store)
    finally:
        store.close()
