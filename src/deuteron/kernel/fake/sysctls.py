"""Kernel parameters: of a namespace, and of each link, born from ``default``."""

from __future__ import annotations

import re
from errno import EINVAL, ENOENT
from typing import Final

from deuteron.kernel.fake import sysctl_defaults
from deuteron.kernel.fake.operations import create, delete, update
from deuteron.kernel.fake.state import Link, Namespace, State, refusal
from deuteron.objects import Sysctl

_PER_LINK: Final = re.compile(r"net/(ipv[46])/(conf|neigh)/([^/]+)/([^/]+)")

_DEFAULTS: Final = {
    ("ipv4", "conf"): sysctl_defaults.IPV4_CONF,
    ("ipv6", "conf"): sysctl_defaults.IPV6_CONF,
    ("ipv4", "neigh"): sysctl_defaults.NEIGH,
    ("ipv6", "neigh"): sysctl_defaults.NEIGH,
}

#: What ``all`` hands down at once to ``default`` and to every link there is.
_HANDED_DOWN: Final = frozenset(
    f"net/{path}" for path in ("ipv4/conf/*/forwarding", "ipv6/conf/*/forwarding", "ipv6/conf/*/disable_ipv6")
)


def link_of(path: str) -> str:
    """The link that a path names, or "" for a path of the whole namespace."""
    found = _PER_LINK.fullmatch(path)
    return found[3] if found and found[3] not in ("all", "default") else ""


def read(namespace: Namespace, path: str) -> str:
    """The value of ``path``.

    Raises:
        KernelError: ``ENOENT`` for a path that this kernel or the link does not have.
    """
    found = _PER_LINK.fullmatch(path)
    if found is None:
        return _read_whole(namespace, path)
    family, group, dev, name = found.groups()
    defaults = _DEFAULTS[family, group]
    if name not in defaults or (group == "neigh" and dev == "all"):
        raise _missing()
    default = namespace.sysctls.get(_path(family, group, "default", name), defaults[name])
    if dev in ("all", "default"):
        return namespace.sysctls.get(path, default if dev == "default" else defaults[name])
    if dev not in namespace.links:
        raise _missing()
    return namespace.links[dev].sysctls.get(_path(family, group, "*", name), defaults[name])


def own(link: Link, family: str, name: str) -> str | None:
    """What a link says for itself below ``conf``, ``None`` for a parameter that this kernel does not have."""
    usual = _DEFAULTS[family, "conf"].get(name)
    return None if usual is None else link.sysctls.get(_path(family, "conf", "*", name), usual)


def number(namespace: Namespace, path: str) -> int:
    """The value of a path that holds a number."""
    return int(read(namespace, path))


def either(namespace: Namespace, family: str, dev: str, name: str) -> int:
    """The greater of ``conf/all`` and ``conf/<dev>``, as the kernel takes most IPv4 switches."""
    return max(number(namespace, f"net/{family}/conf/{where}/{name}") for where in ("all", dev))


def write(namespace: Namespace, path: str, value: str) -> None:
    """Write ``value``, with all that follows from it.

    Raises:
        KernelError: ``ENOENT`` for a path that is not there, ``EINVAL`` for a number that is none.
    """
    if _is_number(read(namespace, path)) and not _is_number(value):
        raise refusal(EINVAL, "the kernel parameter takes a number")
    if path == "net/ipv4/ip_forward":
        path = "net/ipv4/conf/all/forwarding"
    found = _PER_LINK.fullmatch(path)
    if found is None:
        _keep(namespace.sysctls, path, value, sysctl_defaults.NAMESPACE[path])
        return
    family, group, dev, name = found.groups()
    shared, usual = _path(family, group, "*", name), _DEFAULTS[family, group][name]
    if dev in ("all", "default"):
        _keep(namespace.sysctls, path, value, usual)
    else:
        _write_link(namespace, namespace.links[dev], shared, value)
    if dev == "all" and shared in _HANDED_DOWN:
        _keep(namespace.sysctls, _path(family, group, "default", name), value, usual)
        for link in namespace.links.values():
            _write_link(namespace, link, shared, value)


def inherit(namespace: Namespace, link: Link) -> None:
    """Give a new link the values of ``default``."""
    for path, value in namespace.sysctls.items():
        found = _PER_LINK.fullmatch(path)
        if found is not None and found[3] == "default":
            link.sysctls[_path(found[1], found[2], "*", found[4])] = value


def ipv6_disabled(link: Link) -> bool:
    """Whether the link does without IPv6."""
    return link.sysctls.get("net/ipv6/conf/*/disable_ipv6", "0") != "0"


def _keep(store: dict[str, str], path: str, value: str, usual: str) -> None:
    # Only what differs is kept, so that written back means equal.
    if value == usual:
        store.pop(path, None)
    else:
        store[path] = value


def _write_link(namespace: Namespace, link: Link, shared: str, value: str) -> None:
    family, group, _, name = shared.split("/")[1:]
    _keep(link.sysctls, shared, value, _DEFAULTS[family, group][name])
    if shared.endswith("/disable_ipv6") and value != "0":
        link.addresses = {text: proto for text, proto in link.addresses.items() if ":" not in text}
        for route in [
            route
            for route, (hops, _) in namespace.routes.items()
            if ":" in route[1] and any(hop.dev == link.name for hop in hops)
        ]:
            del namespace.routes[route]


def _read_whole(namespace: Namespace, path: str) -> str:
    if path == "net/ipv4/ip_forward":
        return namespace.sysctls.get("net/ipv4/conf/all/forwarding", "0")
    if path not in sysctl_defaults.NAMESPACE:
        raise _missing()
    return namespace.sysctls.get(path, sysctl_defaults.NAMESPACE[path])


def _path(family: str, group: str, dev: str, name: str) -> str:
    return f"net/{family}/{group}/{dev}/{name}"


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+", text) is not None


def _missing() -> Exception:
    return refusal(ENOENT, "this kernel has no such parameter there")


@create.register
def create_sysctl(wanted: Sysctl, state: State) -> None:
    """A parameter is always there: to make it is to write it."""
    write(state.namespace(wanted.netns), wanted.path, wanted.value)


@update.register
def update_sysctl(new: Sysctl, old: Sysctl, state: State) -> None:
    """Write the new value."""
    del old
    write(state.namespace(new.netns), new.path, new.value)


@delete.register
def delete_sysctl(gone: Sysctl, state: State) -> None:
    """A parameter cannot be removed; it stays as it is."""
