#!/bin/bash
# What `deuteron apply` would do, as commands.  Run it as root; it stops at the first
# command that fails and takes nothing back.  Needs ip, nft and sysctl; where the plan
# announces addresses or ends connections, arping, ndsend and conntrack are used if installed.
set -euo pipefail

# address NAMESPACE DEVICE ADDRESS HEX: adds an address that carries our protocol number.
# iproute2 before 6.3 cannot say `proto`; there the netlink message (RTM_NEWADDR, little
# endian, the address as HEX) is written out and handed to `ip address restore`.
address() {
    local netns=$1 dev=$2 address=$3 hex=$4 bits=${3#*/} family=02 nodad= link index payload escaped
    if [[ $(ip address help 2>&1) == *proto* ]]; then
        [[ $address == *:* ]] && nodad=nodad
        ip ${netns:+-n "$netns"} address add "$address" dev "$dev" $nodad proto 210
        return
    fi
    link=$(ip ${netns:+-n "$netns"} -o link show dev "$dev")
    index=${link%%:*}
    [[ $address == *:* ]] && family=0a
    word() { printf '%02x%02x%02x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24)); }
    attribute() { local size=$((4 + ${#2} / 2)); printf '%02x00%s00%s' $size "$1" "$2"; }
    payload=$family$(printf %02x "$bits")0000$(word "$index")
    payload+=$(attribute 01 "$hex")$(attribute 02 "$hex")$(attribute 0b d2)000000
    [[ $family == 0a ]] && payload+=$(attribute 08 02000000)  # IFA_F_NODAD
    # The dump's magic, then the message: length, RTM_NEWADDR, flags, sequence, port.
    escaped=22123647$(word $((16 + ${#payload} / 2)))140000000100000000000000$payload
    printf "$(sed 's/../\\x&/g' <<<"$escaped")" | ip ${netns:+-n "$netns"} address restore
}

# drop COMMAND: a deletion of what the kernel may have taken away together with something else.
drop() {
    "$@" 2>/dev/null || true
}

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

# --- router r1
drop ip -n qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 address delete 203.0.113.10/24 dev qg-3fa3233e-59
ip netns exec qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 nft -f - <<'EOF'
add table inet deuteron
delete table inet deuteron
create table inet deuteron
add map inet deuteron fixed_to_floating { type ipv4_addr : ipv4_addr; }
add map inet deuteron floating_to_fixed { type ipv4_addr : ipv4_addr; }
add map inet deuteron forwarded_ports { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
add chain inet deuteron forward { type filter hook forward priority 0; policy drop; }
add chain inet deuteron input { type filter hook input priority 0; policy drop; }
add chain inet deuteron postrouting { type nat hook postrouting priority 100; policy accept; }
add chain inet deuteron prerouting { type nat hook prerouting priority -100; policy accept; }
add rule inet deuteron forward iifname "qr-*" oifname "qr-*" accept comment "between internal networks"
add rule inet deuteron forward iifname "qr-*" oifname "qg-3fa3233e-59" meta nfproto ipv4 ct state invalid drop comment "would leave untranslated"
add rule inet deuteron forward iifname "qr-*" oifname "qg-3fa3233e-59" accept comment "to the external network"
add rule inet deuteron forward iifname "qg-3fa3233e-59" oifname "qr-*" ct state established,related accept comment "replies"
add rule inet deuteron forward iifname "qg-3fa3233e-59" oifname "qr-*" ct status dnat accept comment "to a floating IP"
add rule inet deuteron forward iifname "qg-3fa3233e-59" oifname "qr-*" meta nfproto ipv6 accept comment "IPv6 is routed"
add rule inet deuteron input iifname "lo" accept comment "itself"
add rule inet deuteron input ct state established,related accept comment "replies"
add rule inet deuteron input icmp type { echo-reply, echo-request } accept comment "ping"
add rule inet deuteron input icmpv6 type { echo-reply, echo-request, nd-neighbor-advert, nd-neighbor-solicit } accept comment "ping and neighbour discovery"
add rule inet deuteron postrouting oifname "qg-3fa3233e-59" snat ip to ip saddr map @fixed_to_floating comment "fixed address to its floating IP"
add rule inet deuteron postrouting iifname "qr-*" oifname "qr-*" ct status dnat snat ip to ip saddr map @fixed_to_floating comment "hairpin from a fixed address with a floating IP"
add rule inet deuteron postrouting iifname "qr-*" oifname "qr-*" ct status dnat meta nfproto ipv4 snat ip to 203.0.113.11 comment "hairpin from one without"
add rule inet deuteron postrouting oifname "qg-3fa3233e-59" meta nfproto ipv4 snat ip to 203.0.113.11 fully-random comment "all others share the gateway's address"
add rule inet deuteron prerouting dnat ip to ip daddr map @floating_to_fixed comment "floating IP to its fixed address"
add rule inet deuteron prerouting meta l4proto { tcp, udp } dnat ip to ip daddr . meta l4proto . th dport map @forwarded_ports comment "forwarded port"
create element inet deuteron fixed_to_floating { 10.0.0.5 : 203.0.113.50 }
create element inet deuteron floating_to_fixed { 203.0.113.50 : 10.0.0.5 }
EOF
address qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 qg-3fa3233e-59 203.0.113.11/24 cb00710b
announce qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 qg-3fa3233e-59 203.0.113.11

wait
