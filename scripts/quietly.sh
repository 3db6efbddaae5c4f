#!/usr/bin/env bash
# quietly.sh NAME COMMAND...: runs COMMAND and prints one line, NAME and the
# time it took; if it fails also the end of what it printed. TEST_TIMEOUT
# (seconds) ends a command that hangs.
set -uo pipefail

name=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
limit=()
if command -v timeout >/dev/null; then
    limit=(timeout --kill-after=10 "${TEST_TIMEOUT:-900}")
fi
SECONDS=0
${limit[@]+"${limit[@]}"} "$@" >"$log" 2>&1 </dev/null
status=$?
if ((status == 0)); then
    printf '    ok      %-40s %4d s\n' "$name" "$SECONDS"
else
    printf '    FAILED  %-40s %4d s, exit status %d\n' "$name" "$SECONDS" "$status"
    tail -n 60 "$log" | sed 's/^/    | /'
fi
exit "$status"
