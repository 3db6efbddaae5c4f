#!/usr/bin/env bash
# quietly.sh NAME COMMAND...: runs COMMAND and prints one line, NAME, the time it
# took, and which tests were skipped; if it fails also what failed and the end of
# what it printed. What failed is added to the file $FAILURES, too, if that is set.
# A command that hangs is ended after TEST_TIMEOUT seconds, where there is a
# timeout(1).
set -uo pipefail

name=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
seconds=${TEST_TIMEOUT:-900}
limit=()
if command -v timeout >/dev/null; then
    limit=(timeout --kill-after=10 "$seconds")
fi
SECONDS=0
${limit[@]+"${limit[@]}"} "$@" >"$log" 2>&1 </dev/null
status=$?
if ((status == 0)); then
    skipped=$(sed -n 's/^\[  SKIPPED \] \([a-z_]*\)$/\1/p' "$log" | sort -u | tr '\n' ' ')
    grep '^    not run ' "$log" ||
        printf '    ok      %-40s %4d s%s\n' "$name" "$SECONDS" "${skipped:+, skipped: $skipped}"
else
    why="exit status $status"
    failures=${FAILURES:-/dev/null}
    ((status != 77)) || failures=/dev/null # it says that it has not run
    if ((SECONDS >= seconds && (status == 124 || status == 137))); then
        why="hangs"
    fi
    {
        printf '    FAILED  %-40s %4d s, %s\n' "$name" "$SECONDS" "$why"
        grep -aE '^\[  ERROR   \]|^\[   LINE   \]|^\[  FAILED  \] [a-z]| does not hold|^SUMMARY' "$log" |
            awk '!seen[$0]++' | head -n 12 | cut -c 1-300 | sed 's/^/    > /'
    } | tee -a "$failures"
    tail -n 60 "$log" | sed 's/^/    | /'
fi
exit "$status"
