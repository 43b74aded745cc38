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
add set inet deuteron links { type ifname; size 4096; flags dynamic,timeout; timeout 10s; }
add set inet deuteron neighbours4 { type ipv4_addr; size 8192; flags dynamic,timeout; timeout 60s; }
add set inet deuteron neighbours6 { type ipv6_addr; size 8192; flags dynamic,timeout; timeout 60s; }
add set inet deuteron own4 { type ipv4_addr; }
add set inet deuteron own6 { type ipv6_addr; }
add set inet deuteron paces4 { type ipv4_addr; size 8192; flags dynamic,timeout; timeout 10s; }
add set inet deuteron paces6 { type ipv6_addr; size 8192; flags dynamic,timeout; timeout 10s; }
add chain inet deuteron forward { type filter hook forward priority 0; policy drop; }
add chain inet deuteron guard { type filter hook prerouting priority -290; policy drop; }
add chain inet deuteron input { type filter hook input priority 0; policy drop; }
add chain inet deuteron leaving { type filter hook postrouting priority 200; policy drop; }
add chain inet deuteron limits { type filter hook forward priority -10; policy drop; }
add chain inet deuteron neighbours { type filter hook forward priority -20; policy drop; }
add chain inet deuteron output { type filter hook output priority 0; policy drop; }
add chain inet deuteron postrouting { type nat hook postrouting priority 100; policy accept; }
add chain inet deuteron prerouting { type nat hook prerouting priority -100; policy accept; }
add rule inet deuteron forward iifname "qr-*" oifname "qr-*" accept comment "between internal networks"
add rule inet deuteron forward iifname "qr-*" oifname "qg-3fa3233e-59" meta nfproto ipv4 ct state established,new,related accept comment "to the external network"
add rule inet deuteron forward iifname "qr-*" oifname "qg-3fa3233e-59" meta nfproto ipv6 accept comment "to the external network"
add rule inet deuteron forward iifname "qg-3fa3233e-59" oifname "qr-*" ct state established,related accept comment "replies"
add rule inet deuteron forward iifname "qg-3fa3233e-59" oifname "qr-*" ct status dnat accept comment "to a floating IP"
add rule inet deuteron forward iifname "qg-3fa3233e-59" oifname "qr-*" meta nfproto ipv6 accept comment "IPv6 is routed"
add rule inet deuteron guard iifname "lo" accept comment "itself"
add rule inet deuteron guard ip hdrlength 5 ip saddr != 169.254.0.0/16 fib saddr . iif oif != 0 accept comment "its source lives behind this link"
add rule inet deuteron guard exthdr rt missing ip6 saddr != fec0::/10 fib saddr . iif oif != 0 accept comment "its source lives behind this link"
add rule inet deuteron guard ip6 saddr :: icmpv6 type nd-neighbor-solicit accept comment "has no address yet, asks whether it is free"
add rule inet deuteron input iifname "lo" accept comment "itself"
add rule inet deuteron input ct state established,related accept comment "replies"
add rule inet deuteron input iifname "qr-*" meta pkttype host icmp type echo-request ip daddr @own4 limit rate 100/second burst 100 packets accept comment "ping, so many a second"
add rule inet deuteron input iifname "qr-*" meta pkttype host icmpv6 type echo-request ip6 daddr @own6 limit rate 100/second burst 100 packets accept comment "ping, so many a second"
add rule inet deuteron input iifname "qg-3fa3233e-59" fib daddr . iif type local meta pkttype host icmp type echo-request ip daddr @own4 limit rate 100/second burst 100 packets accept comment "ping, so many a second"
add rule inet deuteron input iifname "qg-3fa3233e-59" fib daddr . iif type local meta pkttype host icmpv6 type echo-request ip6 daddr @own6 limit rate 100/second burst 100 packets accept comment "ping, so many a second"
add rule inet deuteron input iifname { "qg-3fa3233e-59", "qr-*" } icmpv6 type nd-neighbor-solicit ip6 hoplimit 255 limit rate 500/second burst 500 packets accept comment "a neighbour asks, from this very link"
add rule inet deuteron input iifname { "qg-3fa3233e-59", "qr-*" } icmpv6 type nd-neighbor-advert ip6 hoplimit 255 limit rate 500/second burst 500 packets accept comment "a neighbour answers, from this very link"
add rule inet deuteron leaving oifname "qr-*" accept comment "to an internal network"
add rule inet deuteron leaving oifname "lo" accept comment "to itself"
add rule inet deuteron leaving oifname "qg-3fa3233e-59" ct status dnat,snat accept comment "translated"
add rule inet deuteron leaving oifname "qg-3fa3233e-59" meta nfproto ipv4 fib saddr type local accept comment "from an address of its own"
add rule inet deuteron leaving oifname "qg-3fa3233e-59" meta nfproto ipv6 accept comment "IPv6 is routed"
add rule inet deuteron limits ct status confirmed accept comment "of a connection that was let in when it began"
add rule inet deuteron limits ct state invalid accept comment "of no connection: remembered by nobody"
add rule inet deuteron limits iifname "qr-*" update @paces4 { ip saddr limit rate 2000/second burst 2000 packets } accept comment "so many a second from each address"
add rule inet deuteron limits iifname "qr-*" update @paces6 { ip6 saddr limit rate 2000/second burst 2000 packets } accept comment "so many a second from each address"
add rule inet deuteron limits iifname "qg-3fa3233e-59" update @paces4 { ip daddr limit rate 2000/second burst 2000 packets } accept comment "so many a second to each address"
add rule inet deuteron limits iifname "qg-3fa3233e-59" update @paces6 { ip6 daddr limit rate 2000/second burst 2000 packets } accept comment "so many a second to each address"
add rule inet deuteron neighbours ct status confirmed accept comment "of a connection that was let in when it began"
add rule inet deuteron neighbours rt ip nexthop @neighbours4 update @neighbours4 { rt ip nexthop } accept comment "to a next hop that is known"
add rule inet deuteron neighbours rt ip6 nexthop @neighbours6 update @neighbours6 { rt ip6 nexthop } accept comment "to a next hop that is known"
add rule inet deuteron neighbours meta nfproto ipv4 update @links { iifname limit rate 50/second burst 50 packets } update @neighbours4 { rt ip nexthop } accept comment "to a new one, so many a second for each link"
add rule inet deuteron neighbours meta nfproto ipv6 update @links { iifname limit rate 50/second burst 50 packets } update @neighbours6 { rt ip6 nexthop } accept comment "to a new one, so many a second for each link"
add rule inet deuteron output oifname "lo" accept comment "to itself"
add rule inet deuteron output ct state established,related accept comment "answers"
add rule inet deuteron output icmp type { destination-unreachable, echo-request, parameter-problem, time-exceeded } accept comment "errors and pings"
add rule inet deuteron output icmpv6 type { destination-unreachable, echo-request, mld-listener-done, mld-listener-report, mld2-listener-report, packet-too-big, parameter-problem, time-exceeded } accept comment "errors, pings, groups"
add rule inet deuteron output icmpv6 type nd-neighbor-solicit limit rate 500/second burst 500 packets accept comment "asks a neighbour, so often a second"
add rule inet deuteron output icmpv6 type nd-neighbor-advert limit rate 500/second burst 500 packets accept comment "answers a neighbour, so often a second"
add rule inet deuteron postrouting oifname "qg-3fa3233e-59" snat ip to ip saddr map @fixed_to_floating comment "fixed address to its floating IP"
add rule inet deuteron postrouting iifname "qr-*" oifname "qr-*" ct status dnat snat ip to ip saddr map @fixed_to_floating comment "hairpin from a fixed address with a floating IP"
add rule inet deuteron postrouting iifname "qr-*" oifname "qr-*" ct status dnat meta nfproto ipv4 snat ip to 203.0.113.11 comment "hairpin from one without"
add rule inet deuteron postrouting oifname "qg-3fa3233e-59" meta nfproto ipv4 snat ip to 203.0.113.11 fully-random comment "all others share the gateway's address"
add rule inet deuteron prerouting dnat ip to ip daddr map @floating_to_fixed comment "floating IP to its fixed address"
add rule inet deuteron prerouting meta l4proto { tcp, udp } dnat ip to ip daddr . meta l4proto . th dport map @forwarded_ports comment "forwarded port"
create element inet deuteron fixed_to_floating { 10.0.0.5 : 203.0.113.50 }
create element inet deuteron floating_to_fixed { 203.0.113.50 : 10.0.0.5 }
create element inet deuteron own4 { 10.0.0.1, 203.0.113.11 }
EOF
address qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 qg-3fa3233e-59 203.0.113.11/24 cb00710b
announce qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 qg-3fa3233e-59 203.0.113.11

wait
