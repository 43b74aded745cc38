"""Checks of single values, with the sentences that Neutron gives.

Each takes what JSON brought and returns what is kept, or raises `Invalid` with Neutron's reason, or
`InvalidInput` where Neutron's conversion refuses before its validation does.  Facts of the sentences:
neutron-lib's ``api/validators`` and ``api/converters``.
"""

from __future__ import annotations

import unicodedata
import uuid as _uuid
from collections.abc import Callable, Collection
from typing import Any, Final, TypeVar

import msgspec

from deuteron.resources.attribute import Check, Invalid
from deuteron.resources.refusal import (
    BadRequest,
    HTTPBadRequest,
    InvalidInput,
    InvalidInputSubnetServiceType,
    InvalidSubnetServiceType,
)

T = TypeVar("T")

_SHOWN: Final = 1024  # of a value in a sentence: nobody's own megabyte comes back
_INT32: Final = 2**31 - 1  # what every database keeps
_LAST_NAME_CHARACTER: Final = 0xFFFE
_TRUE: Final = frozenset({"1", "t", "true", "on", "y", "yes"})
_FALSE: Final = frozenset({"0", "f", "false", "off", "n", "no"})


def quoted(value: object) -> str:
    """A value as Neutron's sentences show it, cut where it is no use any more."""
    try:
        return str(value)[:_SHOWN]
    except (RecursionError, ValueError):  # nested deeper, or longer a number, than Python writes
        return "..."


def or_none(check: Callable[[Any], T]) -> Callable[[Any], T | None]:
    """The check, and null as well."""
    return lambda value: None if value is None else check(value)


def boolean(value: object) -> bool:
    """True, "true", "yes", 1 and their like (oslo's ``bool_from_string``, strict)."""
    if isinstance(value, bool):
        return value
    word = quoted(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise InvalidInput(error_message=f"'{quoted(value)}' cannot be converted to boolean")


def integer(value: Any) -> int:
    """A whole number, also as a string."""
    try:
        return int(value)
    except (ValueError, TypeError, OverflowError):
        raise InvalidInput(error_message=f"'{quoted(value)}' is not an integer") from None


def between(low: int, high: int = _INT32) -> Callable[[Any], int]:
    """A whole number of the range, both ends included."""

    def check(value: Any) -> int:
        try:
            number = int(value)
        except (ValueError, TypeError, OverflowError):
            raise Invalid(f"'{quoted(value)}' is not an integer") from None
        if number < low:
            raise Invalid(f"'{quoted(number)}' is too small - must be at least '{low}'")
        if number > high:
            raise Invalid(f"'{quoted(number)}' is too large - must be no larger than '{high}'")
        return number

    return check


def non_negative(value: Any) -> int:
    """A whole number from 0; at most what a database keeps."""
    number = integer(value)
    if number < 0:
        raise Invalid(f"'{number}' should be non-negative")
    return between(0)(number)


def int32(value: Any) -> int:
    """A whole number that every database keeps."""
    number = integer(value)
    return between(-_INT32)(number)


def one_of(*values: object) -> Check:
    """One of a few values."""
    shown = list(values)

    def check(value: object) -> object:
        # A dict or a list is hashed by nobody, and True is not 1.
        if any(value == one and type(value) is type(one) for one in shown):
            return value
        raise Invalid(f"{quoted(value)} is not in valid_values")

    return check


def ip_version(value: Any) -> int:
    """4 or 6, also as a string."""
    number = integer(value)
    if number not in (4, 6):
        raise Invalid(f"{quoted(number)} is not in valid_values")
    return number


def text(longest: int) -> Callable[[Any], str]:
    """A string of at most so many characters."""

    def check(value: object) -> str:
        if not isinstance(value, str) or any("\ud800" <= one <= "\udfff" for one in value):
            raise Invalid(f"'{_printable(value)}' is not a valid string")
        if len(value) > longest:
            raise Invalid(f"'{quoted(value)}' exceeds maximum length of {longest}")
        return value

    return check


def _printable(value: object) -> str:
    return quoted(value).encode("utf-8", "backslashreplace").decode()


def name(longest: int = 255) -> Callable[[Any], str]:
    """A name: printable characters of the basic plane, no blank at either end; may be empty."""
    is_text = text(longest)

    def check(value: object) -> str:
        word = is_text(value)
        if word != word.strip() or not all(map(_may_stand_in_a_name, word)):
            raise Invalid(f"'{quoted(word)}' is not a valid string")
        return word

    return check


def _may_stand_in_a_name(character: str) -> bool:
    if character.isascii():
        return character.isprintable()
    kind = unicodedata.category(character)
    return ord(character) <= _LAST_NAME_CHARACTER and kind[0] != "C" and (kind[0] != "Z" or kind == "Zs")


def not_empty_name(longest: int = 255) -> Callable[[Any], str]:
    """A name that is not empty."""
    is_text, is_name = text(longest), name(longest)

    def check(value: object) -> str:
        if not is_text(value).strip():
            raise Invalid(f"'{quoted(value)}' Blank strings are not permitted")
        return is_name(value)

    return check


def uuid(value: object) -> str:
    """A UUID in any usual spelling, kept as written: an id of another spelling names nothing."""
    if isinstance(value, str):
        plain = value.replace("urn:", "").replace("uuid:", "").strip("{}").replace("-", "").lower()
        try:
            if len(value) <= 64 and str(_uuid.UUID(value)).replace("-", "") == plain:
                return value
        except ValueError:
            pass  # said below
    raise Invalid(f"'{quoted(value)}' is not a valid UUID")


def unique_texts(longest: int | None = None) -> Callable[[Any], tuple[str, ...]]:
    """A list of different strings."""
    return list_of(text(longest or _INT32))


def list_of(check: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    """A list of different items that each pass the check."""

    def checked(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise Invalid(f"'{quoted(value)}' is not a list")
        repeated = _repeated(value)
        if repeated:
            raise Invalid(f"Duplicate items in the list: '{', '.join(map(quoted, repeated))}'")
        return tuple(check(one) for one in value)

    return checked


def _repeated(items: Collection[object]) -> list[object]:
    seen: set[str] = set()
    again: dict[str, object] = {}
    for one in items:
        key = f"{type(one).__name__} {quoted(one)}"
        if key in seen:
            again[key] = one
        seen.add(key)
    return list(again.values())


def as_dict(value: object) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise Invalid(f"'{quoted(value)}' is not a dictionary")
    return value


def has_keys(value: object, wanted: Collection[str]) -> dict[str, Any]:
    """A JSON object with exactly these keys."""
    names = "{" + ", ".join(f"'{one}'" for one in wanted) + "}"
    if not isinstance(value, dict):
        raise Invalid(f"Invalid input. '{quoted(value)}' must be a dictionary with keys: {list(wanted)}")
    if value.keys() != set(wanted):
        provided = "{" + ", ".join(f"'{quoted(one)}'" for one in value) + "}" if value else "set()"
        raise Invalid(
            f"Validation of dictionary's keys failed. Expected keys: {names} Provided keys: {provided}"
        )
    return value


_ZONE_HINTS: Final = 255  # characters of them all as a JSON list


def zone_hints(value: object) -> tuple[str, ...]:
    """Different names of availability zones."""
    hints = unique_texts()(value)
    if sum(len(one) + 4 for one in hints) > _ZONE_HINTS:
        raise InvalidInput(error_message="Too many availability_zone_hints specified")
    return hints


def subnetpool_id(value: object) -> str | None:
    """The id of a pool; ``prefix_delegation``, which does not work here, is refused by the service."""
    return value if value == "prefix_delegation" and isinstance(value, str) else or_none(uuid)(value)


_SERVICE_TYPE: Final = ("network:", "neutron:", "compute:", "baremetal:")


def service_types(value: object) -> tuple[str, ...]:
    """Device owners that a subnet serves, each of a known kind.

    Neutron means these kinds too, but takes whatever begins with a letter of "compute:".
    """
    if value is not None and not isinstance(value, list):
        raise HTTPBadRequest(message="Subnet service types must be a list.")
    return tuple(dict.fromkeys(map(_service_type, value or ())))


def _service_type(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInputSubnetServiceType(service_type=quoted(value))
    if not value.startswith(_SERVICE_TYPE) or len(value) > 255:
        raise InvalidSubnetServiceType(service_type=quoted(value))
    return value


def host_id(value: object) -> str:
    """The host that serves a port; null and "" take it away."""
    return "" if value is None else text(255)(value)


_PROFILE: Final = 4095  # bytes as JSON; Neutron's column


def binding_profile(value: object) -> dict[str, Any]:
    """What a compute service tells of a port's device; kept as it is, null takes it away."""
    profile = {} if value is None else as_dict(value)
    if len(msgspec.json.encode(profile)) > _PROFILE:
        raise InvalidInput(error_message="binding:profile value too large")
    return profile


_TAG: Final = 255
_TAGS: Final = 50  # of one resource


def tag(value: object) -> str:
    """A tag: a word of at most 255 characters."""
    return text(_TAG)(value)


def tags(value: object) -> tuple[str, ...]:
    """The tags of a resource: different, in the order of the alphabet, at most 50."""
    found = list_of(tag)(value)
    if len(found) > _TAGS:
        message = f"The number of tags exceed the per-resource limit of {_TAGS}"
        raise BadRequest(resource="tags", msg=message)
    return tuple(sorted(found))


def protocol(*known: str) -> Check:
    """An IP protocol by its name, in lower case."""
    is_known = one_of(*known)

    def check(value: object) -> object:
        if not isinstance(value, str):
            raise InvalidInput(error_message=f"Input value {quoted(value)} must be string type")
        if value.lower() not in known and not (value.isdecimal() and len(value) <= 3 and int(value) <= 255):
            raise InvalidInput(
                error_message=f"IP protocol '{quoted(value)}' is not supported. Only protocol names "
                "and their integer representation (0 to 255) are supported"
            )
        return is_known(value)

    return check


_PORTS: Final = "Port range must be two integers separated by a colon"


def port_range(value: object) -> str | None:
    """One port, or two with a colon between; from 1, the first not above the second."""
    if value is None:
        return None
    ends = quoted(value).split(":")
    if len(ends) > 2 or not all(ends):
        raise Invalid(_PORTS)
    numbers = [_port(one) for one in ends]
    if numbers[0] > numbers[-1]:
        raise Invalid("First port in a port range must be lower than the second port")
    return ":".join(map(str, numbers))


def _port(written: str) -> int:
    number = int(written) if written.isascii() and written.isdigit() and len(written) <= 5 else -1
    if not 0 <= number <= 65535:
        raise Invalid(f"Invalid port: {written}")
    if number == 0:
        raise Invalid(f"Invalid port: {written}, the port must be in the range [1, 65535]")
    return number


def not_yet(what: str) -> Callable[[Any], bool | None]:
    """A flag that may be given as false or null; true is a 400 while ``what`` does not work."""

    def check(value: object) -> bool | None:
        wanted = or_none(boolean)(value)
        if wanted:
            raise InvalidInput(error_message=f"{what} do not work here yet; leave it out, or say false")
        return wanted

    return check
