#!/usr/bin/env bash
# Does what examples/c/README.md says, and compares what the program prints with what stands there,
# except for the lines about keys that are chosen at random.
set -euo pipefail
cd "$(dirname "$0")/.."

page=examples/c/README.md
block() { awk -v n="$1" '/^```/ { inside = !inside; blocks += inside; next } inside && blocks == n' "$page"; }
steady() { sed '/^one of /d'; }

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

commands=$(block 1)
[[ $(tail -n 1 <<<"$commands") == build/accounts ]] || {
    echo "the first block of $page does not end with build/accounts"
    exit 1
}
make() { command make --no-print-directory "$@"; }
eval "$(sed '$d' <<<"$commands")"
program=$PWD/build/accounts
(cd "$dir" && "$program" >"$dir/printed")
diff <(block 2 | steady) <(steady <"$dir/printed")
[[ $(grep -c '^one of ' "$dir/printed") == 2 ]]
echo "    ok      $page"
