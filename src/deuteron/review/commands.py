"""R201 to R205: settings and rules by command line, unasked, on the wrong side, or wide open."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from deuteron.review.hit import Hit, hit
from deuteron.review.names import (
    Function,
    dotted,
    inside,
    is_constant,
    keyword,
    last,
    strings,
    text,
    walk,
    word_set,
)
from deuteron.review.source import Source

PROGRAMS: Final = word_set(
    """
    sysctl iptables ip6tables iptables-restore ip6tables-restore iptables-save ip6tables-save
    nft ip tc ebtables arptables ipset bridge brctl ifconfig route arp conntrack ovs-vsctl
    ovs-ofctl arping ndisc6 vconfig ethtool
    """
)
RUNS: Final = word_set(
    """
    run call check_call check_output Popen execute getoutput getstatusoutput system popen
    create_subprocess_exec create_subprocess_shell execute_process run_command exec_command
    execvp execv spawn
    """
)
_FIRST_WORD = re.compile(r"^\s*(?:sudo\s+)?(?:ip netns exec \S+\s+)?([\w./-]+)(\s|$)")
#: What no status is asked of, unless the caller does.
_NO_CHECK = {"check_exit_code": False, "check": False, "ignore_errors": True, "ignore_status": True}
_PROC = re.compile(r"/proc/sys(/|$)")
_OPEN_RULE = re.compile(
    r"(?:^|\s)(?:-P\s+(?:FORWARD|INPUT)\s+ACCEPT\b"
    r"|hook (?:forward|input)\b.*policy accept|policy accept.*hook (?:forward|input))"
)
_UNTRACKED = re.compile(r"-j CT --notrack|-j NOTRACK|(?:^|[\s;{])notrack\b")
_MATCHES = re.compile(
    r"(?:^|\s)(?:-[sdiopm]|--(?:src|dst|source|destination|in-interface|out-interface|protocol|match))\s|\b[ixo]ifname\b|saddr|daddr|dport|sport"
)


def check(source: Source) -> Iterator[Hit]:
    """The five rules over a module."""
    yield from fallen_back(source)
    for node in source.nodes:
        if isinstance(node, ast.Call):
            yield from _fallback(node)
            yield from _opened(node)
    for function in source.functions:
        programs = _argv_names(function)
        yield from _commands(function, source, programs)
        yield from _not_read_back(function)


def _argv_names(function: Function) -> dict[str, str]:
    """Names that hold a command line of the network's, and its program."""
    found: dict[str, str] = {}
    for node in inside(function.body):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            program = _program(node.value, found)
            if program:
                found[node.targets[0].id] = program
    return found


def _program(node: ast.expr | None, known: dict[str, str]) -> str:
    match node:
        case ast.List(elts=[first, *_]) | ast.Tuple(elts=[first, *_]):
            if isinstance(first, ast.Starred):
                return _program(first.value, known)
            return _basename(text(first) or "")
        case ast.BinOp(left=left, op=ast.Add()) | ast.BinOp(left=left, op=ast.Mod()):
            return _program(left, known)
        case ast.Name(id=name):
            return known.get(name, "")
        case ast.JoinedStr(values=[first, *_]):
            return _program(first, known)
        case ast.Constant(value=str(value)):
            start = _FIRST_WORD.match(value)
            return _basename(start.group(1)) if start and " " in value.strip() else ""
        case ast.Call(func=ast.Attribute(attr="split" | "format", value=value)):
            return _program(value, known)
    return ""


def _basename(word: str) -> str:
    name = word.rpartition("/")[2]
    return name if name in PROGRAMS else ""


def _commands(function: Function, source: Source, programs: dict[str, str]) -> Iterator[Hit]:
    ignored = {node.value for node in inside(function.body) if isinstance(node, ast.Expr)}
    for node in inside(function.body):
        if not isinstance(node, ast.Call) or last(node) not in RUNS:
            continue
        program = _of_call(node, programs)
        if program:
            yield hit("R201", node, f"runs `{program}`")
        why = _unasked(node, source, thrown_away=node in ignored)
        if why and (program or _explicit(node)):
            yield hit("R202", node, why)


def _of_call(call: ast.Call, programs: dict[str, str]) -> str:
    first = call.args[0] if call.args else keyword(call, "cmd") or keyword(call, "args")
    program = _program(first, programs)
    if program or not call.args:
        return program
    name = text(call.args[0])
    return _basename(name) if name else ""


def _unasked(call: ast.Call, source: Source, *, thrown_away: bool) -> str:
    for name, value in _NO_CHECK.items():
        if thrown_away and is_constant(keyword(call, name), value):
            return f"`{name}={value}`, and nobody looks at the answer"
    called = source.called(call)
    unchecked = called in ("os.system", "subprocess.call", "subprocess.getoutput", "subprocess.Popen") or (
        called == "subprocess.run" and keyword(call, "check") is None
    )
    return f"`{dotted(call)}` answers with a status that nobody looks at" if thrown_away and unchecked else ""


def _explicit(call: ast.Call) -> bool:
    """Whether the caller has said that a failure does not matter."""
    return is_constant(keyword(call, "check_exit_code"), False)


def _fallback(call: ast.Call) -> Iterator[Hit]:
    for name in ("root_namespace", "fallback_to_root", "fallback_to_host", "root_ns"):
        if is_constant(keyword(call, name), True):
            yield hit("R203", call, f"`{dotted(call)}` may write to the host's namespace: `{name}=True`")


def _opened(call: ast.Call) -> Iterator[Hit]:
    if last(call) in ("debug", "info", "warning", "error", "compile", "search", "match", "findall"):
        return
    said = [one for argument in call.args for one in _direct_strings(argument)]
    rule = " ".join(said)
    if _OPEN_RULE.search(rule):
        yield hit("R204", call, "the chain accepts what no rule matches")
    elif _UNTRACKED.search(rule) and not _MATCHES.search(rule):
        yield hit("R204", call, "no connection is tracked any more, so nothing can be let in by its state")
    elif last(call).endswith("rule") and re.fullmatch(r"-j ACCEPT", said[-1].strip() if said else ""):
        yield hit("R204", call, "the rule accepts everything")


def _direct_strings(node: ast.expr) -> list[str]:
    return [] if any(isinstance(one, ast.Call) for one in ast.walk(node)) else strings(node)


def _not_read_back(function: Function) -> Iterator[Hit]:
    opened = [
        node
        for node in inside(function.body)
        if isinstance(node, ast.Call) and _writes_setting(node, function)
    ]
    reads = any(
        isinstance(node, ast.Call)
        and (last(node) in ("read", "read_text", "readline") or _reading_name(last(node)))
        for node in inside(function.body)
    )
    if opened and not reads:
        yield hit("R205", opened[0], "the setting is written, and nothing reads it again")


def _reading_name(name: str) -> bool:
    return any(word in name.lower() for word in ("read_back", "readback", "verify"))


def _writes_setting(call: ast.Call, function: Function) -> bool:
    if last(call) == "open" and len(call.args) > 1:
        return "w" in (text(call.args[1]) or "") and _is_setting(call.args[0], function)
    if last(call) in ("write_text", "write_bytes") and isinstance(call.func, ast.Attribute):
        return _is_setting(call.func.value, function)
    return False


def _is_setting(node: ast.expr, function: Function) -> bool:
    if any(_PROC.search(one) for one in strings(node)):
        return True
    wanted = {one.id for one in walk(node) if isinstance(one, ast.Name)}
    values = [
        assigned.value
        for assigned in inside(function.body)
        if isinstance(assigned, ast.Assign) and any(dotted(target) in wanted for target in assigned.targets)
    ]
    return any(_PROC.search(one) for value in values for one in strings(value))


def fallen_back(source: Source) -> Iterator[Hit]:
    """A setting tried in a namespace, and where that raises, made without one."""
    for node in source.nodes:
        if not isinstance(node, ast.Try):
            continue
        within = {dotted(call) for call in _calls(node.body) if _namespace(call) is not None}
        for handler in node.handlers:
            for call in _calls(handler.body):
                if dotted(call) in within and (
                    _namespace(call) is None or is_constant(_namespace(call), None)
                ):
                    yield hit(
                        "R203", call, f"`{dotted(call)}` is done on the host where the namespace refuses it"
                    )


def _calls(body: list[ast.stmt]) -> list[ast.Call]:
    return [one for one in inside(body) if isinstance(one, ast.Call)]


def _namespace(call: ast.Call) -> ast.expr | None:
    found = (keyword(call, name) for name in ("namespace", "netns", "ns", "net_ns"))
    return next((one for one in found if one is not None), None)
