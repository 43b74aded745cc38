"""Resources of a topology file while addresses are still to be chosen."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Iterable
from typing import Final

from deuteron.domain.port import Binding, FixedIP, Port
from deuteron.domain.subnet import Subnet
from deuteron.domain.validation import in_prefix
from deuteron.inputs.reader import Entry, nearest

#: Ids that a file leaves out are made from this, the kind and the name.
_NAMESPACE: Final = uuid.UUID("5d1f2e0c-6c1b-5a8e-9d0b-de07e6011a00")


def derive_id(kind: str, name: str) -> str:
    """The id of a resource that has a name alone; the same in every run and place."""
    return str(uuid.uuid5(_NAMESPACE, f"{kind}/{name}"))


def eui64(cidr: str, mac: str) -> str:
    """The address that a host gives itself in a /64 by SLAAC (RFC 4862, RFC 4291 appendix A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    interface = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    first = int(ipaddress.IPv6Network(cidr).network_address)
    return str(ipaddress.IPv6Address(first | int.from_bytes(interface, "big")))


class PortDraft:
    """A port some of whose addresses may be open (``""``)."""

    def __init__(self, port_id: str, network_id: str, entry: Entry, owner: str = "") -> None:
        self.id, self.network_id, self.entry, self.device_owner = port_id, network_id, entry, owner
        self.name = ""
        self.project_id = ""
        self.mac = ""
        self.admin_state_up = True
        self.fixed: list[tuple[str, str]] = []
        self.binding: Binding | None = None

    def open_addresses(self) -> Iterable[tuple[str, str]]:
        """``(subnet, key of the allocation)`` of each address that is to be chosen."""
        for index, (subnet, address) in enumerate(self.fixed):
            if not address:
                yield subnet, self.key(index)

    def key(self, index: int) -> str:
        """Key of the allocation of the ``index``-th address."""
        earlier = sum(1 for subnet, _ in self.fixed[:index] if subnet == self.fixed[index][0])
        return f"{self.id}#{earlier}" if earlier else self.id

    def finish(self, chosen: dict[tuple[str, str], str], macs: dict[tuple[str, str], str]) -> Port:
        """The port with what was chosen for it."""
        fixed = tuple(
            FixedIP(subnet_id=subnet, ip_address=address or chosen[subnet, self.key(index)])
            for index, (subnet, address) in enumerate(self.fixed)
        )
        return Port(
            id=self.id,
            name=self.name,
            network_id=self.network_id,
            mac_address=self.mac or macs[self.network_id, self.id],
            project_id=self.project_id,
            admin_state_up=self.admin_state_up,
            device_owner=self.device_owner,
            fixed_ips=fixed,
            binding=self.binding,
        )


class Names:
    """The resources of one kind, found by name or id."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.ids: set[str] = set()
        self.named: dict[str, list[str]] = {}

    def add(self, entry: Entry, resource_id: str, name: str) -> None:
        """Remember one; refuse a second with its id."""
        if resource_id in self.ids:
            sentence = f"another {self.kind} has this {'id' if entry.has('id') else 'name'}"
            entry.refuse("duplicate-id", "id" if entry.has("id") else "name", f"{sentence}; give it its own")
        self.ids.add(resource_id)
        if name:
            self.named.setdefault(name, []).append(resource_id)

    def find(self, entry: Entry, key: str, word: str | None = None) -> str:
        """The id that a field names.

        Raises:
            InputError: ``no-such-name`` or ``ambiguous-name``.
        """
        wanted = entry.text(key) if word is None else word
        if wanted in self.ids:
            return wanted
        found = self.named.get(wanted, [])
        if not found:
            hint = nearest(wanted, self.named) or f"; write the {self.kind} first, or mend the name"
            entry.refuse("no-such-name", key, f"no {self.kind} is called {wanted!r}{hint}")
        if len(found) > 1:
            entry.refuse(
                "ambiguous-name", key, f"{len(found)} {self.kind}s are called {wanted!r}; write the id"
            )
        return found[0]


def home(subnets: Iterable[Subnet], address: str) -> Subnet | None:
    """The subnet that an address lies in."""
    return next((subnet for subnet in subnets if in_prefix(address, subnet.cidr)), None)
