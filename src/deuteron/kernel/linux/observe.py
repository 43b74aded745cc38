"""A look at the kernel: dumps per namespace, sorted into what is ours and what is foreign.

The rules are those of :mod:`deuteron.objects.ownership`.  What the kernel makes by itself
(local routes, its three rules, link-local addresses) is neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from deuteron.errors import KernelError
from deuteron.kernel.linux.look import View, objects_of, sysctls_of
from deuteron.kernel.linux.netlink import link
from deuteron.kernel.linux.nft import Nftables, NftListing
from deuteron.kernel.linux.own import own_of
from deuteron.kernel.linux.pairs import End, altname_of, join
from deuteron.kernel.linux.space import Space, Spaces
from deuteron.objects import (
    Bridge,
    Foreign,
    KernelObject,
    Key,
    LinkUp,
    Look,
    Netns,
    Observed,
    Tap,
)
from deuteron.objects.ownership import may_be_ours, owner_of

#: Links of a namespace above which what was read of them is kept: some 3 KiB each.
_MANY_LINKS: Final = 64


class _Found:
    """What has been found so far."""

    def __init__(self) -> None:
        self.objects: dict[Key, KernelObject] = {}
        self.owners: dict[Key, str] = {}
        self.foreign: list[Foreign] = []
        self.links: dict[str, dict[str, str]] = {}
        self.unmarked: dict[str, dict[str, str]] = {}
        self.ends: list[End] = []

    def add(self, thing: KernelObject, owner: str) -> None:
        key = thing.key
        self.objects[key] = thing
        self.owners[key] = owner

    def add_foreign(self, netns: str, kind: str, what: str) -> None:
        self.foreign.append(Foreign(netns=netns, kind=kind, what=what))


class Observer:
    """Looks by the sockets of ``spaces``; on the worker's thread."""

    def __init__(self, spaces: Spaces, nftables: Callable[[], Nftables]) -> None:
        self._spaces = spaces
        self._nftables = nftables

    def observe(self, look: Look) -> Observed:
        """See :meth:`deuteron.kernel.protocol.Kernel.observe`."""
        alive = self._spaces.directory.list()
        self._spaces.keep_only(alive)
        found = _Found()
        self._links(found, self._spaces.host, owner=None)
        for name in sorted(alive):
            if alive[name] and _asked(name, look):
                self._look_into(found, name, alive[name], look)
        self._join(found, look)
        return Observed(
            objects=found.objects,
            owners=found.owners,
            foreign=tuple(sorted(found.foreign)),
            netns={name: bool(inode) for name, inode in alive.items()},
            links=found.links,
            unmarked=found.unmarked,
        )

    def _look_into(self, found: _Found, name: str, inode: int, look: Look) -> None:
        try:
            space = self._spaces.get(name, inode)
        except KernelError as error:
            if error.code == "no-netns":
                return  # removed since the directory was read
            raise
        if not space.ours:
            self._add(found, self._links(found, space, owner=None), space, ())
            return
        records = _dump_links(space)
        owner = owner_of(next((one.alias for one in records if one.name == "lo"), ""))
        if owner is None:
            found.add_foreign(name, "netns", f"namespace {name}")
            return
        found.add(Netns(name=name, owner=owner), owner)
        view = self._links(found, space, owner, records)
        if values := look.own.get(name):
            for thing, mine in own_of(view, records, values):
                found.add(thing, mine)
        self._add(found, view, space, look.sysctls.get(name, ()))

    def _links(
        self, found: _Found, space: Space, owner: str | None, records: list[link.LinkRecord] | None = None
    ) -> View:
        """Sort the links of a namespace; ``owner`` is the namespace's where it is ours."""
        if records is None:
            records = _dump_links(space)
        space.index = {record.name: record.index for record in records}
        view = View(space.name, owner, records)
        found.links[space.name] = {
            name: _kind(record) for record in records for name in (record.name, *record.altnames)
        }
        found.unmarked[space.name] = {
            record.name: record.mac
            for record in records
            if view.owners[record.index] is None and record.name != "lo"
        }
        for record in records:
            self._link(found, view, record)
        return view

    def _link(self, found: _Found, view: View, record: link.LinkRecord) -> None:
        mine = view.owners[record.index]
        if mine is None:
            if view.owner is not None:
                found.add_foreign(view.netns, "link", f"{_kind(record) or 'device'} {record.name}")
            return
        if record.up:
            found.add(LinkUp(netns=view.netns, dev=record.name), mine)
        if record.kind == "veth":
            master = view.names.get(record.master, "")
            found.ends.append(End(view.netns, mine, record, master))
        elif record.name != "lo":
            self._simple_link(found, view, record, mine)

    def _simple_link(self, found: _Found, view: View, record: link.LinkRecord, owner: str) -> None:
        if record.kind == "bridge":
            found.add(bridge_object(view.netns, record, owner), owner)
        elif record.kind == "tap":
            found.add(tap_object(view, record, owner), owner)
        else:
            found.add_foreign(view.netns, "link", f"{_kind(record) or 'device'} {record.name} with our mark")

    def _add(self, found: _Found, view: View, space: Space, sysctls: Iterable[str]) -> None:
        for thing, owner in objects_of(view, space.rt, found.add_foreign):
            found.add(thing, owner)
        if view.owner is None:
            return
        for thing, owner in sysctls_of(view, view.owner, self._spaces.parameters_of(space), sysctls):
            found.add(thing, owner)
        _add_nft(found, self._nft(space), space.name, view.owner)

    def _nft(self, space: Space) -> NftListing:
        self._spaces.enter(space)
        nftables = self._nftables()
        generation = nftables.generation()  # before the listing: a change in between is seen the next time
        listing = space.recalled(generation)
        if listing is None:
            listing = nftables.list(space.name)
            space.remember(generation, listing)
        return listing

    def _join(self, found: _Found, look: Look) -> None:
        veths, alone = join(found.ends)
        for veth in veths:
            found.add(veth, veth.owner)
        if look.only is not None:
            return  # the outer ends may be where we were told not to look
        for end in alone:
            what = f"veth {end.record.name} with our mark, whose other end is out of sight"
            found.add_foreign(end.netns, "link", what)


def bridge_object(netns: str, record: link.LinkRecord, owner: str) -> Bridge:
    """A bridge of ours; one whose fixed settings were changed shows without an MTU, so that it differs."""
    settings = record.bridge
    fixed = settings is None or not (settings.stp or settings.forward_delay or settings.mcast_snooping)
    return Bridge(
        netns=netns,
        name=record.name,
        mac=record.mac,
        mtu=record.mtu if fixed else 0,
        owner=owner,
        altname=altname_of(record),
    )


def tap_object(view: View, record: link.LinkRecord, owner: str) -> Tap:
    """A tap of ours."""
    return Tap(
        netns=view.netns,
        name=record.name,
        mac=record.mac,
        mtu=record.mtu,
        master=view.names.get(record.master, ""),
        owner=owner,
        altname=altname_of(record),
    )


def _asked(name: str, look: Look) -> bool:
    if look.only is not None and name not in look.only:
        return False
    return may_be_ours(name) or name in look.namespaces


def _dump_links(space: Space) -> list[link.LinkRecord]:
    """The links of a namespace; of many, those whose answer is as the last time are not read again.

    The host's and a fip namespace have an end for each router, and are looked at with each slice of a look
    at everything (:mod:`deuteron.agent.sweep`).
    """
    known = space.records
    found = {
        payload: known.get(payload) or link.parse_link(payload)
        for payload in space.rt.dump(link.dump_links())
    }
    space.records = found if len(found) > _MANY_LINKS else {}
    return list(found.values())


def _kind(record: link.LinkRecord) -> str:
    return "loopback" if record.name == "lo" else record.kind


def _add_nft(found: _Found, listing: NftListing, netns: str, owner: str) -> None:
    if listing.table is not None:
        found.add(listing.table, owner)
    for element in listing.elements:
        found.add(element, owner)
    for table in listing.foreign:
        found.add_foreign(netns, "nft_table", table)
