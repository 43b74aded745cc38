"""The whole API, put together: the service over a store and a policy, in front of it HTTP."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Final

import msgspec

from deuteron.api.asgi import Api, Identity, Seen, Settings
from deuteron.api.dispatch import Routes
from deuteron.api.openapi import document
from deuteron.identity.policy import Policy
from deuteron.resources import RESOURCES
from deuteron.service.verbs import VERBS, Service
from deuteron.store.store import Store

_DEFAULT: Final = Settings()


def app(
    store: Store,
    identity: Identity,
    policy: Policy,
    *,
    defect: Callable[[BaseException], None],
    settings: Settings = _DEFAULT,
    seen: Seen | None = None,
) -> Api:
    """The API as an ASGI application.

    Args:
        store: where everything is.
        identity: who asks.
        policy: who may.
        defect: is told what nobody foresaw, and what becomes a 500; never raises.
        settings: limits, names, the challenge of a 401.
        seen: is told of each answer.
    """
    routes = Routes(RESOURCES, VERBS)
    made = msgspec.json.encode(document(RESOURCES, routes, version("deuteron")))
    return Api(
        Service(store, policy),
        identity,
        routes=routes,
        defect=defect,
        settings=settings,
        document=made,
        seen=seen,
    )
