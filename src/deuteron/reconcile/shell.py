"""A plan as a bash script of ``ip``, ``nft`` and ``sysctl`` that a person can read and run.

It does what ``apply`` does, command by command, and leaves the same kernel state; it
has no undo.  ``iproute2`` sets an address's protocol (``IFA_PROTO``, by which we know
our own) from 6.3 on; for older ones a function of the script speaks netlink through
``ip address restore``.
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from deuteron.objects import (
    HOST,
    PROTOCOL,
    Address,
    Announce,
    Create,
    Delete,
    FlushFlows,
    NftElement,
    NftTable,
    Run,
    Step,
    Sysctl,
    Update,
)
from deuteron.objects.nft import TABLE
from deuteron.objects.nft_text import (
    add_elements,
    create_table,
    delete_elements,
    replace_table,
    update_elements,
)
from deuteron.reconcile.plan import Plan, UnitPlan
from deuteron.reconcile.shell_objects import change, make, remove
from deuteron.reconcile.words import plain

_HEADER: Final = """\
#!/bin/bash
# What `deuteron apply` would do, as commands.  Run it as root; it stops at the first
# command that fails and takes nothing back.  Needs ip, nft and sysctl; where the plan
# announces addresses or ends connections, arping, ndsend and conntrack are used if installed.
set -euo pipefail
"""

_ADDRESS_FUNCTION: Final = f"""\
# address NAMESPACE DEVICE ADDRESS HEX: adds an address that carries our protocol number.
# iproute2 before 6.3 cannot say `proto`; there the netlink message (RTM_NEWADDR, little
# endian, the address as HEX) is written out and handed to `ip address restore`.
address() {{
    local netns=$1 dev=$2 address=$3 hex=$4 bits=${{3#*/}} family=02 nodad= link index payload escaped
    if [[ $(ip address help 2>&1) == *proto* ]]; then
        [[ $address == *:* ]] && nodad=nodad
        ip ${{netns:+-n "$netns"}} address add "$address" dev "$dev" $nodad proto {PROTOCOL}
        return
    fi
    link=$(ip ${{netns:+-n "$netns"}} -o link show dev "$dev")
    index=${{link%%:*}}
    [[ $address == *:* ]] && family=0a
    word() {{ printf '%02x%02x%02x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24)); }}
    attribute() {{ local size=$((4 + ${{#2}} / 2)); printf '%02x00%s00%s' $size "$1" "$2"; }}
    payload=$family$(printf %02x "$bits")0000$(word "$index")
    payload+=$(attribute 01 "$hex")$(attribute 02 "$hex")$(attribute 0b {PROTOCOL:02x})000000
    [[ $family == 0a ]] && payload+=$(attribute 08 02000000)  # IFA_F_NODAD
    # The dump's magic, then the message: length, RTM_NEWADDR, flags, sequence, port.
    escaped=22123647$(word $((16 + ${{#payload}} / 2)))140000000100000000000000$payload
    printf "$(sed 's/../\\\\x&/g' <<<"$escaped")" | ip ${{netns:+-n "$netns"}} address restore
}}
"""

_DROP_FUNCTION: Final = """\
# drop COMMAND: a deletion of what the kernel may have taken away together with something else.
drop() {
    "$@" 2>/dev/null || true
}
"""

_FLUSH_FUNCTION: Final = """\
# flush NAMESPACE ADDRESS: ends the tracked connections that come from or go to the address.
flush() {
    if ! command -v conntrack >/dev/null; then
        echo "conntrack is not installed: connections of $2 in $1 live on" >&2
        return
    fi
    local family=ipv4
    [[ $2 == *:* ]] && family=ipv6
    ip netns exec "$1" conntrack -D -f "$family" --orig-src "$2" >/dev/null 2>&1 || true
    ip netns exec "$1" conntrack -D -f "$family" --orig-dst "$2" >/dev/null 2>&1 || true
}
"""

_ANNOUNCE_FUNCTION: Final = """\
# announce NAMESPACE DEVICE ADDRESS: tells the neighbours on the wire that the address is here,
# in the background, since arping lingers for a second.
announce() {
    local tool=arping
    [[ $3 == *:* ]] && tool=ndsend
    if ! command -v "$tool" >/dev/null; then
        echo "$tool is not installed: neighbours learn of $3 by themselves" >&2
    elif [[ $tool == ndsend ]]; then
        ip netns exec "$1" ndsend "$3" "$2" >/dev/null &
    elif [[ $(arping -h 2>&1) == *'unsolicited ARP mode'* ]]; then  # of iputils
        ip netns exec "$1" arping -q -c 1 -U -I "$2" "$3" >/dev/null 2>&1 &
    else  # Thomas Habets'
        ip netns exec "$1" arping -q -c 1 -U -P -i "$2" -S "$3" "$3" >/dev/null 2>&1 &
    fi
}
"""


def render_shell(plan: Plan) -> str:
    """The script; for a plan without steps one that only says so."""
    steps = [step for unit in plan.units for step in unit.steps]
    parts = [_HEADER, *_functions(steps)]
    parts += [_unit(unit) for unit in plan.units]
    if any(isinstance(step, Run) and isinstance(step.action, Announce) for step in steps):
        parts.append("wait\n")
    if not steps:
        parts.append("# No changes: the host is as wanted.\n")
    return "\n".join(parts)


def _functions(steps: Sequence[Step]) -> Iterator[str]:
    if any(isinstance(step, Create) and isinstance(step.object, Address) for step in steps):
        yield _ADDRESS_FUNCTION
    if any(isinstance(step, Delete) for step in steps):
        yield _DROP_FUNCTION
    actions = [step.action for step in steps if isinstance(step, Run)]
    if any(isinstance(action, FlushFlows) for action in actions):
        yield _FLUSH_FUNCTION
    if any(isinstance(action, Announce) for action in actions):
        yield _ANNOUNCE_FUNCTION


def _unit(unit: UnitPlan) -> str:
    lines = [f"# --- {plain(unit.title)}"]
    for group, steps in groupby(unit.steps, key=_group):
        kind, netns = group
        if kind == "nft":
            lines += _nft(netns, list(steps))
        elif kind == "sysctl":
            lines += _sysctl(netns, steps)
        else:
            lines += [command for step in steps for command in _commands(step)]
    return "".join(f"{one}\n" for one in lines)


def _group(step: Step) -> tuple[str, str]:
    """Steps that become one command: the rules of a namespace, its parameters."""
    if isinstance(step, Run):
        return ("", "")
    obj = step.new if isinstance(step, Update) else step.object
    if isinstance(obj, NftTable | NftElement):
        return ("nft", obj.netns)
    if isinstance(obj, Sysctl) and not isinstance(step, Delete):
        return ("sysctl", obj.netns)
    return ("", "")


def _sysctl(netns: str, steps: Iterable[Step]) -> list[str]:
    values = [s.object if isinstance(s, Create) else s.new for s in steps if isinstance(s, Create | Update)]
    words = [shlex.quote(f"{one.path}={one.value}") for one in values if isinstance(one, Sysctl)]
    body = " \\\n    ".join([f"ip netns exec {shlex.quote(netns)} sysctl -qw", *words])
    return [body]


def _nft(netns: str, steps: Sequence[Step]) -> list[str]:
    """One heredoc: one transaction, as the kernel's."""
    text = "".join(_nft_group(list(same)) for _, same in groupby(steps, key=_nft_verb))
    return [f"ip netns exec {shlex.quote(netns)} nft -f - <<'EOF'", text.rstrip("\n"), "EOF"]


def _nft_verb(step: Step) -> tuple[str, str]:
    obj = step.new if isinstance(step, Update) else step.object if not isinstance(step, Run) else None
    return (type(step).__name__, type(obj).__name__)


def _nft_group(steps: Sequence[Step]) -> str:
    made = [step.object for step in steps if isinstance(step, Create)]
    new = [step.new for step in steps if isinstance(step, Update)]
    gone = [step.object for step in steps if isinstance(step, Delete)]
    text = "".join(create_table(one) for one in made if isinstance(one, NftTable))
    text += add_elements([one for one in made if isinstance(one, NftElement)])
    for step in steps:
        if isinstance(step, Update) and isinstance(step.new, NftTable):
            text += replace_table(step.new, [one for one in step.contents if isinstance(one, NftElement)])
    text += update_elements([one for one in new if isinstance(one, NftElement)])
    text += "".join(f"delete table inet {TABLE}\n" for one in gone if isinstance(one, NftTable))
    return text + delete_elements([one for one in gone if isinstance(one, NftElement)])


def _commands(step: Step) -> list[str]:
    match step:
        case Create(object=Address() as obj):
            packed = ipaddress.ip_interface(obj.address).ip.packed.hex()
            where = shlex.quote(obj.netns) if obj.netns != HOST else "''"
            return [f"address {where} {shlex.quote(obj.dev)} {shlex.quote(obj.address)} {packed}"]
        case Create(object=obj):
            return make(obj)
        case Update(old=old, new=new):
            return change(old, new)
        case Delete(object=obj):
            return remove(obj)
        case Run(action=Announce() as action):
            return [f"announce {shlex.join([action.netns, action.dev, action.address])}"]
        case Run(action=action):
            return [f"flush {shlex.join([action.netns, action.address])}"]
