"""Every declaration beside neutron-lib's API definition, attribute by attribute and flag by flag."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from deuteron.resources import EXTENSIONS, RESOURCES
from deuteron.resources.attribute import NO_DEFAULT, Attribute
from tests.unit.resources.left_out import ACTIONS_LEFT_OUT, DIFFERENT, LEFT_OUT, OURS
from tests.unit.resources.neutron import definitions, module

Definition = dict[str, Any]

NOT_SPECIFIED: Final = module("constants").ATTR_NOT_SPECIFIED

CORE: Final = ("network", "port", "subnet", "subnetpool")
#: What neutron-lib defines for several resources at once, or neutron itself (release 29) in its extensions.
STANDARD: Final[dict[str, Definition]] = {
    "description": {
        "allow_post": True,
        "allow_put": True,
        "is_visible": True,
        "is_filter": True,
        "default": "",
    },
    "revision_number": {"allow_post": False, "allow_put": False, "is_visible": True, "is_filter": True},
    "created_at": {"allow_post": False, "allow_put": False, "is_visible": True},
    "updated_at": {"allow_post": False, "allow_put": False, "is_visible": True},
    "tags": {"allow_post": True, "allow_put": False, "is_visible": True, "is_filter": True, "default": []},
}
STANDARD_COLLECTIONS: Final = ("networks", "subnets", "subnetpools", "ports", "routers", "floatingips")
RBAC: Final[dict[str, Definition]] = {
    "id": {"allow_post": False, "allow_put": False, "is_visible": True, "is_filter": True},
    "object_type": {
        "allow_post": True,
        "default": None,
        "is_visible": True,
        "is_filter": True,
        "enforce_policy": True,
    },
    "object_id": {"allow_post": True, "is_visible": True, "is_filter": True, "enforce_policy": True},
    "target_tenant": {
        "allow_post": True,
        "allow_put": True,
        "is_visible": True,
        "is_filter": True,
        "enforce_policy": True,
    },
    "tenant_id": {"allow_post": True, "is_visible": True, "is_filter": True},
    "action": {"allow_post": True, "is_visible": True, "is_filter": True, "enforce_policy": True},
}
#: Neither neutron-lib nor Neutron has an attribute map for them.
WITHOUT_DEFINITION: Final = ("quotas", "tags", "extensions")
DEFINED: Final = sorted(set(RESOURCES) - set(WITHOUT_DEFINITION))


def mapped(definition: Any, collection: str) -> dict[str, Definition]:
    whole = (getattr(definition, "RESOURCE_ATTRIBUTE_MAP", None) or {}).get(collection, {})
    below = (getattr(definition, "SUB_RESOURCE_ATTRIBUTE_MAP", None) or {}).get(collection, {})
    return {**whole, **below.get("parameters", {})}


def working(definition: Any) -> bool:
    return definition.ALIAS in EXTENSIONS or definition.ALIAS in CORE


def defined(collection: str) -> dict[str, Definition]:
    """What the core and the extensions that work define; a later one replaces an earlier one."""
    found: dict[str, Definition] = {}
    for one in filter(working, definitions()):
        found |= mapped(one, collection)
    found |= RBAC if collection == "rbac_policies" else {}
    found |= STANDARD if collection in STANDARD_COLLECTIONS else {}
    if "tenant_id" in found:
        found["project_id"] = found.pop("tenant_id")
    return found


def flags(name: str, definition: Definition) -> Definition:
    gives = definition.get("allow_post", False)
    return {
        "allow_post": gives,
        "allow_put": definition.get("allow_put", False),
        "is_visible": definition.get("is_visible", False),
        "is_filter": definition.get("is_filter", False),
        "is_sort_key": definition.get("is_sort_key", False),
        "enforce_policy": definition.get("enforce_policy", False),
        # The project is the caller's where nobody says.
        "required": gives and "default" not in definition and name != "project_id",
    }


def declared(attribute: Attribute) -> Definition:
    return {
        "allow_post": attribute.post,
        "allow_put": attribute.put,
        "is_visible": attribute.visible,
        "is_filter": attribute.filter,
        "is_sort_key": attribute.sort,
        "enforce_policy": attribute.enforce,
        "required": attribute.required,
    }


@pytest.mark.parametrize("collection", DEFINED)
def test_each_attribute_may_be_given_shown_filtered_and_sorted_as_neutron_defines_it(collection: str) -> None:
    ours = RESOURCES[collection].attributes
    expected = {name: flags(name, one) for name, one in defined(collection).items() if name in ours}
    for where, name, flag in DIFFERENT:
        if where == collection:
            assert expected[name][flag] != declared(ours[name])[flag], (
                "no difference any more: take it off the list"
            )
            expected[name][flag] = declared(ours[name])[flag]
    assert {name: declared(ours[name]) for name in expected} == expected


@pytest.mark.parametrize("collection", DEFINED)
def test_each_default_is_neutrons(collection: str) -> None:
    wrong = {
        name: (attribute.default, theirs)
        for name, attribute in RESOURCES[collection].attributes.items()
        if attribute.post and attribute.field
        for theirs in [defined(collection).get(name, {}).get("default", NOT_SPECIFIED)]
        if theirs is not NOT_SPECIFIED and not same(attribute.default, theirs)
    }
    assert wrong == {}


def same(ours: object, theirs: object) -> bool:
    """NO_DEFAULT stands where null means that the service chooses, and what it chooses is kept."""
    if theirs is None:
        return ours is None or ours is NO_DEFAULT
    return list(ours) == theirs if isinstance(ours, tuple) else ours == theirs


@pytest.mark.parametrize("collection", DEFINED)
def test_an_attribute_that_works_is_declared(collection: str) -> None:
    ours = RESOURCES[collection].attributes
    assert set(defined(collection)) - set(ours) - set(LEFT_OUT.get(collection, {})) == set()


@pytest.mark.parametrize("collection", DEFINED)
def test_what_is_declared_and_seen_is_defined_by_a_working_extension(collection: str) -> None:
    ours = RESOURCES[collection].attributes
    seen = {name for name, one in ours.items() if one.visible or one.post or one.put}
    assert seen - set(defined(collection)) - {name for where, name in OURS if where == collection} == set()


def test_whatever_neutron_lib_adds_to_our_resources_is_declared_or_left_out_with_a_reason() -> None:
    unexplained = {
        (collection, name)
        for one in definitions()
        for collection in DEFINED
        for name in mapped(one, collection)
        if name != "tenant_id" and name not in RESOURCES[collection].attributes
        if name not in LEFT_OUT.get(collection, {})
    }
    assert unexplained == set()


def test_nothing_is_left_out_that_is_there_or_that_neutron_lib_does_not_have() -> None:
    there = {
        (collection, name)
        for one in definitions()
        for collection in DEFINED
        for name in mapped(one, collection)
    }
    listed = {(collection, name) for collection, names in LEFT_OUT.items() for name in names}
    assert listed - there == set()
    assert {(where, name) for where, name in listed if name in RESOURCES[where].attributes} == set()
    assert all(reason for names in LEFT_OUT.values() for reason in names.values())


def test_each_attribute_names_an_extension_that_works() -> None:
    named = {one.extension for resource in RESOURCES.values() for one in resource.attributes.values()}
    named |= {resource.extension for resource in RESOURCES.values()}
    assert named - {""} - set(EXTENSIONS) == set()


def test_extensions_are_called_as_neutron_calls_them() -> None:
    theirs = {one.ALIAS: (one.NAME, one.DESCRIPTION, one.UPDATED_TIMESTAMP) for one in definitions()}
    ours = {alias: (one.name, one.description, one.updated) for alias, one in EXTENSIONS.items()}
    assert {alias: ours[alias] for alias in ours if alias in theirs} == {
        alias: theirs[alias] for alias in ours if alias in theirs
    }


def test_an_extension_is_there_only_with_those_that_it_requires() -> None:
    required = {
        (one.ALIAS, other)
        for one in definitions()
        if one.ALIAS in EXTENSIONS
        for other in one.REQUIRED_EXTENSIONS or ()
    }
    assert {
        (alias, other) for alias, other in required if other not in EXTENSIONS and other not in CORE
    } == set()


def test_actions_on_one_router_or_pool_are_those_of_the_working_extensions() -> None:
    for resource in RESOURCES.values():
        theirs: dict[str, str] = {}
        for one in filter(working, definitions()):
            theirs |= (one.ACTION_MAP or {}).get(resource.name, {})
        for name in ACTIONS_LEFT_OUT:
            theirs.pop(name, None)
        assert dict(resource.actions) == theirs


@pytest.mark.parametrize("collection", sorted(RESOURCES))
def test_a_struct_and_its_declaration_agree_on_names_and_defaults(collection: str) -> None:
    resource = RESOURCES[collection]
    fields = {one.encode_name: one.name for one in msgspec.structs.fields(resource.model)}
    assert {name: one.field for name, one in resource.attributes.items() if one.field} == fields
