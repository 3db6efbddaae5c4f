#!/usr/bin/env bash
# Measures: bench/run.sh [--quick] K6
#
# Every figure is a ratio to something measured in the same run; the machine's
# mood is in both.
set -euo pipefail

rounds=25
seconds=6
if [[ ${1:-} == --quick ]]; then
    rounds=7
    seconds=3
    shift
fi
k6=$(realpath "${1:?usage: bench/run.sh [--quick] K6}")
scripts=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export K6_NO_USAGE_REPORT=true

echo "== calls, one virtual user"
"$k6" run --quiet --summary-mode=disabled --log-format raw -e "ROUNDS=$rounds" "$scripts/calls.js"

echo
echo "== durable sets per second"
printf '%8s %10s %8s\n' VUs sets/s ratio
for vus in 1 50 500; do
    "$k6" run --quiet -e "VUS=$vus" -e "SECONDS=$seconds" -e "STORE=commit-$vus.kv" \
        "$scripts/group-commit.js"
done | awk 'NR == 1 { one = $2 } { printf "%8d %10d %8.1f\n", $1, $2, $2 / one }'
