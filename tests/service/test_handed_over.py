"""Whatever a unit of work raises reaches who asked, and those after are served."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from deuteron.store.store import Store, Unit
from tests.service.conftest import Desk


class Odd(BaseException):
    """Not an ``Exception``, as the end of a thread or of a task is none."""


@pytest.mark.parametrize(
    ("raised", "told"),
    [(Odd(), Odd), (ValueError("x"), ValueError), (StopIteration(), RuntimeError), (KeyError(1), KeyError)],
)
def test_whatever_a_unit_raises_reaches_who_asked(
    store: Store, alice: Desk, raised: BaseException, told: Any
) -> None:
    def work(unit: Unit) -> None:
        unit.set_quota("p", "network", 1)
        raise raised

    async def asked() -> None:
        await asyncio.wait_for(store.write(work), 10)

    with pytest.raises(told):
        asyncio.run(asked())
    assert store.look(lambda unit: unit.quotas("p")) == {}
    assert alice.network(name="after")["name"] == "after"
