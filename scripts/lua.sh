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
# and within them lines that stand for helpers, and before each for what it needs:
#   -- @with NAME …
# A function costs the server time where it is made, called or not: so what is rarely needed is
# named inside the branch that needs it.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly FOLDER=xkv/src/remote/scripts HEADER=xkv/src/remote/scripts.h
readonly TEXT_MAX=4095 # bytes in a literal: compilers need not take more
export LC_ALL=C

parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT

sha1() { if command -v sha1sum >/dev/null; then sha1sum; else shasum; fi | cut -c1-40; }

# Writes each section to a file of its own, where a helper's place is a line "@NAME"; each script
# with all of them to NAME.whole; and the list "sections": NAME KIND.
sections() {
    awk -v parts="$parts" '
        function note(line) { lines[name, ++count[name]] = line }
        # Writes helpers, each behind what it needs, unless that has been noted. Returns what has.
        function include(wanted, noted, file, place, list, i, n) {
            n = split(wanted, list, " ")
            for (i = 1; i <= n; i++) {
                if (!(list[i] in needs)) {
                    print "there is no section @helper " list[i] >"/dev/stderr"
                    exit 1
                }
                if (index(noted, " " list[i] " "))
                    continue
                noted = include(needs[list[i]], noted, file, place)
                if (place)
                    print "@" list[i] >file
                else
                    whole(list[i], file)
                noted = noted list[i] " "
            }
            return noted
        }
        function write(section, file, place, i) {
            for (i = 1; i <= count[section]; i++) {
                if (lines[section, i] ~ /^@/)
                    include(substr(lines[section, i], 2), " ", file, place)
                else
                    print lines[section, i] >file
            }
        }
        function whole(section, file) { write(section, file, 0) }
        FNR == 1 { name = "" }
        /^-- @(helper|script|opening) / {
            name = $3
            names[++count_names] = name
            kinds[name] = substr($2, 2)
            wanted = $0
            sub(/^-- @[a-z]+ [a-z_0-9]+( needs)?/, "", wanted)
            if (kinds[name] == "helper")
                needs[name] = wanted
            else
                note("@" wanted)
            next
        }
        { sub(/^ +/, "") }
        name == "" || /^$/ { next }
        sub(/^-- @with/, "@") {
            note($0)
            next
        }
        /^--/ { next }
        {
            gsub(/redis\.call\(/, "call(")
            gsub(/KEYS\[/, "K[")
            gsub(/ARGV\[/, "A[")
            gsub(/, /, ",")
            while (match($0, / (=|==|~=|<|>|<=|>=|\+|-|\*|%|\.\.) /)) {
                operator = substr($0, RSTART + 1, RLENGTH - 2)
                $0 = substr($0, 1, RSTART - 1) operator substr($0, RSTART + RLENGTH)
            }
            note($0)
        }
        END {
            for (n = 1; n <= count_names; n++) {
                name = names[n]
                write(name, parts "/" name, 1)
                print name, kinds[name] >(parts "/sections")
                if (kinds[name] != "helper")
                    whole(name, parts "/" name ".whole")
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

# literal NAME: a section's text, as lines of C with one or more of Lua, or a helper's name, in each.
literal() {
    sed -e '/^@/!s/[\"]/\\&/g' -e '/^@/!s/$/\\n/' "$parts/$1" | awk '
        function flush() {
            if (line != "")
                print "    " (is_text ? "\"" line "\"" : substr(line, 2))
            line = ""
        }
        {
            if (length(line) + length($0) > 90 || is_text != !/^@/)
                flush()
            is_text = !/^@/
            line = line (is_text ? $0 : " TEXT_" toupper(substr($0, 2)))
        }
        END { flush() }
    '
}

define() {
    echo
    printf '#define TEXT_%s \\\n' "$(upper "$1")"
    literal "$1" | sed -e '$!s/$/ \\/'
}

# row NAME KIND: a row of the table.
row() {
    local name=$1 part size
    : >"$parts/whole"
    printf '    [SCRIPT_%s] = {\n   ' "$(upper "$name")"
    for part in $(begins "$2"); do
        printf ' TEXT_%s' "$part"
        cat "$parts/$part" >>"$parts/whole"
    done
    printf '\n'
    literal "$name" | sed -e '$s/$/,/'
    cat "$parts/$name.whole" >>"$parts/whole"
    size=$(wc -c <"$parts/whole")
    ((size <= TEXT_MAX)) || { echo "script $name has $size bytes, more than $TEXT_MAX" >&2; exit 1; }
    printf '    "%s"},\n' "$(sha1 <"$parts/whole")"
}

header() {
    local name kind
    echo "/* scripts.h - made by scripts/lua.sh of scripts/ (the Lua files): change those, and make scripts */"
    echo "/* clang-format off */"
    define CALL
    define THERE
    while read -r name kind; do
        if [[ $kind == helper ]]; then define "$name"; fi
    done <"$parts/sections"
    printf '\nenum script_number {\n'
    while read -r name kind; do
        if [[ $kind != helper ]]; then echo "    SCRIPT_$(upper "$name"),"; fi
    done <"$parts/sections"
    printf '    SCRIPTS\n};\n\n'
    printf 'static const struct script {\n    const char *text, *sha1;\n} scripts[SCRIPTS] = {\n'
    while read -r name kind; do
        if [[ $kind != helper ]]; then row "$name" "$kind"; fi
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
