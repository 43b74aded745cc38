"""What callers may: Neutron's rules, with those of an operator's oslo.policy files in their place.

A rule is looked up by the name of an action (``create_network``, ``update_port:mac_address``).  An action
that has no rule is denied, and one that a route asks for must have one when the service starts
(:meth:`Policy.require`; OSSA-2026-016).  Project tokens alone are let in: every rule of Neutron's is of the
scope ``project``.

A target is what the resource shows, or shall show, with what rules ask of other resources beside it:

======================  ====================================================================
``network:project_id``  owner of the network that a port or subnet is on
``network:shared``      whether it is shared with the target's project, for a port
``ext_parent:project_id``  owner of the floating IP that a port forwarding belongs to
``router:external``     of a subnet: that of its network
======================  ====================================================================

:class:`Target` gets those only when a rule asks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from deuteron.errors import DeuteronError, InputError
from deuteron.files import Purpose
from deuteron.identity.caller import Caller
from deuteron.identity.policy_checks import NO, Always, Check, Test, made, resolve
from deuteron.identity.policy_rules import RuleError, parse
from deuteron.identity.policy_sentence import InvalidScope, sentence, subordinate
from deuteron.identity.policy_weight import weigh
from deuteron.identity.watched import Watched
from deuteron.inputs import document
from deuteron.resources.refusal import PolicyNotAuthorized

#: Callers and actions whose rules are kept resolved.
_KEPT: Final = 4096
#: Seconds between two looks at the files.
_INTERVAL: Final = 1.0

_NOTHING: Final[Mapping[str, object]] = {}
_PACKAGED: Final = "deuteron/identity/policy.yaml"


class Target(Mapping[str, object]):
    """What is acted on, and what is known of the resources around it, got when a rule asks for it.

    Args:
        value: the resource as its attributes.
        around: the value of a key such as ``network:project_id``; ``None`` where there is none.
    """

    def __init__(self, value: Mapping[str, object], around: Callable[[str], object]) -> None:
        self._value = value
        self._around = around
        self._known: dict[str, object] = {}

    def __getitem__(self, key: str) -> object:
        if key in self._value:
            return self._value[key]
        if key not in self._known:
            self._known[key] = self._around(key)
        found = self._known[key]
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        try:
            self[str(key)]
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        yield from self._value

    def __len__(self) -> int:
        return len(self._value)


class Hidden(NamedTuple):
    """The attributes that one caller does not see: those of no resource, and those that a test hides."""

    always: frozenset[str]
    asked: tuple[tuple[str, Test], ...]


class Rules:
    """All rules at one time, and what is left of them for each caller.

    Args:
        rules: by name; each reference is to one of them, and none goes in a circle.

    Attributes:
        attributes: those of an action's resource that have a rule of their own, each with the rule's name.
    """

    def __init__(self, rules: Mapping[str, Check]) -> None:
        self.rules = rules
        self._left: dict[tuple[str, Caller], Test] = {}
        self._hidden: dict[tuple[str, Caller], Hidden] = {}
        self.attributes: dict[str, list[tuple[str, str]]] = {}
        for name in rules:
            action, colon, attribute = name.partition(":")
            if colon:
                self.attributes.setdefault(action, []).append((attribute, name))

    def left(self, action: str, caller: Caller) -> Test:
        """What is left to ask of a target, once the caller is known."""
        key = (action, caller)
        found = self._left.get(key)
        if found is None:
            rule = self.rules.get(action)
            found = made(NO if rule is None else resolve(rule, self.rules, caller.credentials()))
            if len(self._left) >= _KEPT:
                self._left.clear()
            self._left[key] = found
        return found

    def hidden(self, action: str, caller: Caller) -> Hidden:
        """Which attributes of an action's resource a caller does not see."""
        key = (action, caller)
        found = self._hidden.get(key)
        if found is None:
            credentials = caller.credentials()
            ruled = self.attributes.get(action, ())
            left = {name: resolve(self.rules[rule], self.rules, credentials) for name, rule in ruled}
            found = Hidden(
                frozenset(name for name, check in left.items() if check == NO),
                tuple((name, made(check)) for name, check in left.items() if not isinstance(check, Always)),
            )
            if len(self._hidden) >= _KEPT:
                self._hidden.clear()
            self._hidden[key] = found
        return found


class Policy:
    """The rules that hold.

    Args:
        paths: policy files of an operator, YAML or JSON; a rule of a later one stands in the place of an
            earlier one's, and of the packaged one's.
        interval: seconds between two looks at whether they have changed.
        trouble: told, once, when a file that has changed is not acceptable; what held before still holds.

    Raises:
        InputError: ``bad-policy-rule``, or a file is no YAML.
        HostError: ``unsafe-file`` and its like: others could write the rules.
    """

    def __init__(
        self,
        paths: Sequence[Path] = (),
        *,
        interval: float = _INTERVAL,
        trouble: Callable[[DeuteronError], None] | None = None,
    ) -> None:
        self._files = [Watched(path, Purpose.CONFIG, _read) for path in paths]
        self._interval = interval
        self._trouble = trouble
        self._looked = time.monotonic()
        self._rules = _together([one.value for one in self._files])

    def require(self, actions: Iterable[str]) -> None:
        """See that every action of a route has a rule, when the service starts.

        Raises:
            InputError: ``missing-policy-rule``.
        """
        missing = sorted({action for action in actions if action not in self._rules.rules})
        if missing:
            raise InputError(
                "missing-policy-rule",
                f"no policy rule has the name {missing[0]!r}, which a route asks for"
                f"{f', nor {len(missing) - 1} more' if len(missing) > 1 else ''};"
                " the API does not start without: this is a defect, please report it",
            )

    def has(self, action: str) -> bool:
        """Whether an action, or one attribute of it, has a rule of its own."""
        return action in self._rules.rules

    def known(self, caller: Caller) -> Caller:
        """The caller, with ``is_admin`` as the rule ``context_is_admin`` says."""
        plain = msgspec.structs.replace(caller, is_admin=False)
        return msgspec.structs.replace(caller, is_admin=self.may(plain, "context_is_admin", _NOTHING))

    def may(self, caller: Caller, action: str, target: Mapping[str, object]) -> bool:
        """Whether a caller may do something; never, where no rule has that name."""
        self._look()
        if caller.scope != "project":
            return False
        return self._rules.left(action, _nameless(caller))(target)

    def enforce(
        self,
        caller: Caller,
        action: str,
        target: Mapping[str, object],
        given: Mapping[str, object] = _NOTHING,
    ) -> None:
        """Refuse what a caller may not.

        Args:
            caller: who asks.
            action: what is asked, ``create_port``.
            target: the resource as it shall be (a POST) or is (all else), see the module.
            given: attributes of the body whose presence asks for a rule of its own.  Of a POST those that
                are not at their default; of a PUT all (OSSA-2014-031).

        Raises:
            PolicyNotAuthorized: with Neutron's sentence, which names all rules that were asked.
            InvalidScope: the token is for no project.
        """
        for one in self._asked(action, given):
            if not self.may(caller, one, target):
                if caller.scope != "project":
                    raise InvalidScope(action=f"rule:{action}", scope=caller.scope)
                raise PolicyNotAuthorized(action=sentence(action, given, self.has))

    def visible_attributes(
        self, caller: Caller, action: str, names: Iterable[str], target: Mapping[str, object]
    ) -> frozenset[str]:
        """Those attributes that a caller sees: all but those with a rule that does not hold.

        Args:
            caller: who asks.
            action: ``get_network``.
            names: of attributes.
            target: the resource.
        """
        self._look()
        if caller.scope != "project":
            return frozenset(names).difference(name for name, _ in self._rules.attributes.get(action, ()))
        hidden = self._rules.hidden(action, _nameless(caller))
        more = [name for name, test in hidden.asked if not test(target)]
        if not (hidden.always or more):
            return frozenset(names)
        return frozenset(names).difference(hidden.always, more)

    def _asked(self, action: str, given: Mapping[str, object]) -> Iterator[str]:
        yield action
        for name, value in given.items():
            yield f"{action}:{name}"
            for sub in subordinate(f"{action}:{name}", value, self.has):
                yield f"{action}:{name}:{sub}"

    def _look(self) -> None:
        if not self._files:
            return
        now = time.monotonic()
        if now - self._looked < self._interval:
            return
        self._looked = now
        looked = [one.look() for one in self._files]
        if not any(looked):
            return
        try:
            for one in self._files:
                if one.trouble is not None:
                    raise one.trouble
            self._rules = _together([one.value for one in self._files])
        except DeuteronError as error:
            if self._trouble is not None:
                self._trouble(error)


def _nameless(caller: Caller) -> Caller:
    """The same caller the next time, whatever the request."""
    return msgspec.structs.replace(caller, request_id="") if caller.request_id else caller


class _Written(msgspec.Struct, frozen=True):
    """A rule in a file."""

    check: Check
    place: str


def _packaged() -> dict[str, _Written]:
    return _read(Path(_PACKAGED), (files("deuteron.identity") / "policy.yaml").read_bytes())


def _read(path: Path, content: bytes) -> dict[str, _Written]:
    """The rules of a file."""
    try:
        root = document.parse(content.decode(), str(path))
    except UnicodeDecodeError as error:
        raise InputError("not-yaml", f"{path}: this is not YAML in UTF-8; write it so") from error
    except InputError as error:
        if error.code == "empty-file":  # all of it may be remarks, as in the sample that oslo.policy makes
            return {}
        raise
    if isinstance(root, document.Scalar) and root.is_null:
        return {}
    if not isinstance(root, document.Mapping):
        raise InputError("bad-policy-rule", f"{path}: a policy file holds rules by name; write 'name: rule'")
    return {name: _written(node, name, f"{path}:{node.line}") for name, node in root.items.items()}


def _written(node: document.Node, name: str, place: str) -> _Written:
    try:
        return _Written(parse(_plain(node)), place)
    except RuleError as error:
        raise _unacceptable(name, place, error) from error


def _plain(node: document.Node) -> object:
    """Text as it was written: ``!`` and ``@`` and numbers are no values here."""
    if isinstance(node, document.Scalar):
        if node.is_null:
            raise RuleError("it says nothing; write '@' for everybody, '!' for nobody")
        return node.text
    if isinstance(node, document.Sequence):
        return [_plain(item) for item in node.items]
    raise RuleError("a rule is a text, or a list of lists of texts")


def _together(said: Sequence[Mapping[str, _Written]]) -> Rules:
    """Later files over earlier ones over the packaged rules; what is served must be whole."""
    written = _packaged()
    served = frozenset(written)
    for rules in said:
        written.update(rules)
    checks = {name: one.check for name, one in written.items()}
    weighed: dict[str, tuple[int, int]] = {}
    for name, one in written.items():
        try:
            weigh(name, checks, weighed)
        except RuleError as error:
            if name in served:
                raise _unacceptable(name, one.place, error) from error
            del checks[name]  # of something that is not served here, made of rules that are not known here
    return Rules(checks)


def _unacceptable(name: str, place: str, error: RuleError) -> InputError:
    return InputError("bad-policy-rule", f"{place}: the rule {name!r} is not acceptable: {error}")
