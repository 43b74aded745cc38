#!/bin/bash
# rabbitmq.sh start|stop: a private RabbitMQ on loopback, state under $PEER/var/rabbit.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
D=$VAR/rabbit; mkdir -p "$D"
export HOME=$D ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=4379
export RABBITMQ_NODENAME=peer@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$PEER_MQ_PORT
export RABBITMQ_DIST_PORT=$((PEER_MQ_PORT + 20000)) RABBITMQ_MNESIA_BASE=$D/mnesia RABBITMQ_LOG_BASE=$LOG/rabbit
export RABBITMQ_CONFIG_FILE=$ETC/rabbitmq RABBITMQ_ENABLED_PLUGINS_FILE=$D/enabled_plugins RABBITMQ_PID_FILE=$RUN/rabbit.own.pid
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
mkdir -p "$D/mnesia" "$LOG/rabbit"; [ -f "$D/enabled_plugins" ] || echo '[].' >"$D/enabled_plugins"
echo 'listeners.tcp.default = 127.0.0.1:'"$PEER_MQ_PORT" >"$ETC/rabbitmq.conf"
B=/usr/lib/rabbitmq/bin
case ${1:-start} in
start)
  start rabbitmq $B/rabbitmq-server
  for i in $(seq 200); do (exec 3<>/dev/tcp/127.0.0.1/$PEER_MQ_PORT) 2>/dev/null && exit 0; sleep 0.3; done
  echo "rabbitmq did not come up" >&2; exit 1 ;;
stop) [ -s "$RUN/rabbitmq.pid" ] && $B/rabbitmqctl stop >/dev/null 2>&1 || true; stop rabbitmq; epmd -kill >/dev/null 2>&1 || true ;;
esac
