#!/bin/bash
# The peer: Neutron 29.0.0 from PyPI with the pyroute2 that OpenStack's own
# upper-constraints pin (0.8.1), in a virtual environment of its own.
set -e
venv=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/deuteron-bench/neutron-l3}
for p in iptables conntrack iputils-arping iproute2 nftables procps \
         openvswitch-switch haproxy radvd keepalived; do
  dpkg -s $p >/dev/null 2>&1 || miss="$miss $p"
done
[ -z "$miss" ] || { apt-get -q update; apt-get -qy install $miss; }
[ -x "$venv/bin/privsep-helper" ] && exit 0
python3 -m venv "$venv"
"$venv/bin/pip" install -q 'neutron==29.0.0' 'pyroute2==0.8.1' setuptools
