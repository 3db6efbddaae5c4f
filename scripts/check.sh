#!/usr/bin/env bash
# Checks that run nothing of the store itself: formatting, warnings of both
# compilers, exported symbols, and what a release must not contain.
#
#   scripts/check.sh          all of them
#   scripts/check.sh NAME     one, such as clang_format, with all it prints
set -uo pipefail
cd "$(dirname "$0")/.."

readonly GOVULNCHECK=golang.org/x/vuln/cmd/govulncheck@v1.9.0
readonly GOSEC=github.com/securego/gosec/v2/cmd/gosec@v2.30.0
readonly NOT_RUN=77

# files PATTERN: the project's own files.
files() {
    find . \( -name node_modules -o -name .git -o -path ./build \) -prune -o -type f -name "$1" -print
}

go_format() {
    local dirty
    dirty=$(files '*.go' | xargs gofmt -l) || return 1
    [[ -z $dirty ]] || { printf 'gofmt would change:\n%s\n' "$dirty"; return 1; }
}

clang_format() {
    files '*.[ch]' | xargs clang-format --dry-run -Werror
}

# warnings COMPILER: compiles the library, the tool, and the public header by itself.
warnings() {
    local compiler=$1 file
    local flags=(-std=c11 -O2 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
        -Werror -Ixkv/include)
    for file in xkv/src/*/*.c; do
        "$compiler" "${flags[@]}" -Ixkv/src -c -o /dev/null "$file" || return 1
    done
    for file in cli/*.c; do # without the library's own headers
        "$compiler" "${flags[@]}" -c -o /dev/null "$file" || return 1
    done
    echo '#include "xkv.h"' | "$compiler" "${flags[@]}" -fsyntax-only -x c -
}
gcc_warnings() { warnings gcc; }
clang_warnings() { warnings clang; }

# Rooms of the library include only what lies below them; files end somewhere.
layers() { scripts/shape.sh layers; }
file_lengths() { scripts/shape.sh file_lengths; }

# Links, names and times in the documents, and the chart that is drawn of one of their tables. What
# looks for them first finds what was planted.
documents() {
    tests/docs/planted_test.py && scripts/docs.py check && bench/glance.py --check
}

# What a build compiles is what the scripts of servers say.
lua_header() { scripts/lua.sh --check; }

# What we declare of LMDB is what the header of this system's LMDB has, if there is one; the
# LMDB that ships is compared by the C tests.
lmdb_header() {
    local compiler=${CC:-cc} flags=(-std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only)
    if ! echo '#include <lmdb.h>' | "$compiler" -E - >/dev/null 2>&1; then
        echo "    not run lmdb_header: this system has no LMDB of its own to compare with"
        return 0
    fi
    "$compiler" "${flags[@]}" -Ixkv/include -Ixkv/src tests/unit/lmdb_api.c
}

# What only some compilers have stands in two files, where it can be left out.
no_extensions() {
    local file
    if grep -nE '__(builtin_|asm|attribute__|typeof|int128)' xkv/include/*.h xkv/src/*/*.[ch] cli/*.[ch] |
        grep -vE '^xkv/src/base/(config.h|rwlock.c):'; then
        return 1
    fi
    for file in xkv/src/*/*.c; do
        gcc -std=c11 -pedantic-errors -Wall -Wextra -Werror -DXKV_NO_EXTENSIONS -Ixkv/include \
            -Ixkv/src -fsyntax-only "$file" || return 1
    done
}

# What a system has of its own is asked for in base/sys_*.c and cli/terminal.c only, so that
# another system is another file there. These are the headers that the C standard does not have, and two of
# it whose contents are not the same everywhere; and threads, whose header others see.
system_headers() {
    local names='errno|time|aio|dirent|dlfcn|fcntl|glob|grp|iconv|io|langinfo|libgen|locale|netdb'
    names+='|poll|process|pthread|pwd|sched|semaphore|share|signal|spawn|strings|threads|unistd'
    names+='|windows|winsock2|xlocale'
    local include="#[[:space:]]*include[[:space:]]*<([a-z0-9_]+/.*|($names)\.h)>"
    if grep -nE "$include|\bpthread_" xkv/include/*.h xkv/src/*.[ch] xkv/src/*/*.[ch] cli/*.[ch] |
        grep -vE '^(xkv/src/base/(sys_[a-z_]+\.[ch]|monitor\.h)|cli/(terminal|terminal_win|tls)\.c):'; then
        return 1
    fi
}

# xkv.h is for C++ too.
cplusplus_header() {
    echo '#include "xkv.h"' |
        clang -x c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -Ixkv/include -fsyntax-only -
}

# Whatever else the archive exports could clash with a program's own names.
exported_symbols() {
    local names others
    make --no-print-directory lib || return 1
    names=$(nm -g --defined-only build/libxkv.a | awk 'NF == 3 { print $3 }')
    others=$(grep -Ev '^_?xkv_' <<<"$names")
    [[ -z $others ]] || { printf 'exported without the prefix xkv_:\n%s\n' "$others"; return 1; }
    grep -Eqx '_?xkv_open' <<<"$names" || { echo "xkv_open is not exported"; return 1; }
}

# Without cgo there is no store: the failed build must say what to do.
build_without_cgo() {
    local out package
    package=$(go list ./xkv)
    CGO_ENABLED=0 go list -deps ./cmd/k6 | grep -x "$package" >/dev/null || return 1
    # Not all of ./cmd/k6: the rest of k6 would have to be compiled anew first.
    if out=$(CGO_ENABLED=0 go build "$package" 2>&1); then
        echo "the build passed without cgo"
        return 1
    fi
    grep -Eqi 'CGO_ENABLED.{0,8}1' <<<"$out" || {
        printf 'the message does not name CGO_ENABLED=1:\n%s\n' "$out"
        return 1
    }
}

# Builders ignore replace directives of the modules that they build in.
no_replace() {
    if grep -Eq '^[[:space:]]*replace[[:space:]]' go.mod; then
        echo "go.mod has a replace directive"
        return 1
    fi
}

# The version stands in xkv.h. The newest one of CHANGELOG.md is the same, and so is the tag, if
# the last commit has one.
versions() {
    local version newest tag
    version=v$(sed -n 's/^#define XKV_VERSION "\(.*\)"$/\1/p' xkv/include/xkv.h)
    newest=v$(sed -n 's/^## \[\([0-9][^]]*\)\].*/\1/p' CHANGELOG.md | head -n 1)
    for tag in "$newest" $(git tag --points-at HEAD 'v[0-9]*' 2>/dev/null); do
        [[ $tag == "$version" ]] || { echo "xkv.h is $version, CHANGELOG.md or a tag $tag"; return 1; }
    done
}

# The module's path stands in Go's own files and what users read, so that it can be changed; a copy
# whose path was changed knows nothing of the old one.
module_path() {
    local copy old new=github.com/somebody/else
    old=$(go list -m)
    git grep --no-index --exclude-standard -lF "$old" -- ':!*.go' ':!*go.mod' ':!README.md' ':!docs/*.md' &&
        { echo "the files above name the module's path: let them ask go list -m"; return 1; }
    copy=$(mktemp -d)
    # shellcheck disable=SC2064 # now
    trap "rm -rf '$copy'" RETURN
    git grep --no-index --exclude-standard -lz '' | tar -c --null -T - -f - | tar -x -C "$copy" -f - &&
        "$copy/scripts/rename.sh" "$new" || return 1
    (
        cd "$copy" || exit
        if grep -rF "$old" .; then
            echo "scripts/rename.sh has left the lines above"
            exit 1
        fi
        [[ -z $(gofmt -l .) ]] && go list -test -deps ./... >/dev/null
    )
}

# What the registry of extensions asks for. Left out is what cgo makes of files that call C, whose
# lines nobody has written. The tool is a large one, and compiled when first needed.
security() {
    local tool
    tool=$(command -v gosec || echo build/gosec)
    if ! [[ -x $tool ]] && ! GOBIN=$PWD/build go install "$GOSEC"; then
        return $NOT_RUN
    fi
    "$tool" -quiet -exclude-generated ./...
}

vulnerabilities() {
    local out status=0
    out=$(go run "$GOVULNCHECK" ./... 2>&1) || status=$?
    printf '%s\n' "$out"
    if grep -q 'fetching vulnerabilities:' <<<"$out"; then
        return $NOT_RUN
    fi
    return "$status"
}

if (($#)); then
    "$1"
    exit
fi

# As many at once as there are processors, the longest first.
readonly checks=(gcc_warnings clang_warnings exported_symbols build_without_cgo no_extensions clang_format go_format
    system_headers lmdb_header cplusplus_header layers file_lengths lua_header documents
    no_replace module_path versions)

# These two ask other machines, and may take long: beside all others.
online=(security vulnerabilities)
told=$(mktemp -d)
trap 'rm -rf "$told"' EXIT
running=()
for name in "${online[@]}"; do
    scripts/quietly.sh "$name" scripts/check.sh "$name" >"$told/$name" &
    running+=($!)
done
failures=0
printf '%s\n' "${checks[@]}" |
    xargs -P "$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)" -I NAME \
        scripts/quietly.sh NAME scripts/check.sh NAME || failures=1

for i in "${!online[@]}"; do
    name=${online[i]}
    wait "${running[i]}"
    case $? in
    0) cat "$told/$name" ;;
    "$NOT_RUN") echo "    not run $name: what it needs cannot be had from here" ;;
    *)
        cat "$told/$name"
        failures=1
        ;;
    esac
done

((failures == 0))
