#!/usr/bin/env bash
# readme.sh K6 [FILE...]: runs every js block of README.md and of the pages for scripts in
# docs/ as a k6 script of its own, each in a new directory, and those of MACHINES.md beside
# a server. A block that is marked "js fragment" is put into a script first. One that begins
# with "// beside: ARGUMENTS" is run a second time, with these, while it runs.
set -uo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
k6=$(realpath "${1:?usage: readme.sh K6 [FILE...]}")
files=("${@:2}")
source "$root/tests/run-script.sh"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

before='import { openKv } from "k6/x/kv";
const kv = openKv({ backend: "memory" });
export default async function () {'

# Writes the blocks of a file as DIR/LINE.js, LINE being where the block starts.
extract() {
    awk -v dir="$2" -v before="$before" '
        /^```js( fragment)?$/ {
            inside = 1
            end = NF > 1 ? "}" : ""
            out = sprintf("%s/%04d.js", dir, NR)
            if (NF > 1) print before > out
            next
        }
        /^```$/ && inside { inside = 0; print end > out; close(out) }
        inside { print > out }
    ' "$1"
}

# run_both NAME SCRIPT: by itself, and beside that, once it has had a second to begin.
run_both() {
    local name=$1 script=$2 beside=() first status=0
    IFS=' ' read -r -a beside < <(sed -n '1s,^// beside: ,,p' "$script")
    if ((${#beside[@]} == 0)); then
        run_script "$k6" "$name" "$script"
        return
    fi
    run_script "$k6" "$name" "$script" &
    first=$!
    sleep 1
    K6_NO_USAGE_REPORT=true "$k6" run --quiet --no-color "${beside[@]}" "$script" >beside.log 2>&1 ||
        status=$?
    if ((status != 0)) || ! kill -0 "$first" 2>/dev/null; then
        echo "    FAILED  $name, beside itself: exit status $status, or the first had ended"
        sed 's/^/    | /' beside.log
        status=1
    fi
    wait "$first" && return "$status"
}

failures=0
if ((${#files[@]} == 0)); then
    files=(README.md docs/API.md docs/GUIDE.md docs/MIGRATION.md)
    # shellcheck disable=SC2016 # expanded beside the server
    "$root/scripts/servers.sh" run redis -- bash -c \
        'K6_KV_REDIS_URL=$XKV_REDIS_URL exec "$0" "$1" docs/MACHINES.md' \
        "$(realpath "$0")" "$k6" || failures=1
fi
for file in "${files[@]}"; do
    found=0
    mkdir -p "$dir/blocks"
    extract "$root/$file" "$dir/blocks"
    for script in "$dir"/blocks/*.js; do
        [[ -e $script ]] || continue
        found=$((found + 1))
        line=$(basename "$script" .js)
        mkdir -p "$dir/run"
        (cd "$dir/run" && run_both "$file, line $((10#$line))" "$script") ||
            failures=$((failures + 1))
        rm -rf "$dir/run"
    done
    rm -rf "$dir/blocks"
    if ((found == 0)); then
        echo "    FAILED  no script found in $file"
        failures=$((failures + 1))
    fi
done
((failures == 0))
