#!/bin/bash
# What `deuteron apply` would do, as commands.  Run it as root; it stops at the first
# command that fails and takes nothing back.  Needs ip, nft and sysctl; where the plan
# announces addresses or ends connections, arping, ndsend and conntrack are used if installed.
set -euo pipefail

# drop COMMAND: a deletion of what the kernel may have taken away together with something else.
drop() {
    "$@" 2>/dev/null || true
}

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

# --- router r1
ip netns exec qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 nft -f - <<'EOF'
create element inet deuteron fixed_to_floating { 10.0.0.6 : 203.0.113.50 }
create element inet deuteron fixed_with_floating { 10.0.0.6 }
delete element inet deuteron floating_to_fixed { 203.0.113.50 }
create element inet deuteron floating_to_fixed { 203.0.113.50 : 10.0.0.6 }
delete element inet deuteron fixed_to_floating { 10.0.0.5 }
delete element inet deuteron fixed_with_floating { 10.0.0.5 }
EOF
flush qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 10.0.0.5
flush qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 10.0.0.6
flush qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 203.0.113.50
