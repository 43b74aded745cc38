"""The generic road of every request: policy, decoding, the service function, the answer.

``Service.answer(call)`` is all that the HTTP side needs; ``VERBS`` lists what there is.  Each call is one
unit of work of the store, so a bulk create is all or nothing and a refused request leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import msgspec

from deuteron.identity.policy import Policy
from deuteron.resources import RESOURCES, refusal
from deuteron.resources.resource import decode_put
from deuteron.service import bodies, quota, read_verbs, registry
from deuteron.service.authority import Authority, questions, rule
from deuteron.service.call import Answer, Call, Member
from deuteron.service.seen import parent_of, seen
from deuteron.service.values import to_dict
from deuteron.service.view import View
from deuteron.store.driver import ConstraintError
from deuteron.store.query import Query
from deuteron.store.reading import Written
from deuteron.store.store import Store, Unit

Run = Callable[[Unit, Policy, Call], Answer]


class Verb(msgspec.Struct, frozen=True):
    """One thing that can be asked for.

    Attributes:
        run: does it within one unit of work.
        writes: whether it needs the writer; what does not is run read-only.
        brief: whether it looks at a row or two: that is done sooner than another thread could be asked to.
    """

    run: Run
    writes: bool
    brief: bool = False


class Service:
    """The API's verbs over one store, under one policy.

    Raises:
        InputError: ``missing-policy-rule``: a verb, or an attribute that it enforces, has no rule to ask.
    """

    def __init__(self, store: Store, policy: Policy) -> None:
        policy.require(actions())
        self._store = store
        self._policy = policy

    async def answer(self, call: Call) -> Answer:
        """What one request gets.

        Raises:
            Refusal: with the status, type and message of the error's body.
        """
        verb = VERBS.get((call.resource.collection, call.action))
        if verb is None:
            raise refusal.HTTPNotFound
        call = msgspec.structs.replace(call, caller=self._policy.known(call.caller))
        work = partial(_run, verb, self._policy, call)
        if verb.brief:
            return self._store.look(work)
        return await (self._store.write(work) if verb.writes else self._store.read(work))


def _run(verb: Verb, policy: Policy, call: Call, unit: Unit) -> Answer:
    try:
        return verb.run(unit, policy, call)
    except ConstraintError as error:
        raise InUse(constraint=error.constraint) from error


class InUse(refusal.Conflict):
    """The tables forbid it, where no service function had looked."""

    sentence = "The request conflicts with what exists: {constraint}."


def index(unit: Unit, policy: Policy, call: Call) -> Answer:
    """The list that the caller may see, filtered, sorted, paged."""
    resource = call.resource
    authority = Authority(unit, policy, call.caller)
    query = msgspec.structs.replace(call.query or Query(resource=resource), visible_to=call.caller)
    if resource.parent:
        parent = parent_of(unit, authority, call)
        within = (f"{resource.parent}_id", (parent.id,))
        query = msgspec.structs.replace(query, filters=(*query.filters, within))
    view = View(authority, resource)
    if (page := _written(unit, view, query, call.fields)) is not None:
        body = {resource.collection: msgspec.Raw(page.text)}
        return Answer(200, body, count=page.rows, first=page.first, last=page.last)
    values = unit.page(query)
    shown = view.many(values, call.fields)
    ends = (values[0].id, values[-1].id) if values and hasattr(values[0], "id") else ("", "")
    return Answer(200, {resource.collection: shown}, count=len(values), first=ends[0], last=ends[1])


def _written(unit: Unit, view: View, query: Query, fields: frozenset[str] | None) -> Written | None:
    """The list as texts that are kept; ``None`` where only its structs know what is shown."""
    alike = view.alike(fields)
    if alike is not None:
        return unit.written(query, alike.attributes)
    return unit.written_each(query, partial(view.by_grounds, fields=fields))


def show(unit: Unit, policy: Policy, call: Call) -> Answer:
    """One resource."""
    authority = Authority(unit, policy, call.caller)
    value = seen(unit, authority, call)
    return Answer(200, {call.resource.name: View(authority, call.resource).one(value, call.fields)})


def create(unit: Unit, policy: Policy, call: Call) -> Answer:
    """One resource, or as many as the body lists: all of them or none."""
    resource, make = call.resource, registry.OPERATIONS[call.resource.collection].create
    if make is None:
        raise refusal.HTTPNotFound
    authority = Authority(unit, policy, call.caller)
    parent = parent_of(unit, authority, call) if resource.parent else None
    decoded, bulk = bodies.several(resource, call.caller, call.body)
    given = [_own(call, parent, one) for one in decoded]
    quota.charge(unit, resource, given)
    for one in given:
        authority.create(resource, one)
    values = [make(unit, call.caller, one) for one in given]
    view = View(authority, resource)
    shown = [view.one(value) for value in values]
    return Answer(201, {resource.collection: shown} if bulk else {resource.name: shown[0]})


def update(unit: Unit, policy: Policy, call: Call) -> Answer:
    """One resource, changed."""
    resource, do = call.resource, registry.OPERATIONS[call.resource.collection].update
    if do is None:
        raise refusal.HTTPNotFound
    authority = Authority(unit, policy, call.caller)
    given = decode_put(resource, call.body)
    value = seen(unit, authority, call)
    authority.change(rule("update", resource), resource, to_dict(resource, value), given)
    _match(call, value)
    value = do(unit, call.caller, value, given)
    return Answer(200, {resource.name: View(authority, resource).one(value)})


def delete(unit: Unit, policy: Policy, call: Call) -> Answer:
    """One resource, gone."""
    resource, do = call.resource, registry.OPERATIONS[call.resource.collection].delete
    if do is None:
        raise refusal.HTTPNotFound
    authority = Authority(unit, policy, call.caller)
    value = seen(unit, authority, call)
    authority.change(rule("delete", resource), resource, to_dict(resource, value), {})
    _match(call, value)
    do(unit, call.caller, value)
    return Answer(204)


def _act(member: Member, unit: Unit, policy: Policy, call: Call) -> Answer:
    resource = call.resource
    authority = Authority(unit, policy, call.caller)
    value = seen(unit, authority, call)
    authority.change(call.action, resource, to_dict(resource, value), {})
    _match(call, value)
    body = bodies.member(resource, call.body, envelope=member.envelope)
    told = member.run(unit, call.caller, value, body)
    return Answer(200, {resource.name: told} if member.envelope else told)


def _own(call: Call, parent: Any, given: dict[str, Any]) -> dict[str, Any]:
    if parent is None:
        return given
    return {**given, f"{call.resource.parent}_id": parent.id, "project_id": parent.project_id}


def _match(call: Call, value: Any) -> None:
    if call.if_match is not None and call.if_match != value.revision_number:
        raise refusal.RevisionNumberConstraintFailed(expected=call.if_match, current=value.revision_number)


def _verbs() -> Iterator[tuple[tuple[str, str], Verb]]:
    for collection, resource in RESOURCES.items():
        operations = registry.OPERATIONS.get(collection)
        if operations is None:
            continue
        yield (collection, "index"), Verb(index, False)
        yield (collection, "show"), Verb(show, False, brief=True)
        for name, generic in (("create", create), ("update", update), ("delete", delete)):
            if getattr(operations, name) is not None:
                yield (collection, name), Verb(generic, True)
        for name, member in operations.members.items():
            yield (collection, name), Verb(partial(_act, member), True)
        if resource.tags:
            for name, (run, writes) in read_verbs.TAGS.items():
                yield (collection, name), Verb(run, writes)
    for key, (run, writes) in read_verbs.OTHERS.items():
        yield key, Verb(run, writes)


def actions() -> Iterator[str]:
    """Every rule that the verbs ask the policy for: at start-up each must be there (OSSA-2026-016)."""
    named = {"index": "get", "show": "get"}
    for collection, action in VERBS:
        resource = RESOURCES[collection]
        if collection == "extensions" or action in ("default", "details"):
            continue
        if "." in action:
            yield from (f"{verb}_{resource.name}:tags" for verb in ("get", "create", "update", "delete"))
        elif action in ("index", "show", "create", "update", "delete"):
            yield from questions(named.get(action, action), resource)
        else:
            yield action


#: Everything that can be asked for, by collection and action.
VERBS: Final[Mapping[tuple[str, str], Verb]] = MappingProxyType(dict(_verbs()))
