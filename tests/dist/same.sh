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

# build FOLDER: in a copy of this source, which version control knows nothing of.
build() {
    mkdir -p "$work/$1"
    git ls-files -co --exclude-standard | while read -r file; do
        [[ ! -f $file ]] || { mkdir -p "$work/$1/$(dirname "$file")" && cp "$file" "$work/$1/$file"; }
    done
    (cd "$work/$1" && scripts/dist.sh "$target")
}
(umask 022 && build here)
sleep 2
(umask 077 && build "another folder"/further/down)

cd "$work"
if ! cmp here/build/dist/xk6-kv_* another*/further/down/build/dist/xk6-kv_*; then
    for program in k6 xkv README.md LICENCES.md; do
        cmp here/build/dist/stage/*/"$program"* another*/further/down/build/dist/stage/*/"$program"* || true
    done
    echo "release: $target is not the same twice" >&2
    exit 1
fi
