"""Where everybody is believed, and where nobody shall be."""

from __future__ import annotations

import asyncio

import pytest

from deuteron.errors import InputError
from deuteron.identity.noauth import Noauth


@pytest.mark.parametrize("listen", ["127.0.0.1:9696", "127.8.9.1:0", "[::1]:9696", "unix:/run/deuteron/api"])
def test_it_listens_where_only_this_host_reaches_it(listen: str) -> None:
    Noauth([listen])


@pytest.mark.parametrize(
    "listen",
    [
        *("0.0.0.0:9696", "[::]:9696", ":9696", "192.0.2.1:9696", "localhost:9696", "[::ffff:192.0.2.1]:1"),
        *("2130706433:9696", "::1:9696", "[127.0.0.1]:9696", "127.0.0.1", ""),
    ],
)
def test_it_is_refused_anywhere_else(listen: str) -> None:
    with pytest.raises(InputError) as refused:
        Noauth(["127.0.0.1:9696", listen])
    assert refused.value.code == "noauth-exposed"


def test_who_names_no_project_administers() -> None:
    caller = asyncio.run(Noauth(["unix:/x"]).caller({}))
    assert (caller.project_id, caller.is_admin) == ("fake_project_id", True)


def test_who_names_a_project_is_who_they_say() -> None:
    headers = {"x-project-id": "blue", "x-user-id": "alice", "x-roles": "member, reader"}
    caller = asyncio.run(Noauth(["unix:/x"]).caller(headers))
    assert (caller.project_id, caller.user_id, caller.is_admin) == ("blue", "alice", False)
    assert caller.roles == {"member", "reader"}
