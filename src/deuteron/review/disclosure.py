"""R401 to R403: what a log call discloses, by the names of what is put into it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from deuteron.review.hit import Hit, hit
from deuteron.review.names import Function, dotted, inside, last, receiver, text, word_set, words
from deuteron.review.source import Source

LOGGERS: Final = word_set("log logger logging _log _logger")
LEVELS: Final = word_set("debug info warning warn error critical exception log msg")
SECRETS: Final = word_set(
    """
    password passwd passphrase secret token apikey credential credentials psk privatekey
    """
)
#: Words that say whose network it is, or where.
PRIVATE: Final = word_set(
    """
    ip ips cidr cidrs mac macs lladdr netns vip hostname gateway fip prefix prefixes nameserver
    email username
    """
)
#: What has an id or a name that stands for a user's object.
OBJECTS: Final = word_set(
    """
    port router network subnet floatingip floating project tenant user interface device dev
    iface namespace ns net address bridge veth tap server instance vm domain container
    """
)
IDENTIFIES: Final = word_set("id ids name names uuid address addresses addr addrs")
#: Names that hold one of these although they do not say "name".
WHOLE_NAMES: Final = word_set(
    """
    interface iface device namespace netns ns address addresses addr fixed_ip ip_address host_ip
    """
)
#: Whole objects: what is in them depends on somebody else.
WHOLE: Final = word_set(
    """
    port ports router routers network networks subnet subnets floating_ip floatingip request
    response headers body payload environ env kwargs line lines data record message msg_body
    conf config rules ruleset content contents stdout stderr output agent_gateway_port gw_port
    ex_gw_port fixed_ips port_info context
    """
)
#: Harmless although such a word is in them.
COUNTS: Final = word_set(
    """
    count counts number num total len size version timeout seconds elapsed status state type
    kind mode level index idx mtu driver class exists enabled pseudonym ref redacted masked hash
    digest file path code
    """
)
HIDES: Final = word_set(
    """
    pseudonym ref redact redacted mask masked hash hexdigest len bool type count sum router_ref
    reference
    """
)


def check(source: Source) -> Iterator[Hit]:
    """The three rules over a module."""
    for function in source.functions:
        known = _assigned(function)
        owner = source.class_of.get(function)
        namespace_class = owner is not None and any(
            "namespace" in words(one)
            or "netns" in words(one)
            or "interface" in words(one)
            or "device" in words(one)
            for one in (owner.name, *map(dotted, owner.bases))
        )
        for node in inside(function.body):
            if isinstance(node, ast.Call) and is_log(node, source):
                yield from _logged(node, known, own_name=namespace_class)


def is_log(call: ast.Call, source: Source) -> bool:
    """Whether it writes a log record."""
    on = receiver(call)
    if last(call) not in LEVELS or not on:
        return False
    base = on.rpartition(".")[2].lower()
    return base in LOGGERS or source.aliases.get(on, on) == "logging" or base.endswith(("logger", "_log"))


def _assigned(function: Function) -> dict[str, ast.expr]:
    """What each local name was last given, to see through ``name = device.name``."""
    found: dict[str, ast.expr] = {}
    for node in inside(function.body):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
    return found


def _logged(call: ast.Call, known: dict[str, ast.expr], *, own_name: bool) -> Iterator[Hit]:
    told: set[str] = set()
    for value in _values(call):
        found = _judged(value, known, own_name=own_name, depth=2)
        if found and found[0] not in told:
            told.add(found[0])
            yield hit(found[0], call, f"`{found[1]}` goes to the log")


def _values(call: ast.Call) -> Iterator[ast.expr]:
    """What is put into the message: arguments, the values of mappings and f-strings."""
    arguments = [
        *call.args,
        *(one.value for one in call.keywords if one.arg not in ("exc_info", "extra", "stacklevel")),
    ]
    for one in arguments:
        yield from _parts(one)


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    """What a value is put together from."""
    inner = _within(node)
    if inner is None:
        if not isinstance(node, ast.Constant):
            yield node
        return
    for one in inner:
        yield from _parts(one)


def _within(node: ast.expr) -> list[ast.expr] | None:
    match node:
        case ast.Dict(values=values) | ast.Tuple(elts=values) | ast.List(elts=values):
            return values
        case ast.JoinedStr(values=values):
            return [one.value for one in values if isinstance(one, ast.FormattedValue)]
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.Call(func=ast.Attribute(attr="format"), args=args, keywords=keywords):
            return [*args, *(one.value for one in keywords)]
        case ast.Call(func=ast.Name(id="str" | "repr" | "sorted" | "list"), args=[inner]):
            return [inner]
    return None


def _judged(
    node: ast.expr, known: dict[str, ast.expr], *, own_name: bool, depth: int
) -> tuple[str, str] | None:
    """The rule that is broken, and by what."""
    if isinstance(node, ast.Call):
        said = set(words(last(node)))
        if said & HIDES or last(node) in ("locals", "vars", "globals"):
            return ("R403", f"{last(node)}()") if last(node) in ("locals", "vars", "globals") else None
        if last(node) == "join" and node.args:
            return _judged(node.args[0], known, own_name=own_name, depth=depth)
    if isinstance(node, ast.Subscript):
        key = text(node.slice)
        found = _by_words(key, dotted(node.value)) if key else None
        return found or (_by_name(dotted(node.value).rpartition(".")[2]) if key is None else None)
    name = dotted(node)
    plain = name.rpartition(".")[2]
    if not plain:
        return None
    whole = None if isinstance(node, ast.Call) else _by_name(plain)
    found = whole or _by_words(plain, name.rpartition(".")[0])
    if found is None and own_name and name in ("self.name", "self._name"):
        return "R401", name
    if found is None and isinstance(node, ast.Name) and node.id in known and depth:
        value = known[node.id]
        if not isinstance(value, ast.Call) or words(last(value))[:1] == ("get",):
            inner = _judged(value, known, own_name=own_name, depth=depth - 1)
            return (inner[0], name) if inner else None
    return found


def _by_words(plain: str, before: str) -> tuple[str, str] | None:
    """By what the name says, and for a bare ``id`` or ``name`` by what it belongs to."""
    said = words(plain)
    every = set(said)
    full = f"{before}.{plain}" if before else plain
    if every & SECRETS or said[-2:] in (("api", "key"), ("private", "key"), ("secret", "key")):
        return None if every & COUNTS or said[:1] in (("has",), ("is",), ("use",)) else ("R402", full)
    if every & COUNTS or said[:1] in (("is",), ("has",), ("n",), ("use",)):
        return None
    if plain.strip("_") in WHOLE_NAMES or every & PRIVATE:
        return "R401", full
    if every & IDENTIFIES:
        of = every | set(words(before.rpartition(".")[2]))
        if of & OBJECTS or (before in ("d", "ri", "dev") and len(said) == 1):
            return "R401", full
    return None


def _by_name(plain: str) -> tuple[str, str] | None:
    return ("R403", plain) if plain.strip("_") in WHOLE else None
