#!/usr/bin/env bash
# dist-licences.sh TARGET FOLDER: gathers the licences of everything that k6 and xkv for TARGET
# (linux_arm64) are made of, as the packages that are compiled say it: each folder of one, and
# those above it up to its module's, may have licences. A module without any is an error.
#
# The tools that do this for Go programs stop at k6's licence, which they take for a mistake, and
# know neither Go's own nor those of C libraries.
set -euo pipefail
target=${1:?usage: dist-licences.sh TARGET FOLDER}
out=${2:?usage: dist-licences.sh TARGET FOLDER}
cd "$(dirname "$0")/.."
source scripts/dist-about.sh

# made_from MODULE: of some whose archive has no licence, the project whose files they are made from.
made_from() {
    case $1 in
    buf.build/gen/go/gogo/protobuf/*) echo github.com/gogo/protobuf ;;
    buf.build/gen/go/prometheus/prometheus/*) echo github.com/prometheus/prometheus ;;
    esac
}

# module TAB version TAB its folder TAB a package's folder
packages() {
    GOOS=${target%_*} GOARCH=${target#*_} CGO_ENABLED=1 \
        go list -deps -tags "$(tags_of "$target")" \
        -f $'{{with .Module}}{{.Path}}\t{{or .Version "."}}\t{{.Dir}}\t{{$.Dir}}{{end}}' ./cmd/k6
}

# take SOURCE FOLDER: the licences that lie in SOURCE.
take() {
    local file
    for file in "$1"/*; do
        case ${file##*/} in
        *.go) ;;
        [Ll][Ii][Cc][Ee][NnCc][CcSs][Ee]* | COPYING* | COPYRIGHT* | NOTICE* | PATENTS* | UNLICENSE*)
            [[ -f $file ]] || continue
            mkdir -p "$2"
            install -m 644 "$file" "$2/"
            ;;
        esac
    done
}

# Each folder that may have some, and where they go.
folders() {
    awk -F '\t' '{
        name = $1 ($2 == "." ? "" : "@" $2)
        folder = $4
        do {
            rest = substr(folder, length($3) + 1)
            print folder "\t" name rest
            sub("/[^/]*$", "", folder)
        } while (rest != "")
    }' <<<"$modules" | sort -u
}

mkdir -p "$out"
modules=$(packages | sed '/^$/d' | sort -u)
[[ -n $modules ]]
while IFS=$'\t' read -r folder name; do
    take "$folder" "$out/$name"
done < <(folders)

take "$(go env GOROOT)" "$out/go@$(go env GOVERSION)"
zig=$(dirname "$(compiler_path)")
take "$zig" "$out/zig@$("$(compiler_path)" version)"
case $target in
linux_*) take "$zig/lib/libc/musl" "$out/musl" ;;
windows_*) take "$zig/lib/libc/mingw" "$out/mingw-w64" ;;
esac

missing=
names=$(cut -f 1,2 <<<"$modules" | sort -u)
while IFS=$'\t' read -r module version; do
    name=$module@$version
    [[ $version == . ]] && name=$module
    [[ -d $out/$name ]] && continue
    origin=$(made_from "$module")
    if [[ -n $origin ]]; then
        mkdir -p "$out/$name"
        echo "Made by buf.build of the .proto files of $origin, whose licence holds." \
            >"$out/$name/NOTICE"
    else
        missing+=" $name"
    fi
done <<<"$names"
for name in "go@$(go env GOVERSION)" "zig@$("$(compiler_path)" version)"; do
    [[ -d $out/$name ]] || missing+=" $name"
done
[[ $target != linux_* || -d $out/musl ]] || missing+=" musl"
if [[ -n $missing ]]; then
    echo "dist-licences.sh: no licence found for$missing" >&2
    exit 1
fi
