"""The language of oslo.policy's rules: text to a tree.

::

    rule   = "" | words | lists
    words  = either { "or" either }           either = each { "and" each }
    each   = "not" each | "(" words ")" | check
    check  = "@" | "!" | kind ":" match       lists  = [[check, and check], or [check], or check]

Kinds are those of oslo.policy (``rule``, ``role``, a literal, anything of the credentials) and those that
Neutron adds (``project_id``, ``tenant_id``, ``field``).  Where oslo.policy logs that it has not understood,
and denies that one check, which a ``not`` before it turns into a grant, the whole rule is refused here.
``http:`` and ``https:``, which ask another server, are refused as well.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Final

from deuteron.identity.policy_checks import (
    NO,
    YES,
    All,
    Always,
    Any_,
    Check,
    Credential,
    Field,
    Literal,
    Not,
    Owner,
    Role,
    Rule,
    Text,
)

#: How deep parentheses, ``not`` and references to other rules may be nested; and how long a rule may be.
DEPTH: Final = 64
LENGTH: Final = 8192

_PLACE: Final = re.compile(r"%(?:%|\(([^()]*)\)s)")
_OWNER: Final = re.compile(r"%\((?P<field>[^()]+)\)s")
_REMOTE: Final = frozenset({"http", "https", "opa", "remote"})


class RuleError(ValueError):
    """A rule is not of the language; the sentence says why."""


def parse(rule: object) -> Check:
    """A rule as a policy file has it: text, or the older list of lists.

    Raises:
        RuleError: it is not of the language.
    """
    if isinstance(rule, str):
        return _parse_text(rule)
    if isinstance(rule, Sequence) and not isinstance(rule, bytes):
        return _parse_lists(rule)
    raise RuleError("a rule is a text, or a list of lists of texts")


def _parse_text(rule: str) -> Check:
    if rule == "":
        return YES
    if len(rule) > LENGTH:
        raise RuleError(f"a rule has at most {LENGTH} characters")
    words = list(_words(rule))
    check, rest = _either(words, 0, 0)
    if rest != len(words):
        raise RuleError(f"{words[rest]!r} stands where 'and', 'or' or the end should")
    return check


def _parse_lists(rule: Sequence[object]) -> Check:
    if not rule:
        return YES
    found = [_parse_each(one) for one in rule if one]
    if not found:
        return NO
    return found[0] if len(found) == 1 else Any_(tuple(found))


def _parse_each(one: object) -> Check:
    if isinstance(one, str):
        return _check(one)
    if not isinstance(one, Sequence) or not all(isinstance(word, str) for word in one):
        raise RuleError("a list of rules holds texts, and lists of texts")
    checks = tuple(_check(str(word)) for word in one)
    return checks[0] if len(checks) == 1 else All(checks)


def _words(rule: str) -> Iterator[str]:
    """Parentheses stand at the beginnings and ends of what blanks part; elsewhere they are text."""
    for piece in rule.split():
        inner = piece.lstrip("(")
        yield from "(" * (len(piece) - len(inner))
        bare = inner.rstrip(")")
        if bare:
            yield bare
        yield from ")" * (len(inner) - len(bare))


def _either(words: list[str], at: int, depth: int) -> tuple[Check, int]:
    return _joined(words, at, depth, "or")


def _joined(words: list[str], at: int, depth: int, word: str) -> tuple[Check, int]:
    """Checks with ``or`` between them, each of which is checks with ``and`` between them."""
    found: list[Check] = []
    while True:
        check, at = _joined(words, at, depth, "and") if word == "or" else _one(words, at, depth)
        found.append(check)
        if at == len(words) or words[at].lower() != word:
            break
        at += 1
    if len(found) == 1:
        return found[0], at
    return (Any_(tuple(found)) if word == "or" else All(tuple(found))), at


def _one(words: list[str], at: int, depth: int) -> tuple[Check, int]:
    if depth > DEPTH:
        raise RuleError(f"it is nested deeper than {DEPTH}")
    if at == len(words):
        raise RuleError("it ends where a check should stand")
    word = words[at]
    if word.lower() == "not":
        check, at = _one(words, at + 1, depth + 1)
        return Not(check), at
    if word == "(":
        check, at = _either(words, at + 1, depth + 1)
        if at == len(words) or words[at] != ")":
            raise RuleError("a parenthesis is not closed")
        return check, at + 1
    return _check(word), at + 1


def _check(word: str) -> Check:
    if word in ("@", "!"):
        return Always(word == "@")
    kind, colon, match = word.partition(":")
    if not colon or (word[0] in "\"'" and word[-1] == word[0]):
        raise RuleError(f"{word!r} is no check; one is 'kind:match', '@' or '!'")
    if kind in _REMOTE:
        raise RuleError(f"{kind!r} asks another server, which is not done here")
    match kind:
        case "rule":
            return Rule(match)
        case "role":
            return Role(_text(match))
        case "project_id" | "tenant_id":
            return _owner(word, match)
        case "field":
            return _field(word, match)
    return _generic(kind, match)


def _owner(word: str, match: str) -> Owner:
    found = _OWNER.fullmatch(match)
    if found is None:
        raise RuleError(f"{word!r} has to compare with one attribute, as 'project_id:%(project_id)s' does")
    return Owner(_place(found["field"]))


def _field(word: str, match: str) -> Field:
    collection, colon, rest = match.partition(":")
    name, equals, value = rest.partition("=")
    if not colon or not equals:
        raise RuleError(f"{word!r} is not of the form 'field:collection:attribute=value'")
    if value.startswith("~"):
        try:
            re.compile(value[1:])
        except re.error as error:
            raise RuleError(f"{word!r} has no regular expression behind '~'") from error
    return Field(collection, name, value)


def _generic(kind: str, match: str) -> Check:
    text = _text(match)
    try:
        return Literal(str(ast.literal_eval(kind)), text)
    except ValueError:
        return Credential(tuple(kind.split(".")), text)
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise RuleError(f"{kind!r} is neither a literal nor the name of a credential") from error


def _text(match: str) -> Text:
    words, places, end = [""], [], 0
    for found in _PLACE.finditer(match):
        words[-1] += _plain(match[end : found.start()])
        end = found.end()
        if found[1] is None:
            words[-1] += "%"
        else:
            places.append(_place(found[1]))
            words.append("")
    words[-1] += _plain(match[end:])
    return Text(tuple(words), tuple(places))


def _plain(words: str) -> str:
    if "%" in words:
        raise RuleError(f"{words!r}: '%' stands before '(attribute)s', or twice")
    return words


def _place(key: str) -> str:
    """Neutron's older names of a target's keys, as the newer ones."""
    if key in ("network_tenant_id", "network_project_id"):
        return "network:project_id"
    head, colon, last = key.rpartition(":")
    return f"{head}{colon}project_id" if last == "tenant_id" else key
