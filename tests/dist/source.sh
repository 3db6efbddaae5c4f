#!/usr/bin/env bash
# The archive with the source has everything: every package that k6 is made of is found, and the
# library is built with its Go package, without asking anybody for a module.
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/dist-about.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

DIST_OUT=$work scripts/dist.sh source
name=xk6-kv_$(version)_source
mkdir "$work/there"
tar -xzf "$work/$name.tar.gz" -C "$work/there"
cd "$work/there/$name"
export GOPROXY=off GOFLAGS=-mod=vendor GOMODCACHE=$work/no-modules CGO_ENABLED=1
packages=$(go list -deps ./cmd/k6 | wc -l)
((packages > 500)) || { echo "k6 is made of $packages packages only" >&2; exit 1; }
go build ./xkv
scripts/lmdb.sh module
grep -q '^LMDB ' build/lmdb/about
[[ -x tests/dist/source.sh && -f LICENSE && -f .github/workflows/release.yml ]]
echo "    source: $packages packages, built without a network"
