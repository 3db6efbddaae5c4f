#!/usr/bin/env bash
# Makes of xkv/src/remote/scripts/*.lua the header that the library is compiled with: each
# script with the helpers that it needs, without comments and indentation, and its SHA1,
# by which a server knows it.
#
#   scripts/lua.sh            writes xkv/src/remote/scripts.h
#   scripts/lua.sh --check    fails if that would change it
#
# Lua files have sections, each up to the next:
#   -- @helper NAME [needs NAME …]    what scripts have in common
#   -- @script NAME [needs NAME …]    a script; before all else it looks whether the store
#                                     is there
#   -- @opening NAME [needs NAME …]   one that does not
set -euo pipefail
cd "$(dirname "$0")/.."

readonly FOLDER=xkv/src/remote/scripts HEADER=xkv/src/remote/scripts.h
readonly TEXT_MAX=4095 # bytes in a literal: compilers need not take more
export LC_ALL=C

parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT

sha1() { if command -v sha1sum >/dev/null; then sha1sum; else shasum; fi | cut -c1-40; }

# Writes each section to a file of its own, and the list "sections": NAME KIND NEEDED …, what
# is needed first.
sections() {
    awk -v parts="$parts" '
        function add(name, into, needed, i, count) {
            if (index(closure[into] " ", " " name " "))
                return
            if (!(name in needs)) {
                print "there is no section @helper " name >"/dev/stderr"
                exit 1
            }
            count = split(needs[name], needed, " ")
            for (i = 1; i <= count; i++)
                add(needed[i], into)
            if (name != into)
                closure[into] = closure[into] " " name
        }
        FNR == 1 { name = "" }
        /^-- @(helper|script|opening) / {
            name = $3
            names[++count_names] = name
            kinds[name] = substr($2, 2)
            needs[name] = $0
            sub(/^-- @[a-z]+ [a-z_0-9]+( needs)?/, "", needs[name])
            next
        }
        { sub(/^ +/, "") }
        name == "" || /^--/ || /^$/ { next }
        {
            gsub(/redis\.call\(/, "call(")
            gsub(/KEYS\[/, "K[")
            gsub(/ARGV\[/, "A[")
            gsub(/, /, ",")
            while (match($0, / (=|==|~=|<|>|<=|>=|\+|-|\*|%|\.\.) /)) {
                operator = substr($0, RSTART + 1, RLENGTH - 2)
                $0 = substr($0, 1, RSTART - 1) operator substr($0, RSTART + RLENGTH)
            }
            print >(parts "/" name)
        }
        END {
            for (n = 1; n <= count_names; n++) {
                add(names[n], names[n])
                print names[n], kinds[names[n]] closure[names[n]] >(parts "/sections")
            }
        }
    ' "$FOLDER"/*.lua
    echo "local call,K,A=redis.call,KEYS,ARGV" >"$parts/CALL"
    cat >"$parts/THERE" <<'LUA'
if call('HGET',K[1],'')~=A[1] then
return redis.error_reply('XKVLOST the store is not there')
end
LUA
}

# begins KIND: what all scripts of a kind begin with.
begins() { if [[ $1 == opening ]]; then echo CALL; else echo CALL THERE; fi; }

upper() { tr '[:lower:]' '[:upper:]' <<<"$1"; }

# literal NAME: a section's text, as lines of C with one or more of Lua in each.
literal() {
    sed -e 's/[\"]/\\&/g' -e 's/$/\\n/' "$parts/$1" | awk '
        length(line) + length($0) > 90 && line != "" { print "    \"" line "\""; line = "" }
        { line = line $0 }
        END { print "    \"" line "\"" }
    '
}

define() {
    echo
    printf '#define TEXT_%s \\\n' "$(upper "$1")"
    literal "$1" | sed -e '$!s/$/ \\/'
}

# whole NAME KIND NEEDED …: a row of the table.
whole() {
    local name=$1 kind=$2 part size
    shift 2
    # shellcheck disable=SC2046 # words
    set -- $(begins "$kind") "$@"
    : >"$parts/whole"
    printf '    [SCRIPT_%s] = {\n   ' "$(upper "$name")"
    for part in "$@"; do
        printf ' TEXT_%s' "$(upper "$part")"
        cat "$parts/$part" >>"$parts/whole"
    done
    printf '\n'
    literal "$name" | sed -e '$s/$/,/'
    cat "$parts/$name" >>"$parts/whole"
    size=$(wc -c <"$parts/whole")
    ((size <= TEXT_MAX)) || { echo "script $name has $size bytes, more than $TEXT_MAX" >&2; exit 1; }
    printf '    "%s"},\n' "$(sha1 <"$parts/whole")"
}

header() {
    local name kind needed
    echo "/* scripts.h - made by scripts/lua.sh of scripts/ (the Lua files): change those, and make scripts */"
    echo "/* clang-format off */"
    define CALL
    define THERE
    while read -r name kind needed; do
        if [[ $kind == helper ]]; then define "$name"; fi
    done <"$parts/sections"
    printf '\nenum script_number {\n'
    while read -r name kind needed; do
        if [[ $kind != helper ]]; then echo "    SCRIPT_$(upper "$name"),"; fi
    done <"$parts/sections"
    printf '    SCRIPTS\n};\n\n'
    printf 'static const struct script {\n    const char *text, *sha1;\n} scripts[SCRIPTS] = {\n'
    while read -r name kind needed; do
        # shellcheck disable=SC2086 # words
        if [[ $kind != helper ]]; then whole "$name" "$kind" $needed; fi
    done <"$parts/sections"
    echo "};"
}

sections
header >"$parts/header"
if [[ ${1:-} != --check ]]; then
    cp "$parts/header" "$HEADER"
elif ! diff -u "$HEADER" "$parts/header"; then
    echo "$HEADER is not what $FOLDER says: run make scripts"
    exit 1
fi
