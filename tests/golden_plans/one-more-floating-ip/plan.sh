#!/bin/bash
# What `deuteron apply` would do, as commands.  Run it as root; it stops at the first
# command that fails and takes nothing back.  Needs ip, nft and sysctl; where the plan
# announces addresses or ends connections, arping, ndsend and conntrack are used if installed.
set -euo pipefail

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
ip netns exec qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 nft -f - <<'EOF'
create element inet deuteron fixed_to_floating { 10.0.0.6 : 203.0.113.51 }
create element inet deuteron fixed_with_floating { 10.0.0.6 }
create element inet deuteron floating_to_fixed { 203.0.113.51 : 10.0.0.6 }
EOF
ip -n fip-837f5833-d9d6-58dd-b653-fbd887942885 -4 route add 203.0.113.51/32 table 254 proto 210 via 169.254.91.150 dev fpr-25d52c7e-7
flush qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 10.0.0.6
flush qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 203.0.113.51
announce fip-837f5833-d9d6-58dd-b653-fbd887942885 fg-673e0e2e-53 203.0.113.51

wait
