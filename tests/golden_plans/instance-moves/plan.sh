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

# --- port vm6
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link delete dev tapc0da2197-3d
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link add name tapc0da2197-3d address fe:16:3e:68:32:c0 mtu 1500 master br-5ec2846b-56 type veth peer name eth0 address fa:16:3e:68:32:c0 mtu 1500 netns vm7
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev tapc0da2197-3d alias 'deuteron port/c0da2197-3dd0-5adc-a33f-b571d286a077'
ip -n vm7 link set dev eth0 alias 'deuteron port/c0da2197-3dd0-5adc-a33f-b571d286a077'
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link property add dev tapc0da2197-3d altname tap-c0da2197-3dd0-5adc-a33f-b571d286a077
address vm7 eth0 10.0.0.6/24 0a000006
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev tapc0da2197-3d up
ip -n vm7 link set dev eth0 up
ip -n vm7 -4 route add 0.0.0.0/0 table 254 proto 210 via 10.0.0.1 dev eth0
