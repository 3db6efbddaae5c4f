#!/usr/bin/env bash
# Gives the module another path: scripts/rename.sh github.com/YOU/xk6-kv
#
# Only Go's own files and what users read name it; all else asks "go list -m".
set -euo pipefail
cd "$(dirname "$0")/.."

old=$(go list -m)
new=${1:?usage: scripts/rename.sh NEW/PATH}
[[ $new =~ ^[A-Za-z0-9._~/-]+$ ]] || { echo "$new is not the path of a module" >&2; exit 1; }

git grep --no-index --exclude-standard -lzF "$old" | while IFS= read -r -d '' file; do
    sed "s#${old//./\\.}#$new#g" "$file" >"$file.renamed"
    cat "$file.renamed" >"$file" # which keeps its mode
    rm "$file.renamed"
done
gofmt -w kv xkv cmd tests bench ./*.go # imports are in the order of their names
