#!/usr/bin/env bash
# Compiles index.d.ts, the example scripts, positive.ts and negative.ts with TypeScript.
set -euo pipefail
cd "$(dirname "$0")"

# npm ci takes a while: only if the installed packages are not those locked.
if ! [[ node_modules/.package-lock.json -nt package-lock.json ]]; then
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    npm ci --no-audit --no-fund >"$log" 2>&1 || {
        cat "$log"
        exit 1
    }
fi
node_modules/.bin/tsc -p .
echo "    ok      index.d.ts, examples/*.js, tests/smoke.js, tests/types/*.ts"
