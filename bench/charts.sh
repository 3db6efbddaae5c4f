#!/usr/bin/env bash
# Draws docs/images/*.svg from build/bench/results.json, which "make bench" writes.
set -euo pipefail
cd "$(dirname "$0")/.."

results=${1:-build/bench/results.json}
if [[ ! -f $results ]]; then
    echo "there is no $results yet: make bench" >&2
    exit 1
fi
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
mkdir -p docs/images
python3 bench/report.py --charts "$results" "$data"
keys=$(python3 -c 'import json, sys
rows = json.load(open(sys.argv[1], encoding="utf-8"))["rows"]
print(format(next(row["keys"] for row in rows if row["part"] == "million"), ","))' "$results")
gnuplot -e "data='$data'; out='docs/images'; keys='$keys'" bench/charts.gp
bench/glance.py
echo "docs/images: at-a-glance.svg calls.svg steps.svg group-commit.svg memory.svg"
