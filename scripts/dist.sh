#!/usr/bin/env bash
# dist.sh [TARGET...]: builds the archives of a release in build/dist, each for one system and
# processor (linux_arm64), or "source", everything that all of them are made of; tries the
# programs as far as this machine can, says of each what was run, and writes SHA256SUMS. Without
# targets: all that can be built.
#
# The same source shall give the same bits: no path, no name of a user and no time of the build is in
# them. SOURCE_DATE_EPOCH is the commit's time, unless it is set.
#
#   DIST_TRY=no       leaves the trials out
#   DIST_OUT=FOLDER   where archives go, instead of build/dist
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/dist-about.sh

VERSION=$(version)
COMMIT=$(commit)
EPOCH=$(epoch)
readonly VERSION COMMIT EPOCH out=${DIST_OUT:-build/dist}
export CGO_ENABLED=1 TZ=UTC LC_ALL=C

name_of() { echo "xk6-kv_${VERSION}_$1"; }
archive_of() {
    case $1 in
    windows_*) echo "$(name_of "$1").zip" ;;
    *) echo "$(name_of "$1").tar.gz" ;;
    esac
}

# Why a target cannot be built, if it cannot.
obstacle() {
    if [[ $1 == windows_* && ! -e xkv/src/base/sys_win.c ]]; then
        echo "the library does not run on Windows yet"
    fi
}

# -- Programs ------------------------------------------------------------------

# Without debugging information, which would have paths in it. The build identity would depend
# on where the compiler lies, and version control's on whether there is any.
build_k6() {
    local target=$1 program=$2 flags="-s -w -buildid= -X $(go list -m).commit=$COMMIT"
    case $target in
    linux_*) flags+=" -linkmode=external -extldflags=-static" ;;
    esac
    # The optimiser is asked for by name: without, this compiler traps undefined behaviour.
    CC="'$PWD/scripts/dist-cc.sh' $target" CGO_CFLAGS="-O2 -g0" CGO_LDFLAGS="-O2" \
        GOOS=${target%_*} GOARCH=${target#*_} GOAMD64=v1 GOARM64=v8.0 \
        go build -trimpath -buildvcs=false -tags "$(tags_of "$target")" -ldflags "$flags" \
        -o "$program" ./cmd/k6
}

# -- What lies beside them -------------------------------------------------------

# fill FILE NAME=VALUE...: a text with the value for each @NAME@.
fill() {
    local text value
    text=$(<"$1")
    shift
    for value; do
        text=${text//"@${value%%=*}@"/"${value#*=}"}
    done
    printf '%s\n' "$text"
}

system_of() {
    case $1 in
    linux_*) echo -n "Linux" ;;
    darwin_*) echo -n "macOS" ;;
    windows_*) echo -n "Windows" ;;
    esac
    case $1 in
    darwin_arm64) echo " on Apple silicon" ;;
    *_arm64) echo " on 64-bit ARM" ;;
    *_amd64) echo " on 64-bit Intel and AMD processors" ;;
    esac
}

notes_of() {
    case $1 in
    linux_*)
        echo "- The programs are static: they need no library, and run on any distribution and in empty containers."
        ;;
    darwin_*)
        echo "- These programs were linked on another system and have never been run on macOS by those who made them. If they do not work, build from source, and please report it."
        [[ $1 != darwin_arm64 ]] || echo "- They are signed ad hoc, as this processor demands."
        echo "- They are not notarised: what a browser has downloaded, macOS refuses until \`xattr -d com.apple.quarantine k6 xkv\`."
        ;;
    windows_*)
        echo "- The programs need no library besides those of Windows 10 or newer. They are not signed."
        ;;
    esac
    echo "- \`xkv\` has no TLS here: it does not open \`rediss://\` URLs. k6 does."
}

write_texts() {
    local target=$1 to=$2 exe run=./
    exe=$(exe_of "$target")
    [[ -z $exe ]] || run='.\'
    fill scripts/dist-readme.md VERSION="$VERSION" SYSTEM="$(system_of "$target")" \
        K6="k6$exe" XKV="xkv$exe" RUN="${run}k6$exe" RUNXKV="${run}xkv$exe" \
        NOTES="$(notes_of "$target")" >"$to/README.md"
    cp examples/quick-start.js index.d.ts "$to/"
    scripts/dist-licences.sh "$target" "$to/licences"
    write_licences "$target" "$to" "$exe" >"$to/LICENCES.md"
}

# module WORD: "PATH VERSION" of a module.
module() { go list -m -f '{{.Path}} {{.Version}}' "$1"; }

write_licences() {
    local target=$1 to=$2 exe=$3 k6 lmdb
    k6=$(module go.k6.io/k6/v2)
    lmdb=$(module github.com/PowerDNS/lmdb-go)
    fill scripts/dist-licences.md VERSION="$VERSION" TARGET="$target" K6="k6$exe" XKV="xkv$exe" \
        COMMIT="${COMMIT:+, commit $COMMIT}" GO="$(go env GOVERSION)" ZIG="$("$(compiler_path)" version)" \
        K6MODULE="${k6% *}" K6VERSION="${k6#* }" K6LICENCE="${k6/ /@}/LICENSE.md" \
        LMDBMODULE="${lmdb% *}" LMDBVERSION="${lmdb#* }"
    (
        cd "$to/licences"
        find . -type f | sed 's#^\./##' | sort | awk '
            { # a part ends where its version does
                part = $0
                if (match($0, /@[^\/]*/)) { part = substr($0, 1, RSTART - 1); version = substr($0, RSTART + 1, RLENGTH - 1) }
                else { sub(/\/[^\/]*$/, "", part); version = "" }
                file = "[" substr($0, length(part) + (version == "" ? 2 : length(version) + 3)) "](licences/" $0 ")"
                row = "| " part " | " version " | "
                if (row == last) printf ", %s", file
                else printf "%s%s%s", (last == "" ? "" : " |\n"), row, file
                last = row
            }
            END { print " |" }'
    )
}

# -- Archives --------------------------------------------------------------------

# Everything that is needed to build: the project's files, and all modules in vendor/.
make_source() {
    local to=$1
    { git ls-files -co --exclude-standard 2>/dev/null || find . -type f ! -path './build/*' ! -path ./k6; } |
        while read -r file; do
            [[ ! -f $file ]] || { mkdir -p "$to/$(dirname "$file")" && cp -p "$file" "$to/$file"; }
        done
    (cd "$to" && go mod vendor)
}

make_target() {
    local target=$1 to=$2 exe
    exe=$(exe_of "$target")
    case $target in
    darwin_*) scripts/dist-stubs.sh build/dist/stubs ;;
    esac
    build_k6 "$target" "$to/k6$exe"
    make --no-print-directory "--jobs=$(getconf _NPROCESSORS_ONLN)" "build/dist/$target/bin/xkv"
    cp "build/dist/$target/bin/xkv" "$to/xkv$exe"
    [[ $target != darwin_arm64 ]] || python3 scripts/dist-signed.py "$to/k6" "$to/xkv"
    write_texts "$target" "$to"
    hides_paths "$to/k6$exe" "$to/xkv$exe"
}

# One target, from source to archive. Prints a line for it.
release() {
    local target=$1 to tried
    to=$out/stage/$(name_of "$target")
    rm -rf "$to"
    mkdir -p "$to"
    if [[ $target == source ]]; then
        make_source "$to"
        tried="source"
    else
        make_target "$target" "$to"
        tried="not tried"
        [[ ${DIST_TRY:-} == no ]] || tried=$(scripts/dist-try.sh "$target" "$to")
    fi
    python3 scripts/dist-pack.py "$to" "$out/$(archive_of "$target")" "$EPOCH"
    printf '    %-40s %4d MB   %s\n' "$(archive_of "$target")" \
        $(($(wc -c <"$out/$(archive_of "$target")") / 1000000)) "$tried"
}

targets=("$@")
((${#targets[@]})) || targets=("${ALL_TARGETS[@]}" source)
mkdir -p "$out"
rm -f "$out"/xk6-kv_* "$out/SHA256SUMS"
for target in "${targets[@]}"; do
    [[ " ${ALL_TARGETS[*]} source " == *" $target "* ]] || {
        echo "dist.sh: there is no target $target; there are ${ALL_TARGETS[*]} source" >&2
        exit 2
    }
    why=$(obstacle "$target")
    if [[ -n $why ]]; then
        printf '    %-40s           not built: %s\n' "$(archive_of "$target")" "$why"
        (($# == 0)) || exit 1
        continue
    fi
    release "$target"
done
(cd "$out" && sha256sum xk6-kv_* >SHA256SUMS)
