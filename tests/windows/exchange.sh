#!/usr/bin/env bash
# Stores go from this system to Windows and back, byte for byte: a file that one tool has made is
# read by the other, and what is exported there is what was exported here.
#
# Prints a line for each, beginning with ok or FAILED.
set -uo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/build/xkv
there=("$root/scripts/windows.sh" run "$root/build/windows/xkv.exe")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit
failed=0

check() {
    local what=$1
    shift
    if "$@"; then
        echo "ok      $what"
    else
        echo "FAILED  $what"
        failed=1
    fi
}

quiet() { "$@" >/dev/null; }
same() { [[ -n $1 && $1 == "$2" ]]; }

# Values of many sizes, keys that are longer than LMDB has them, and what is no ASCII.
make_entries() {
    python3 -c '
import json, sys
for i in range(3000):
    key = ("k%05d" % i) + ("ä€" * (i % 7)) + ("x" * 900 if i % 100 == 0 else "")
    print(json.dumps({"key": key, "value": {"n": i, "text": "y" * (i * 7 % 9000)}}))' >"$1"
}

exported() { # EXPORTED FILE by a tool
    local to=$1 store=$2
    shift 2
    "$@" export "$store" "$to" >/dev/null && [[ -s $to ]]
}

make_entries entries.jsonl
check "imported here" quiet "$here" import linux.kv entries.jsonl
check "exported here" exported here.jsonl linux.kv "$here"
check "checked on Windows" quiet "${there[@]}" check linux.kv
check "exported on Windows" exported there.jsonl linux.kv "${there[@]}"
check "a store of ours reads the same there" cmp here.jsonl there.jsonl
before=$(sha256sum <linux.kv)
"${there[@]}" get linux.kv k00007 >/dev/null
check "what only reads changes nothing" same "$before" "$(sha256sum <linux.kv)"
check "written there" quiet "${there[@]}" set linux.kv new '{"n":1}'
check "read here what was written there" same "$("$here" get linux.kv new)" '{"n":1}'
check "checked here" quiet "$here" check linux.kv

check "imported on Windows" quiet "${there[@]}" import windows.kv entries.jsonl
check "exported from it here" exported back.jsonl windows.kv "$here"
check "a store of theirs reads the same here" cmp here.jsonl back.jsonl
check "backed up there" quiet "${there[@]}" backup windows.kv copy.kv
check "and here" quiet "$here" backup windows.kv copy-here.kv
check "both copies are as long" same "$(wc -c <copy.kv)" "$(wc -c <copy-here.kv)"
size=$(wc -c <windows.kv)
for _ in 1 2 3 4 5 6 7 8 9 10; do
    "${there[@]}" delete windows.kv nothing >/dev/null 2>&1
done
check "ten openings leave the size as it was" same "$size" "$(wc -c <windows.kv)"
exit "$failed"
