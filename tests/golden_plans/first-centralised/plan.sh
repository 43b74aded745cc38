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

# --- network web
ip netns add net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set lo alias 'deuteron network/5ec2846b-5623-5b9c-8d3a-b8480f18bfd3'
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set lo up
ip netns exec net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 sysctl -qw \
    net/ipv4/conf/all/log_martians=0 \
    net/ipv4/conf/default/forwarding=0 \
    net/ipv4/conf/default/log_martians=0 \
    net/ipv4/ip_forward=0 \
    net/ipv6/conf/all/disable_ipv6=1 \
    net/ipv6/conf/default/disable_ipv6=1
ip netns exec net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 nft -f - <<'EOF'
create table inet deuteron
add chain inet deuteron forward { type filter hook forward priority 0; policy drop; }
add chain inet deuteron input { type filter hook input priority 0; policy drop; }
add chain inet deuteron output { type filter hook output priority 0; policy drop; }
add rule inet deuteron forward iifname "br-*" oifname "br-*" accept comment "switched, not routed (br_netfilter shows it)"
EOF
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link add name br-5ec2846b-56 address fa:16:3f:25:15:44 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev br-5ec2846b-56 mtu 1500
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev br-5ec2846b-56 alias 'deuteron network/5ec2846b-5623-5b9c-8d3a-b8480f18bfd3'
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link property add dev br-5ec2846b-56 altname br-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev br-5ec2846b-56 up

# --- router r1
ip netns add qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947
ip -n qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 link set lo alias 'deuteron router/25d52c7e-7f4f-58e0-8d15-3a6f4a99b947'
ip -n qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 link set lo up
ip netns exec qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 sysctl -qw \
    net/ipv4/conf/all/accept_redirects=0 \
    net/ipv4/conf/all/accept_source_route=0 \
    net/ipv4/conf/all/arp_accept=0 \
    net/ipv4/conf/all/arp_announce=2 \
    net/ipv4/conf/all/arp_ignore=1 \
    net/ipv4/conf/all/bc_forwarding=0 \
    net/ipv4/conf/all/log_martians=0 \
    net/ipv4/conf/all/proxy_arp=0 \
    net/ipv4/conf/all/proxy_arp_pvlan=0 \
    net/ipv4/conf/all/rp_filter=0 \
    net/ipv4/conf/all/secure_redirects=0 \
    net/ipv4/conf/all/send_redirects=0 \
    net/ipv4/conf/default/accept_redirects=0 \
    net/ipv4/conf/default/arp_accept=0 \
    net/ipv4/conf/default/log_martians=0 \
    net/ipv4/conf/default/proxy_arp=0 \
    net/ipv4/conf/default/proxy_arp_pvlan=0 \
    net/ipv4/conf/default/rp_filter=0 \
    net/ipv4/conf/default/secure_redirects=0 \
    net/ipv4/conf/default/send_redirects=0 \
    net/ipv4/ip_forward=1 \
    net/ipv6/conf/all/forwarding=1 \
    net/ipv6/conf/default/accept_ra=0 \
    net/ipv6/conf/default/accept_redirects=0 \
    net/ipv6/conf/default/addr_gen_mode=1 \
    net/ipv6/conf/default/autoconf=0 \
    net/ipv6/conf/default/forwarding=1 \
    net/netfilter/nf_conntrack_tcp_be_liberal=1
ip netns exec qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 nft -f - <<'EOF'
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
add rule inet deuteron postrouting iifname "qr-*" oifname "qr-*" ct status dnat meta nfproto ipv4 snat ip to 203.0.113.10 comment "hairpin from one without"
add rule inet deuteron postrouting oifname "qg-3fa3233e-59" meta nfproto ipv4 snat ip to 203.0.113.10 fully-random comment "all others share the gateway's address"
add rule inet deuteron prerouting dnat ip to ip daddr map @floating_to_fixed comment "floating IP to its fixed address"
add rule inet deuteron prerouting meta l4proto { tcp, udp } dnat ip to ip daddr . meta l4proto . th dport map @forwarded_ports comment "forwarded port"
create element inet deuteron fixed_to_floating { 10.0.0.5 : 203.0.113.50 }
create element inet deuteron floating_to_fixed { 203.0.113.50 : 10.0.0.5 }
create element inet deuteron own4 { 10.0.0.1, 203.0.113.10 }
EOF
ip link add name tap3fa3233e-59 address fe:16:3e:e4:c1:c5 mtu 1500 master br-ex type veth peer name qg-3fa3233e-59 address fa:16:3e:e4:c1:c5 mtu 1500 netns qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947
ip link set dev tap3fa3233e-59 alias 'deuteron router/25d52c7e-7f4f-58e0-8d15-3a6f4a99b947'
ip -n qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 link set dev qg-3fa3233e-59 alias 'deuteron router/25d52c7e-7f4f-58e0-8d15-3a6f4a99b947'
ip link property add dev tap3fa3233e-59 altname tap-3fa3233e-596d-5f07-8d5f-ad0e3bfc4699
ip -n qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 link property add dev qg-3fa3233e-59 altname qg-3fa3233e-596d-5f07-8d5f-ad0e3bfc4699
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link add name tap06516c2c-3b address fe:16:3e:28:7c:5e mtu 1500 master br-5ec2846b-56 type veth peer name qr-06516c2c-3b address fa:16:3e:28:7c:5e mtu 1500 netns qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev tap06516c2c-3b alias 'deuteron router/25d52c7e-7f4f-58e0-8d15-3a6f4a99b947'
ip -n qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 link set dev qr-06516c2c-3b alias 'deuteron router/25d52c7e-7f4f-58e0-8d15-3a6f4a99b947'
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link property add dev tap06516c2c-3b altname tap-06516c2c-3b31-50c9-8255-8bbe0ca0629d
ip -n qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 link property add dev qr-06516c2c-3b altname qr-06516c2c-3b31-50c9-8255-8bbe0ca0629d
address qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 qg-3fa3233e-59 203.0.113.10/24 cb00710a
address qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 qg-3fa3233e-59 203.0.113.50/32 cb007132
address qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 qr-06516c2c-3b 10.0.0.1/24 0a000001
ip link set dev tap3fa3233e-59 up
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev tap06516c2c-3b up
ip -n qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 link set dev qr-06516c2c-3b up
ip -n qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 link set dev qg-3fa3233e-59 up
ip -n qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 -4 route add 0.0.0.0/0 table 254 proto 210 via 203.0.113.1 dev qg-3fa3233e-59
announce qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 qg-3fa3233e-59 203.0.113.10
announce qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 qg-3fa3233e-59 203.0.113.50

# --- port vm6
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link add name tapc0da2197-3d address fe:16:3e:68:32:c0 mtu 1500 master br-5ec2846b-56 type veth peer name eth0 address fa:16:3e:68:32:c0 mtu 1500 netns vm6
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev tapc0da2197-3d alias 'deuteron port/c0da2197-3dd0-5adc-a33f-b571d286a077'
ip -n vm6 link set dev eth0 alias 'deuteron port/c0da2197-3dd0-5adc-a33f-b571d286a077'
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link property add dev tapc0da2197-3d altname tap-c0da2197-3dd0-5adc-a33f-b571d286a077
address vm6 eth0 10.0.0.6/24 0a000006
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev tapc0da2197-3d up
ip -n vm6 link set dev eth0 up
ip -n vm6 -4 route add 0.0.0.0/0 table 254 proto 210 via 10.0.0.1 dev eth0

# --- port vm5
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link add name tapeaed6f3d-98 address fe:16:3e:0f:21:5f mtu 1500 master br-5ec2846b-56 type veth peer name eth0 address fa:16:3e:0f:21:5f mtu 1500 netns vm5
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev tapeaed6f3d-98 alias 'deuteron port/eaed6f3d-980f-5644-be1e-618ae7cc8027'
ip -n vm5 link set dev eth0 alias 'deuteron port/eaed6f3d-980f-5644-be1e-618ae7cc8027'
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link property add dev tapeaed6f3d-98 altname tap-eaed6f3d-980f-5644-be1e-618ae7cc8027
address vm5 eth0 10.0.0.5/24 0a000005
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev tapeaed6f3d-98 up
ip -n vm5 link set dev eth0 up
ip -n vm5 -4 route add 0.0.0.0/0 table 254 proto 210 via 10.0.0.1 dev eth0

wait
