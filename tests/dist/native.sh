#!/usr/bin/env bash
# The archive for this machine: built, checked against SHA256SUMS, unpacked in an empty folder, and
# then what its README says is done, word by word, with the clock running.
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/dist-about.sh

target=$(native_target)
out=$PWD/build/dist-test
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "release: $*" >&2
    exit 1
}

scripts/setup.sh dist
DIST_OUT=$out scripts/dist.sh "$target"
name=xk6-kv_$(version)_$target
archive=$out/$name.tar.gz

# What a user does, from the download on.
started=$(date +%s)
cp "$archive" "$out/SHA256SUMS" "$work/"
cd "$work"
shasum=$(command -v sha256sum || echo "shasum -a 256")
$shasum -c SHA256SUMS >/dev/null || fail "the archive is not what SHA256SUMS says"
tar -xzf "$name.tar.gz"
cd "$name"
block() { awk -v kind="$1" '$0 == "```" kind { inside = 1; next } $0 == "```" { inside = 0 } inside' README.md; }
block sh >"$work/commands"
[[ -s $work/commands ]] || fail "README.md has no command"
export K6_NO_USAGE_REPORT=true
bash -euo pipefail "$work/commands" >"$work/said" 2>&1 || { cat "$work/said"; fail "README's commands fail"; }
grep -q 'Ada has 1 visit' "$work/said" || { cat "$work/said"; fail "the first script did not run"; }
echo "    from the archive to the first script that has run: $(($(date +%s) - started)) s"

# Its other script.
block js >own.js
[[ -s own.js ]] || fail "README.md has no script"
./k6 run --quiet --address= own.js >"$work/said" 2>&1 || { cat "$work/said"; fail "README's script fails"; }
grep -q 'msg=Ada' "$work/said" || { cat "$work/said"; fail "README's script says nothing of Ada"; }

# Every file that it and LICENCES.md name is there, and what has to be is named.
for text in README.md LICENCES.md; do
    ! grep -n '@[A-Z][A-Z0-9]*@' "$text" || fail "$text has a gap"
    { grep -o '](licences/[^)]*)' "$text" || true; } | sed 's/^](//; s/)$//' | while read -r file; do
        [[ -s $file ]] || fail "$text names $file, which is not there"
    done
done
named() { sed -n 's/^| \([^ ]*\) |.*/\1/p' LICENCES.md; }
for part in go.k6.io/k6/v2 github.com/PowerDNS/lmdb-go zig; do
    named | grep -qx "$part" || fail "LICENCES.md does not have $part"
done
while read -r _ module version _; do
    case $module in
    go.k6.io/* | github.com/* | golang.org/* | google.golang.org/* | gopkg.in/*)
        grep -qF "| $module | $version |" LICENCES.md || fail "$module $version is in k6, but not in LICENCES.md"
        ;;
    esac
done < <(go version -m ./k6 | grep -P '^\tdep\t')
grep -q 'GNU AFFERO GENERAL PUBLIC LICENSE' licences/go.k6.io/k6/v2@*/LICENSE.md || fail "k6's licence is missing"
grep -q 'OpenLDAP Public License' licences/github.com/PowerDNS/lmdb-go@*/LICENSE.mdb.md || fail "LMDB's licence is missing"

# Nothing is loaded at run time.
if [[ $target == linux_* ]]; then
    for program in k6 xkv; do
        ! LC_ALL=C readelf --program-headers "$program" | grep -E 'INTERP|DYNAMIC' || fail "$program is not static"
    done
fi
