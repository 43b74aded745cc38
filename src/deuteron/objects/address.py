"""Addresses on links."""

from __future__ import annotations

from deuteron.objects.base import KernelObject, Key
from deuteron.objects.link import link_key


class Address(KernelObject, frozen=True, kw_only=True):
    """An address with its prefix, ours by ``IFA_PROTO``.

    IPv6 ones are made with ``IFA_F_NODAD``: the model says that they are unique, and
    a router must answer at once.

    Attributes:
        address: canonical text with the prefix length, ``10.0.0.1/24`` or ``2001:db8::1/64``.
    """

    netns: str
    dev: str
    address: str

    @property
    def key(self) -> Key:
        return ("address", self.netns, self.dev, self.address)

    @property
    def container(self) -> Key | None:
        return link_key(self.netns, self.dev)
