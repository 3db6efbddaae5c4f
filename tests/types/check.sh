#!/usr/bin/env bash
# Compiles with TypeScript: index.d.ts, the example scripts, positive.ts and
# negative.ts as strictly as it can; and the js blocks of the documents with the
# jsconfig.json that index.d.ts proposes.
set -euo pipefail
cd "$(dirname "$0")"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# npm ci takes a while: only if the installed packages are not those locked.
if ! [[ node_modules/.package-lock.json -nt package-lock.json ]]; then
    npm ci --no-audit --no-fund >"$dir/log" 2>&1 || {
        cat "$dir/log"
        exit 1
    }
fi
node_modules/.bin/tsc -p .
echo "    ok      index.d.ts, examples/*.js, tests/smoke.js, tests/types/*.ts"

root=$(realpath ../..)
ln -s "$PWD/node_modules" "$dir"
sed -n '/^ \* ```json$/,/^ \* ```$/{/```/!s/^ \* //p;}' "$root/index.d.ts" |
    sed "s|path/to/xk6-kv|$root|" >"$dir/jsconfig.json"

# Every block is a file DOCUMENT-LINE.js, in which the lines have the numbers
# that they have in the document; a fragment is put into a function.
for document in README.md docs/API.md docs/GUIDE.md docs/MACHINES.md docs/MIGRATION.md; do
    awk -v out="$dir/$(basename "$document" .md)" '
        /^```js( fragment)?$/ {
            inside = 1
            file = out "-" NR ".js"
            end = NF > 1 ? "}" : ""
            for (n = 1; n < NR; n++) print "" > file
            if (NF > 1) printf "import { openKv } from \"k6/x/kv\"; const kv = openKv(); export default async function () {" > file
            print "" > file
            next
        }
        /^```$/ && inside { inside = 0; print end > file; close(file) }
        inside { print > file }
    ' "$root/$document"
done
(cd "$dir" && node_modules/.bin/tsc -p jsconfig.json --noEmit)
echo "    ok      $(find "$dir" -maxdepth 1 -name '*-*.js' | wc -l) blocks of README.md and of the pages for scripts in docs/"
