#!/usr/bin/env bash
# The same source gives the same bits: builds one archive in two folders of different names, at
# different times, by different masks of new files, and compares them.
#
#   tests/dist/same.sh [TARGET]
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/dist-about.sh
target=${1:-$(native_target)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

SOURCE_DATE_EPOCH=$(epoch)
ZIG=$(compiler_path)
export SOURCE_DATE_EPOCH ZIG DIST_TRY=no

# Copies of this source, which version control knows nothing of.
folders=(here "another folder/further/down")
for folder in "${folders[@]}"; do
    mkdir -p "$work/$folder"
    git ls-files -co --exclude-standard | while read -r file; do
        [[ ! -f $file ]] || { mkdir -p "$work/$folder/$(dirname "$file")" && cp "$file" "$work/$folder/$file"; }
    done
done
(umask 022 && cd "$work/${folders[0]}" && scripts/dist.sh "$target")
sleep 2
(umask 077 && cd "$work/${folders[1]}" && scripts/dist.sh "$target")

cd "$work"
if ! cmp here/build/dist/xk6-kv_* another*/further/down/build/dist/xk6-kv_*; then
    for program in k6 xkv README.md LICENCES.md; do
        cmp here/build/dist/stage/*/"$program"* another*/further/down/build/dist/stage/*/"$program"* || true
    done
    echo "release: $target is not the same twice" >&2
    exit 1
fi
