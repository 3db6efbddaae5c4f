#!/usr/bin/env bash
# cluster.sh BENCH SECONDS FOLDER: what calls take each node of the cluster that scripts/servers.sh
# has started: rows of JSON.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
samplers=() samples=()
for port in $XKV_SERVER_PORTS; do
    python3 "$here/server_cpu.py" sample "$port" "$3/node.$port" &
    samplers+=($!)
    samples+=("$3/node.$port")
done
XKV_BENCH_JSON=$3/cluster.jsonl XKV_BENCH_PARTITIONS=64 \
    "$1" "$XKV_REDIS_URL" 50 "$2" 20000 get/set/randomKey >&2
kill "${samplers[@]}"
python3 "$here/server_cpu.py" join "${samples[@]}" <"$3/cluster.jsonl"
