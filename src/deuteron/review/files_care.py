"""R601 to R605: files that are written in place, open to others, or looked at before they are opened."""

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
    keyword,
    last,
    names,
    receiver,
    strings,
    text,
    walk,
    word_set,
    words,
)
from deuteron.review.source import Source

#: What has to hold after a crash, or may not be read by all, by a word of its path.
KEPT: Final = word_set(
    """
    state conf config cfg key keys secret secrets token cert pid lock journal db database cache
    registry lease leases settings credentials allocations log socket sock marker store
    """
)
_SECRET: Final = word_set("key keys secret secrets token password credentials")
TEMPORARY: Final = word_set("tmp temp temporary tempfile new part partial draft scratch mkstemp")
_DEVICE: Final = re.compile(r"^/(proc|sys|dev|run/netns)(/|$)")
_LOOKS: Final = word_set("exists isfile isdir is_file is_dir lexists access")
_RENAMES: Final = frozenset({"os.replace", "os.rename", "os.renames", "shutil.move", "os.link"})
#: Helpers of this kind do all of it.
_CAREFUL: Final = ("replace_file", "write_atomic", "atomic_write", "atomically", "safe_write")


def check(source: Source) -> Iterator[Hit]:
    """The five rules over a module."""
    for function in source.functions:
        yield from _written(function, source)
        yield from _modes(function, source)
        yield from _renamed(function, source)
        yield from _looked_at(function, source)


def _calls(function: Function) -> list[ast.Call]:
    return [one for one in inside(function.body) if isinstance(one, ast.Call)]


def _path_of(call: ast.Call, source: Source) -> tuple[ast.expr, str] | None:
    """The path and the mode of a call that opens a file for writing."""
    called = source.called(call)
    if called in ("open", "io.open", "codecs.open", "os.fdopen") and call.args:
        mode = text(call.args[1]) if len(call.args) > 1 else text(keyword(call, "mode"))
        return (call.args[0], mode) if mode and mode[0] in "wax" and called != "os.fdopen" else None
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("write_text", "write_bytes"):
        return call.func.value, "w"
    if (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "open"
        and dotted(call.func.value) not in ("os", "io", "codecs")
    ):
        mode = text(call.args[0]) if call.args else text(keyword(call, "mode"))
        return (call.func.value, mode) if mode and mode[0] in "wax" else None
    return None


def _written(function: Function, source: Source) -> Iterator[Hit]:
    for call in _calls(function):
        found = _path_of(call, source)
        if found is None:
            continue
        path, mode = found
        said = _said(path, function)
        if _device(path, function) or (not said & KEPT and not _own(path)):
            continue
        if mode[0] == "w" and not said & TEMPORARY and not _replaces(function, source):
            yield hit("R601", call, f"`{dotted(path) or 'the file'}` is cut off before it is written anew")
        if keyword(call, "opener") is None and not _mode_is_seen_to(function, source):
            yield hit("R602", call, f"`{dotted(path) or 'the file'}` gets the mode that the umask leaves")


def _said(path: ast.expr, function: Function) -> set[str]:
    """The words of a path: of its names, of its string constants, and of what its name was given."""
    found = {
        word for one in walk(path) if isinstance(one, ast.Name | ast.Attribute) for word in words(dotted(one))
    }
    found |= {word for one in strings(path) for word in words(one)}
    for node in inside(function.body):
        if isinstance(node, ast.Assign) and any(dotted(target) in names(path) for target in node.targets):
            found |= {word for one in strings(node.value) for word in words(one)}
            found |= {
                word
                for one in walk(node.value)
                if isinstance(one, ast.Attribute | ast.Name)
                for word in words(dotted(one))
            }
    return found


def _own(path: ast.expr) -> bool:
    """A path that the object keeps is one that it comes back to."""
    return dotted(path).startswith("self.")


def _device(path: ast.expr, function: Function) -> bool:
    found = strings(path)
    for node in inside(function.body):
        if isinstance(node, ast.Assign) and any(dotted(target) in names(path) for target in node.targets):
            found += strings(node.value)
    return any(_DEVICE.match(one) for one in found)


def _replaces(function: Function, source: Source) -> bool:
    return any(
        source.called(call) in _RENAMES
        or (last(call) in ("replace", "rename") and len(call.args) == 1 and bool(receiver(call)))
        or any(word in dotted(call) for word in _CAREFUL)
        for call in _calls(function)
    )


def _mode_is_seen_to(function: Function, source: Source) -> bool:
    return any(source.called(call) in ("os.umask", "os.fchmod", "umask") for call in _calls(function))


def _modes(function: Function, source: Source) -> Iterator[Hit]:
    careful = _mode_is_seen_to(function, source)
    for call in _calls(function):
        called = source.called(call)
        if called == "os.open":
            yield from _descriptor(call, function)
        elif called in ("os.mkdir", "os.makedirs") or (
            last(call) == "mkdir" and called not in ("os.mkdir",) and receiver(call)
        ):
            yield from _directory(call, function, careful=careful, positional=called.startswith("os."))
        elif last(call) in ("chmod", "fchmod"):
            yield from _changed(call, function, source)
        elif called in ("os.mkfifo", "os.mknod") and len(call.args) < 2 and not careful:
            yield hit("R602", call, "the fifo gets the mode that the umask leaves")


def _descriptor(call: ast.Call, function: Function) -> Iterator[Hit]:
    if len(call.args) < 2 or "O_CREAT" not in {last(one) for one in walk(call.args[1])}:
        return
    mode = call.args[2] if len(call.args) > 2 else keyword(call, "mode")
    if mode is None:
        yield hit("R602", call, "made with O_CREAT and no mode: 0o777 but for the umask")
    elif _open_to_others(mode, secret=bool(_said(call.args[0], function) & _SECRET)):
        yield hit("R603", call, "made so that others may write it, or read a secret")


def _directory(call: ast.Call, function: Function, *, careful: bool, positional: bool) -> Iterator[Hit]:
    mode = keyword(call, "mode") or (call.args[1] if positional and len(call.args) > 1 else None)
    if not positional and mode is None and call.args and isinstance(call.args[0], ast.Constant):
        mode = call.args[0]
    path = call.args[0] if positional and call.args else call.func
    if mode is not None and _open_to_others(mode):
        yield hit("R603", call, "the directory is made so that others may write to it")
    elif mode is None and not careful and (_said(path, function) & KEPT or _own(path)):
        yield hit("R602", call, "the directory gets the mode that the umask leaves")


def _open_to_others(mode: ast.expr, *, secret: bool = False) -> bool:
    if not isinstance(mode, ast.Constant) or not isinstance(mode.value, int) or isinstance(mode.value, bool):
        return False
    return bool(mode.value & (0o066 if secret else 0o022))


def _changed(call: ast.Call, function: Function, source: Source) -> Iterator[Hit]:
    mode = call.args[1] if source.called(call) in ("os.chmod", "os.fchmod") and len(call.args) > 1 else None
    if mode is None and call.args:
        mode = call.args[-1]
    if mode is not None and _open_to_others(mode):
        yield hit("R603", call, "others may write to it from here on")
    elif last(call) == "chmod":
        path = call.args[0] if source.called(call) == "os.chmod" and call.args else call.func
        target = _stem(path)
        for other in _calls(function):
            found = _path_of(other, source)
            if found is not None and target and _stem(found[0]) == target and other.lineno < call.lineno:
                yield hit("R603", call, f"`{target}` is open to others from line {other.lineno} to here")
                return


def _stem(path: ast.expr) -> str:
    if isinstance(path, ast.Attribute) and path.attr == "chmod":
        return dotted(path.value)
    return dotted(path)


def _renamed(function: Function, source: Source) -> Iterator[Hit]:
    writes = [
        call
        for call in _calls(function)
        if _path_of(call, source) or source.called(call) in ("os.fdopen", "os.write", "tempfile.mkstemp")
    ]
    if not writes:
        return
    if any("sync" in words(last(call)) or last(call) in ("fsync", "fdatasync") for call in _calls(function)):
        return
    for call in _calls(function):
        moved = source.called(call) in _RENAMES or (
            last(call) in ("replace", "rename") and len(call.args) == 1 and _is_path(call)
        )
        if moved and call.lineno > writes[0].lineno:
            yield hit("R604", call, "what is renamed here was not forced to the disk")
            return


def _is_path(call: ast.Call) -> bool:
    on = set(words(receiver(call)))
    return bool(on & (TEMPORARY | {"path", "file", "target"}))


def _looked_at(function: Function, source: Source) -> Iterator[Hit]:
    """``if not exists(path): return`` and ``open(path)``."""
    looks = [
        (node, call)
        for node in inside(function.body)
        if isinstance(node, ast.If | ast.While | ast.IfExp)
        for call in (one for one in walk(node.test) if isinstance(one, ast.Call))
        if last(call) in _LOOKS
    ]
    for _, call in looks:
        path = _looked_path(call)
        if not path:
            continue
        opened = next(
            (one for one in _calls(function) if _opens(one, path, source) and one.lineno >= call.lineno), None
        )
        if opened is not None:
            yield hit("R605", call, f"`{path}` is looked at here and opened in line {opened.lineno}")


def _looked_path(call: ast.Call) -> str:
    if call.args and dotted(call.func).startswith(("os.", "exists", "isfile", "path.")):
        return dotted(call.args[0])
    return receiver(call) if last(call) in ("exists", "is_file", "is_dir") else ""


def _opens(call: ast.Call, path: str, source: Source) -> bool:
    called = source.called(call)
    if called in (
        "open",
        "io.open",
        "os.open",
        "os.unlink",
        "os.remove",
        "os.chmod",
        "os.chown",
        "shutil.rmtree",
    ):
        return bool(call.args) and dotted(call.args[0]) == path
    return receiver(call) == path and last(call) in (
        "open",
        "read_text",
        "read_bytes",
        "write_text",
        "write_bytes",
        "unlink",
    )
