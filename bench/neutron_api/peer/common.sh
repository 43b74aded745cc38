# Read by every script here; each of these may be set in the environment.
HERE=${HERE:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)}
export PEER=${PEER:-${XDG_CACHE_HOME:-$HOME/.cache}/deuteron-peer}
export PEER_DB_PORT=${PEER_DB_PORT:-3316} PEER_MQ_PORT=${PEER_MQ_PORT:-5673}
export PEER_NEUTRON_PORT=${PEER_NEUTRON_PORT:-9696} PEER_KEYSTONE_PORT=${PEER_KEYSTONE_PORT:-5000}
export PEER_MEMCACHED_PORT=${PEER_MEMCACHED_PORT:-11311}
export OS_ADMIN_PASSWORD=${OS_ADMIN_PASSWORD:-peer-admin}
RUN=$PEER/run LOG=$PEER/log VAR=$PEER/var ETC=$PEER/etc
mkdir -p "$RUN" "$LOG" "$VAR" "$ETC"

# Each process that we start leaves its number in $RUN/NAME.pid, and is ended by that number alone.
alive() { [ -s "$RUN/$1.pid" ] && kill -0 "$(cat "$RUN/$1.pid")" 2>/dev/null; }

start() { # start NAME COMMAND...: in a session of its own, so that its children end with it
  local name=$1; shift
  alive "$name" && return 0
  setsid "$@" >"$LOG/$name.out" 2>&1 </dev/null &
  echo $! >"$RUN/$name.pid"
}

stop() { # stop NAME: SIGTERM, and SIGKILL to the session after ten seconds
  local name=$1 pid i
  alive "$name" || { rm -f "$RUN/$name.pid"; return 0; }
  pid=$(cat "$RUN/$name.pid")
  kill -TERM "$pid"
  for i in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  kill -0 "$pid" 2>/dev/null && kill -KILL -- "-$pid"
  rm -f "$RUN/$name.pid"
}

wait_http() { # wait_http URL SECONDS
  local i
  for i in $(seq $(($2 * 5))); do curl -s -o /dev/null -m 5 "$1" && return 0; sleep 0.2; done
  echo "no answer from $1 within $2 s; see $LOG" >&2
  return 1
}
