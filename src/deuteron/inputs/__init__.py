"""Files become a ``HostView``: the only way in for what people and Neutron want."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from deuteron.domain.host_view import HostView
from deuteron.domain.policy import Override
from deuteron.domain.validation import FieldError, check_device_name
from deuteron.errors import InputError
from deuteron.inputs import sync_routers, topology
from deuteron.inputs.allocate import Allocation, Allocations
from deuteron.inputs.sync_ports import Bridges

__all__ = ["Allocation", "Allocations", "Loaded", "load"]

#: Where the external networks of a ``sync_routers`` answer are, unless told otherwise.
DEFAULT_EXTERNAL_BRIDGE = "br-ex"

#: Octets; a topology of 10,000 floating IPs has 2 MB.
_LARGEST_FILE = 256 << 20


class Loaded(msgspec.Struct, frozen=True):
    """A file as read.

    Attributes:
        view: the model.
        allocations: what was chosen for it, to be passed in the next time.
    """

    view: HostView
    allocations: Allocations


def load(
    path: Path,
    *,
    host: str | None = None,
    external_bridges: Sequence[str] = (),
    default_bridges: Sequence[str] = (),
    allocations: Allocations = Allocations(),  # noqa: B008 - a frozen value
    overrides: tuple[Override, ...] = (),
) -> Loaded:
    """Read a topology file or a ``sync_routers`` answer, told apart by what is in it.

    Args:
        path: the file.
        host: whose part of an answer is taken; the name of this host otherwise.
        external_bridges: ``BRIDGE`` or ``NETWORK_ID=BRIDGE``, for an answer.
        default_bridges: likewise, where there are no ``external_bridges``; for a topology file nothing.
        allocations: what earlier calls chose.
        overrides: what the operator wants otherwise than the host policy says.

    Raises:
        InputError: with a stable code; the message names file, line, entry and field.
    """
    file, text = str(path), _read(path)
    bridges = _bridges(external_bridges or default_bridges)
    payload = _payload(text)
    if payload is not None:
        view, kept = sync_routers.load(payload, file, host, bridges, allocations)
        return Loaded(replace(view, overrides=overrides) if overrides else view, kept)
    if external_bridges:
        raise InputError(
            "bad-external-bridge",
            f"{file}: --external-bridge is for sync_routers answers; a topology file has bridge_mappings",
        )
    view, kept = topology.load(text, file, host or socket.gethostname(), allocations)
    return Loaded(replace(view, overrides=overrides) if overrides else view, kept)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError("unreadable-file", f"{path}: larger than {_LARGEST_FILE >> 20} MB; split it")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("not-yaml", f"{path}: this is not UTF-8 text, at octet {error.start}") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise InputError("unreadable-file", f"{path}: cannot be read: {reason}") from error


def _payload(text: str) -> object | None:
    """The decoded answer, or ``None`` where the text is something else."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        data: object = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None  # YAML can start so as well, and says what is wrong
    return data if isinstance(data, list) or (isinstance(data, dict) and "hosts" in data) else None


def _bridges(options: Sequence[str]) -> Bridges:
    default, by_network = DEFAULT_EXTERNAL_BRIDGE, {}
    for option in options:
        network, _, bridge = option.rpartition("=")
        try:
            check_device_name("bridge", bridge)
        except FieldError as error:
            raise InputError(
                "bad-external-bridge", f"--external-bridge {option}: {error.sentence}"
            ) from error
        if network:
            by_network[network] = bridge
        else:
            default = bridge
    return Bridges(default, by_network)
