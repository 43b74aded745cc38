#!/bin/bash
# ns.sh SCRIPT ARGS...: run one measurement in its own network, mount and pid
# namespaces: nothing outlives it, nothing of the machine's network is touched.
here=$(cd "$(dirname "$0")" && pwd)
py=${BENCH_PY:-${XDG_CACHE_HOME:-$HOME/.cache}/deuteron-bench/neutron-l3/bin/python}
work=$(mktemp -d /tmp/l3bench.XXXXXX)
export BENCH_WORK=$work BENCH_EXEC_LOG=$work/execs PYTHONPATH=$here
export PYTHONWARNINGS=ignore PATH=$(dirname "$py"):$PATH
unshare -n -m -p -f --kill-child --mount-proc --propagation private bash -c '
  mount -t tmpfs none /run/netns 2>/dev/null || { mkdir -p /run/netns; mount -t tmpfs none /run/netns; }
  mount --make-shared /run/netns
  ip link set lo up
  sysctl -qw net.ipv4.ip_forward=0
  '"$py"' "$@"; rc=$?; exit $rc' _ "$here/$@"
rc=$?
if [ -n "$BENCH_KEEP" ]; then echo "kept $work" >&2; else rm -rf "$work"; fi
exit $rc
