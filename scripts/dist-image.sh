#!/usr/bin/env bash
# dist-image.sh [NAME]: builds the image that Containerfile describes, for this machine's
# processor, with buildah, podman or docker, whichever is there.
#
#   BASE=busybox:1.37   on another image than an empty one, for a shell
#   TARGET=linux_arm64  for another processor
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/dist-about.sh

version=$(version)
name=${1:-xk6-kv:$version}
target=${TARGET:-linux_$(go env GOHOSTARCH)}
readonly context=build/image

fail() {
    echo "dist-image.sh: $*" >&2
    exit 1
}

# What the image has beside what an archive has: a user, a place for temporary files, and
# whom HTTPS is to trust (k6 itself would do without).
fill_root() {
    local from=$context/dist/stage/xk6-kv_${version}_$target root=$context/root certificates
    rm -rf "$root" "$context/home"
    mkdir -p "$root/usr/bin" "$root/etc/ssl/certs" "$root/usr/share/doc/xk6-kv" "$root/tmp" "$context/home/k6"
    chmod 1777 "$root/tmp"
    install -m 755 "$from/k6" "$from/xkv" "$root/usr/bin/"
    cp -r "$from/README.md" "$from/LICENCES.md" "$from/licences" "$root/usr/share/doc/xk6-kv/"
    echo "k6:x:12345:12345:k6:/home/k6:/bin/false" >"$root/etc/passwd"
    echo "k6:x:12345:" >"$root/etc/group"
    for certificates in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem ""; do
        [[ -f $certificates ]] && break
    done
    [[ -n $certificates ]] || fail "this system has no certificates that could be taken along"
    install -m 644 "$certificates" "$root/etc/ssl/certs/ca-certificates.crt"
    echo "Mozilla's list of certificate authorities, as this system has it: MPL-2.0" \
        >"$root/etc/ssl/certs/ca-certificates.licence"
}

build() {
    local options=(--file Containerfile --tag "$name" --build-arg "BASE=${BASE:-scratch}"
        --build-arg "VERSION=$version" --build-arg "REVISION=$(commit)")
    if command -v buildah >/dev/null; then
        # shellcheck disable=SC2086 # a list
        buildah ${BUILDAH_OPTIONS:-} bud --arch "${target#*_}" ${BUILDAH_ISOLATION:+--isolation "$BUILDAH_ISOLATION"} \
            "${options[@]}" "$context"
    elif command -v podman >/dev/null; then
        podman build --platform "linux/${target#*_}" "${options[@]}" "$context"
    elif command -v docker >/dev/null; then
        docker build --platform "linux/${target#*_}" "${options[@]}" "$context"
    else
        fail "none of buildah, podman and docker is there"
    fi
}

[[ $target == linux_* ]] || fail "an image is for Linux, not for $target"
DIST_OUT=$context/dist scripts/dist.sh "$target"
fill_root
build >&2
echo "image $name"
