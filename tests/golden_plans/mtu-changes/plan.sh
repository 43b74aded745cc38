#!/bin/bash
# What `deuteron apply` would do, as commands.  Run it as root; it stops at the first
# command that fails and takes nothing back.  Needs ip, nft and sysctl; where the plan
# announces addresses or ends connections, arping, ndsend and conntrack are used if installed.
set -euo pipefail

# --- network web
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev br-5ec2846b-56 mtu 1400
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev br-5ec2846b-56 type bridge stp_state 0 forward_delay 0 mcast_snooping 0

# --- router r1
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev tap06516c2c-3b mtu 1400
ip -n qrouter-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 link set dev qr-06516c2c-3b mtu 1400
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev tape1302e97-07 mtu 1400
ip -n snat-25d52c7e-7f4f-58e0-8d15-3a6f4a99b947 link set dev sg-e1302e97-07 mtu 1400

# --- port vm6
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev tapc0da2197-3d mtu 1400
ip -n vm6 link set dev eth0 mtu 1400

# --- port vm5
ip -n net-5ec2846b-5623-5b9c-8d3a-b8480f18bfd3 link set dev tapeaed6f3d-98 mtu 1400
ip -n vm5 link set dev eth0 mtu 1400
