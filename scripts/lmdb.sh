#!/usr/bin/env bash
# Gets LMDB for what is written in C: puts its sources and two headers into build/lmdb/.
# Silent, and changes nothing, when that has been done.
#
#   scripts/lmdb.sh module    the sources of the Go module that k6 is built with (go.mod)
#   scripts/lmdb.sh FOLDER    those in a folder: mdb.c, midl.c and their headers
#   scripts/lmdb.sh system    none: programs are linked with -llmdb
#
# build/lmdb/names.h gives LMDB's functions names of ours, so that a program can have both
# libxkv.a and another LMDB; real.h gives them those by which tests call them that stand
# between (tests/lmdb_calls.h). build/lmdb/about says what was chosen.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly MODULE=github.com/PowerDNS/lmdb-go
readonly SOURCES=(mdb.c midl.c lmdb.h midl.h)
readonly OUT=build/lmdb

fail() {
    echo "LMDB: $*" >&2
    exit 1
}

# names PREFIX: macros that put it before all names that LMDB's sources begin with mdb_, but for
# those of macros.
names() {
    echo "/* made by scripts/lmdb.sh */"
    (cd "$folder" && cat "${SOURCES[@]}") | awk -v prefix="$1" '
        /^#[ \t]*define[ \t]/ { macro[$0 ~ /^#[ \t]/ ? $3 : $2] }
        {
            gsub(/[^A-Za-z0-9_]+/, " ")
            for (i = split($0, word, " "); i > 0; i--)
                if (word[i] ~ /^mdb_./)
                    name[word[i]]
        }
        END {
            for (i in macro) {
                sub(/\(.*/, "", i)
                delete name[i]
            }
            for (i in name)
                print "#define " i " " prefix i
        }
    ' | LC_ALL=C sort
}

# version: as lmdb.h has it, such as 0.9.33.
version() {
    awk '/^#define[ \t]+MDB_VERSION_(MAJOR|MINOR|PATCH)[ \t]/ { version = version "." $3 }
        END { print substr(version, 2) }' "$folder/lmdb.h"
}

case ${1:?usage: scripts/lmdb.sh module|system|FOLDER} in
system)
    folder=
    about="LMDB of this system (-llmdb)"
    ;;
module)
    found=$(go list -find -f '{{.Module.Version}} {{.Dir}}' "$MODULE/lmdb") ||
        fail "its Go module cannot be had (see above); LMDB=system takes what this system has"
    folder=${found#* }
    about="LMDB $(version), of $MODULE ${found%% *}"
    ;;
*)
    folder=$1
    [[ -f $folder/mdb.c ]] || fail "there is no mdb.c in $folder"
    about="LMDB $(version), of $folder"
    ;;
esac

if [[ -f $OUT/names.h && $(cat "$OUT/about" 2>/dev/null) == "$about" ]]; then
    [[ -n $folder && $folder/mdb.c -nt $OUT/names.h ]] || exit 0
fi
rm -rf "$OUT"
mkdir -p "$OUT"
if [[ -z $folder ]]; then
    echo "/* LMDB of this system has its own names */" >"$OUT/names.h"
    echo "LMDB is not in this library: see the package that it comes in." >"$OUT/LICENSE"
else
    for file in "${SOURCES[@]}"; do
        cat "$folder/$file" >"$OUT/$file" # the module's are read-only
    done
    for file in "$folder/LICENSE" "$folder/../LICENSE.mdb.md"; do
        [[ ! -f $file ]] || cat "$file" >"$OUT/LICENSE"
    done
    [[ -s $OUT/LICENSE ]] || fail "there is no LICENSE in $folder"
    names real_ >"$OUT/real.h"
    names xkv__ >"$OUT/names.h"
fi
echo "$about" >"$OUT/about"
