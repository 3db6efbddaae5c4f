#!/usr/bin/env bash
# Builds the image, looks at what is in it, and runs k6 and xkv in a container, as the user that
# it names. Needs buildah and root; else it says "not run".
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/dist-about.sh

if ! command -v buildah >/dev/null || ((EUID != 0)); then
    echo "    not run image: it needs buildah, and root"
    exit 0
fi

work=$(mktemp -d)
container=
# Its own storage: nothing is left behind, and nothing of others is seen.
export BUILDAH_OPTIONS="--storage-driver vfs --root $work/root --runroot $work/run" BUILDAH_ISOLATION=chroot
b() {
    # shellcheck disable=SC2086 # a list
    buildah $BUILDAH_OPTIONS "$@"
}
clean_up() {
    [[ -z $container ]] || b rm "$container" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap clean_up EXIT

fail() {
    echo "image: $*" >&2
    exit 1
}

DIST_TRY=no scripts/dist-image.sh localhost/xk6-kv:test >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
container=$(b from localhost/xk6-kv:test)
run() { b run --isolation chroot "$container" -- "$@"; }

# What it says about itself.
about=$(b inspect --type image localhost/xk6-kv:test)
says() { grep -q "$1" <<<"$about" || fail "the image does not have $1"; }
says '"User": "12345:12345"'
says '"org.opencontainers.image.version": "'"$(version)"'"'
says '"/usr/bin/k6"'

# What lies in it: nothing that could run but the two programs.
root=$(b mount "$container")
[[ $(stat -c %a "$root/tmp") == 1777 ]] || fail "/tmp has mode $(stat -c %a "$root/tmp")"
[[ $(stat -c %u "$root/home/k6") == 12345 ]] || fail "/home/k6 belongs to $(stat -c %u "$root/home/k6")"
grep -q 'BEGIN CERTIFICATE' "$root/etc/ssl/certs/ca-certificates.crt" || fail "there are no certificates"
[[ -s $root/usr/share/doc/xk6-kv/LICENCES.md ]] || fail "there are no licences"
programs=$(find "$root" -type f -perm /111 -printf '%P ')
[[ $programs == "usr/bin/k6 usr/bin/xkv " || $programs == "usr/bin/xkv usr/bin/k6 " ]] ||
    fail "these can be run: $programs"
install -m 644 tests/dist/try.js "$root/home/try.js"

# k6, twice on one file, and the tool.
run k6 version >"$work/version"
grep -q " v$(version)[+,].* k6/x/kv" "$work/version" || fail "$(cat "$work/version")"
for n in 1 2; do
    run k6 run --quiet --no-color --address= --no-usage-report -e RUN=$n /home/try.js >"$work/out" 2>&1 &&
        grep -q "run $n: all is well" "$work/out" || { cat "$work/out"; fail "run $n failed"; }
done
[[ $(stat -c %u "$root/home/k6/try.kv") == 12345 ]] || fail "the store belongs to $(stat -c %u "$root/home/k6/try.kv")"
[[ $(run xkv count try.kv --prefix used:) == 80 ]] || fail "xkv counts something else than 80"
# On an image with a shell: what k6-operator's initializer does with it.
if command -v busybox >/dev/null; then
    b rm "$container" >/dev/null
    container=$(b from scratch)
    mkdir -p "$work/shell/bin"
    cp "$(command -v busybox)" "$work/shell/bin/sh"
    b copy "$container" "$work/shell" / >/dev/null
    b commit --quiet "$container" localhost/shell:test >/dev/null
    b rm "$container" >/dev/null
    BASE=localhost/shell:test DIST_TRY=no scripts/dist-image.sh localhost/xk6-kv:shell >"$work/log" 2>&1 ||
        { cat "$work/log"; exit 1; }
    container=$(b from localhost/xk6-kv:shell)
    install -m 644 examples/many-processes.js "$(b mount "$container")/home/try.js"
    run sh -c 'K6_KV_REDIS_URL=redis://127.0.0.1:1 k6 archive /home/try.js -O /tmp/archive.tar &&
        K6_KV_REDIS_URL=redis://127.0.0.1:1 k6 inspect --execution-requirements /tmp/archive.tar' >"$work/out" 2>&1 &&
        grep -q '"maxVUs": 8' "$work/out" || { cat "$work/out"; fail "the initializer's command fails"; }
else
    echo "    not run image: with a shell: it needs busybox"
fi
root=$(b mount "$container")
echo "image: $(du -sm "$root" | cut -f 1) MB, ran as user 12345"
