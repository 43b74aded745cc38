"""What the name of a call says: that it makes, removes or sets something, and whether of the host."""

from __future__ import annotations

import ast
from typing import Final, Literal

from deuteron.review.names import dotted, receiver, text, word_set, words

Kind = Literal["makes", "removes", "sets", "other"]

MAKES: Final = word_set(
    """
    create add plug allocate subscribe attach mount reserve ensure make setup enslave register
    spawn install associate assign claim insert connect join
    """
)
REMOVES: Final = word_set(
    """
    delete del remove unplug unsubscribe release deallocate detach umount unmount destroy
    teardown cleanup clean undo rollback revert restore unregister deregister uninstall
    disassociate unassign free flush purge drop disconnect leave withdraw abort close
    kill terminate stop
    """
)
SETS: Final = word_set(
    """
    set init up enable execute run send write apply configure update start bring replace move
    """
)
#: What one verb makes, these take away.
INVERSES: Final[dict[str, frozenset[str]]] = {
    "subscribe": frozenset({"unsubscribe"}),
    "plug": frozenset({"unplug"}),
    "allocate": frozenset({"release", "deallocate", "free"}),
    "reserve": frozenset({"release", "unreserve", "free"}),
    "claim": frozenset({"release", "unclaim"}),
    "attach": frozenset({"detach"}),
    "mount": frozenset({"umount", "unmount"}),
    "register": frozenset({"unregister", "deregister"}),
    "associate": frozenset({"disassociate"}),
    "assign": frozenset({"unassign"}),
    "install": frozenset({"uninstall", "remove"}),
    "connect": frozenset({"disconnect"}),
    "join": frozenset({"leave"}),
    "create": frozenset({"delete", "destroy", "remove"}),
    "add": frozenset({"delete", "del", "remove"}),
}
#: What is said to be of the host: devices, namespaces, addresses, rules.
NOUNS: Final = word_set(
    """
    netns namespace ns device dev interface iface nic veth tap bridge port link route rule neigh
    addr address gateway gw router vlan vxlan tunnel nft nftables iptables chain ipset sysctl
    driver fip snat dnat dhcp radvd network subnet qdisc fdb vip proxy keepalived conntrack ipr
    iproute cidr vpn lladdr ndp arp
    """
)
#: Verbs that are only said of what is outside of the process.
STRONG: Final = word_set(
    """
    plug unplug mount umount unmount enslave allocate subscribe unsubscribe init_l3 deallocate
    """
)
#: Methods of pyroute2 whose first argument is the verb.
NETLINK: Final = word_set("link addr route rule neigh tc fdb")
#: What also begins with such a verb, and is something else.
COLLECTIONS: Final = word_set("mapping map cache set list dict registry queue opts options")
NOT_HOST: Final = word_set(
    """
    add_argument add_argument_group add_subparsers add_parser add_handler add_done_callback
    add_option add_command add_header add_url_rule add_typename register_opts register_opt
    register_cli_opts add_column add_row add_section add_field add_callback create_task
    create_future ensure_future
    """
)


def kind(call: ast.Call) -> Kind:
    """What the call does, by its verb."""
    name = _name(call)
    if name in NETLINK and call.args:
        verb = text(call.args[0])
        return {"add": "makes", "del": "removes", "delete": "removes", "set": "sets"}.get(verb or "", "other")  # type: ignore[return-value]  # a dictionary of literals
    parts = words(name)
    if not parts or name in NOT_HOST:
        return "other"
    return of_verb(parts[0])


def of_verb(verb: str) -> Kind:
    """The kind of a verb."""
    if verb in MAKES:
        return "makes"
    if verb in REMOVES:
        return "removes"
    return "sets" if verb in SETS else "other"


def _name(call: ast.Call) -> str:
    return dotted(call.func).rpartition(".")[2].lstrip("_")


def of_host(call: ast.Call, owner: ast.ClassDef | None) -> bool:
    """Whether it is about the host: its name, what it is called on, or the class it belongs to says so."""
    name = _name(call)
    on = receiver(call)
    if name in NETLINK and call.args and text(call.args[0]):
        return True
    parts = words(name)
    if not parts or name in NOT_HOST or _kept_in_memory(parts, on):
        return False
    if parts[0] in STRONG or name in STRONG:
        return bool(on)
    suffix = set(parts[1:]) | {part.removesuffix("s") for part in parts[1:]}
    said = suffix | set(words(on))
    if said & NOUNS:
        return True
    if on in ("self", "super") and owner is not None:
        return bool(_owner_words(owner) & NOUNS)
    return False


def _kept_in_memory(parts: tuple[str, ...], on: str) -> bool:
    """Whether it changes a collection, or a table of rules that is written out as a whole later."""
    kept = words(on.rpartition(".")[2])[-1:]
    collection = bool(set(kept) & COLLECTIONS) or parts[-1] in COLLECTIONS
    rules = "iptables" in words(on) and parts[0] in ("add", "remove", "empty", "ensure")
    return collection or rules


def _owner_words(owner: ast.ClassDef) -> set[str]:
    return {word for name in (owner.name, *map(dotted, owner.bases)) for word in words(name)}


def undone_by(call: ast.Call, known: frozenset[str]) -> bool:
    """Whether a way back is known: a function or a call with the opposite verb and the same object."""
    parts = words(_name(call))
    opposite = INVERSES.get(parts[0] if parts else "", frozenset())
    rest = parts[1:]
    return any(
        other and other[0] in opposite and (not rest or other[1:] == rest) for other in map(words, known)
    )
