#!/usr/bin/env bash
# examples.sh K6: runs every example that needs no server, and the smoke test, with that k6,
# all in one new directory, the persistent ones twice.
set -uo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
k6=$(realpath "${1:?usage: examples.sh K6}")
source "$root/tests/run-script.sh"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

failures=0
example() {
    run_script "$k6" "$1${3:+ ($3)}" "$root/$1" "${2:-}" || failures=$((failures + 1))
}

# lines FILE COUNT: what an example has written must have so many lines.
lines() {
    local found
    found=$(wc -l <"$1") && ((found == $2)) && return
    echo "    FAILED  $1 has ${found:-no} lines, not $2"
    failures=$((failures + 1))
}

for script in "$root"/examples/*.js; do
    name=examples/$(basename "$script")
    case $name in
    examples/quick-start.js)
        example "$name" "Ada has 1 visit(s)" "first run"
        example "$name" "Ada has 1 visit(s)" "second run"
        ;;
    examples/persistence.js)
        example "$name" "run 1: 5 visits" "first run"
        example "$name" "run 2: 10 visits" "second run"
        ;;
    examples/carry-over.js)
        example "$name" "run 1: 20 iterations" "first run"
        example "$name" "run 2: 40 iterations" "second run"
        ;;
    examples/seed-from-csv.js)
        example "$name" "20 users loaded"
        ;;
    examples/export-results.js)
        example "$name" "30 orders are in results/orders.csv"
        lines results/orders.csv 31 # the names of the columns come first
        lines results/orders.jsonl 30
        ;;
    examples/move-from-boltdb.js)
        (cd "$root/tests/bolt" && go run ./example "$dir/old.kv") || failures=$((failures + 1))
        example "$name" "100 entries moved" "first run"
        example "$name" "moved already" "second run"
        ;;
    examples/many-processes.js) ;; # several k6 and a server: tests/js runs it
    *)
        example "$name"
        ;;
    esac
done
example tests/smoke.js

((failures == 0))
