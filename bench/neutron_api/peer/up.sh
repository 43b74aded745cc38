#!/bin/bash
# One command: install the peer (Debian or Ubuntu, root, Python 3.11) and start it on loopback.
#   AUTH=keystone|noauth|headers   PROFILE=full|near   START=0 installs only
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
missing=
for tool in mariadbd memcached rabbitmqctl curl gcc; do command -v $tool >/dev/null || missing=yes; done
if [ -n "$missing" ]; then
  apt-get -q update >"$LOG/apt.log" 2>&1
  DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends \
    mariadb-server rabbitmq-server memcached curl gcc libc6-dev >>"$LOG/apt.log" 2>&1
fi
venv() { # venv NAME PACKAGE...
  local at=$PEER/$1; shift
  [ -f "$at/.done" ] && return 0
  [ -x "$at/bin/python" ] || python3 -m venv "$at"
  "$at/bin/pip" install -q "$@" -c "$HERE/constraints.txt" >"$LOG/pip-$(basename "$at").log" 2>&1
  touch "$at/.done"
}
venv neutron neutron==29.0.0 PyMySQL pymemcache python-memcached uwsgi setuptools
venv keystone keystone==30.0.0 PyMySQL waitress requests setuptools
venv osc python-openstackclient==10.5.0 openstacksdk==4.22.0 httpx
[ "${START:-1}" = 1 ] || exit 0
[ "${AUTH:=keystone}" != keystone ] || "$HERE/keystone.sh" "http://127.0.0.1:$PEER_NEUTRON_PORT"
AUTH=$AUTH "$HERE/neutron.sh" start
echo "neutron-server: http://127.0.0.1:$PEER_NEUTRON_PORT ($AUTH)"
