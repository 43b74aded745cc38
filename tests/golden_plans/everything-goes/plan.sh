#!/bin/bash
# What `deuteron apply` would do, as commands.  Run it as root; it stops at the first
# command that fails and takes nothing back.  Needs ip, nft and sysctl; where the plan
# announces addresses or ends connections, arping, ndsend and conntrack are used if installed.
set -euo pipefail

# drop COMMAND: a deletion of what the kernel may have taken away together with something else.
drop() {
    "$@" 2>/dev/null || true
}

# --- port c0da2197-3dd0-5adc-a33f-b571d286a077
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link delete dev tapc0da2197-3d

# --- port eaed6f3d-980f-5644-be1e-618ae7cc8027
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link delete dev tapeaed6f3d-98

# --- router 25d52c7e-7f4f-58e0-8d15-3a6f4a99b947
drop ip -n fip-837f5833-d9d6-58dd-b653-fbd887942885 -4 rule delete priority 32770 iif fpr-25d52c7e-7 lookup 501227860 protocol 210
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link delete dev tape1302e97-07
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link delete dev tap06516c2c-3b
ip -n fip-837f5833-d9d6-58dd-b653-fbd887942885 link delete dev fpr-25d52c7e-7
ip link delete dev tap3fa3233e-59
ip netns delete snat-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947
ip netns delete qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947

# --- fip 837f5833-d9d6-58dd-b653-fbd887942885
ip link delete dev tap673e0e2e-53
ip netns delete fip-837f5833-d9d6-58dd-b653-fbd887942885

# --- network 5ec2846b-5623-5b9c-8d3a-b8480f18bfd3
ip netns delete net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3
