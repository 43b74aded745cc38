#!/bin/bash
# neutron.sh start|stop|reset|conf: a real neutron API (uWSGI) + RPC server + periodic workers on loopback.
#   AUTH=keystone|noauth|headers (keystone); headers: X-Project-Id, X-User-Id and X-Roles are believed, as what
#   stands behind keystonemiddleware reads them
#    WORKERS=n API processes (2)  RPC=1|0 RabbitMQ and neutron-rpc-server (1)
#   AGENTS=1|0 agents that report, without a data path (1)   ACT=1|0 they also say that ports are up (1)
#   PROFILE=full|near: which configuration, see conf/ (full)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
AUTH=${AUTH:-keystone} WORKERS=${WORKERS:-2} RPC=${RPC:-1} PROFILE=${PROFILE:-full}
NV=$PEER/neutron/bin C=$ETC/neutron
conf() {
  mkdir -p "$C" "$VAR/neutron"
  local url=fake://; [ "$RPC" = 1 ] && url=rabbit://guest:guest@127.0.0.1:$PEER_MQ_PORT/
  local strategy=$AUTH drop=nothing
  [ "$AUTH" = headers ] && strategy=keystone drop=' authtoken'
  sed -e "s#@AUTH@#$strategy#; s#@TRANSPORT@#$url#; s#@PEER@#$PEER#g; s#@DB_PORT@#$PEER_DB_PORT#" \
      -e "s#@KS@#http://127.0.0.1:$PEER_KEYSTONE_PORT/v3#g; s#@PW@#$OS_ADMIN_PASSWORD#; s#@MC@#127.0.0.1:$PEER_MEMCACHED_PORT#" \
      "$HERE/conf/$PROFILE.conf.in" >"$C/neutron.conf"
  sed -e "s#/var/lib/neutron#$VAR/neutron#; /^keystone = /s#$drop##" "$PEER/neutron/etc/neutron/api-paste.ini" >"$C/api-paste.ini"
  cat >"$C/uwsgi.ini" <<U
[uwsgi]
http-socket = 127.0.0.1:$PEER_NEUTRON_PORT
module = neutron.wsgi.api:application
master = true
processes = $WORKERS
threads = 1
enable-threads = true
lazy-apps = true
thunder-lock = true
die-on-term = true
exit-on-reload = false
need-app = true
buffer-size = 65535
start-time = %t
add-header = Connection: close
disable-logging = true
U
}
case ${1:-start} in
conf) conf ;;
start)
  conf; "$HERE/mariadb.sh" start
  [ "$RPC" = 1 ] && "$HERE/rabbitmq.sh" start
  [ "$AUTH" = keystone ] && start memcached memcached -u nobody -l 127.0.0.1 -p "$PEER_MEMCACHED_PORT" -U 0
  $NV/neutron-db-manage --config-file "$C/neutron.conf" upgrade head >"$LOG/neutron-db.log" 2>&1
  export OS_NEUTRON_CONFIG_DIR=$C OS_NEUTRON_CONFIG_FILES=neutron.conf
  cd "$VAR/neutron"
  start neutron-api $NV/uwsgi --ini "$C/uwsgi.ini"
  if [ "$RPC" = 1 ]; then
    start neutron-rpc $NV/neutron-rpc-server --config-file "$C/neutron.conf"
    start neutron-periodic $NV/neutron-periodic-workers --config-file "$C/neutron.conf"
    [ "${AGENTS:-1}" = 1 ] && start fake-agents $NV/python "$HERE/agents.py" "$C/neutron.conf"
  fi
  wait_http "http://127.0.0.1:$PEER_NEUTRON_PORT/v2.0/" 90 ;;
stop) for n in fake-agents neutron-api neutron-rpc neutron-periodic; do stop $n; done ;;
reset) "$HERE/neutron.sh" stop; "$HERE/mariadb.sh" start
  "$HERE/mariadb.sh" sql "DROP DATABASE IF EXISTS neutron; CREATE DATABASE neutron CHARACTER SET utf8mb3" ;;
esac
