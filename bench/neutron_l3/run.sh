#!/bin/bash
# One command: install the peer, run every measurement, print the tables.
# Needs root. About 45 minutes on 2 cores; each part can be run alone:
#   run.sh speed | faults | datapath | tables
set -e
here=$(cd "$(dirname "$0")" && pwd); cd "$here"
./install.sh "$(dirname "$(dirname "${BENCH_PY:-${XDG_CACHE_HOME:-$HOME/.cache}/deuteron-bench/neutron-l3/bin/python}")")"
what=${1:-all}
out=${BENCH_RESULTS:-$here}
[[ $what =~ all|speed ]]    && ./speed.sh    "$out/results-speed.jsonl"
[[ $what =~ all|faults ]]   && ./faults.sh   "$out/results-faults.jsonl"
[[ $what =~ all|datapath ]] && ./datapath.sh "$out/results-datapath.jsonl"
python3 tables.py "$out"
