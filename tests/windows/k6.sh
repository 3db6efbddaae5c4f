#!/usr/bin/env bash
# k6.sh - k6.exe as if it were a program of this system: for tests/js. Paths get the letter of the
# drive that wine has for them. What is written here as @ROOT@ scripts/windows.sh fills in.
set -euo pipefail

words=()
for word in "$@"; do
    [[ $word == /* ]] && word=Z:$word
    words+=("$word")
done
exec "@ROOT@/scripts/windows.sh" run "@ROOT@/build/windows/k6.exe" "${words[@]}"
