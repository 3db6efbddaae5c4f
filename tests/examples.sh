#!/usr/bin/env bash
# examples.sh K6: runs every example and the smoke test with that k6, all in
# one new directory, the persistent ones twice.
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
    *)
        example "$name"
        ;;
    esac
done
example tests/smoke.js

((failures == 0))
