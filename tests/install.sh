#!/usr/bin/env bash
# Installs the tool and the library to a place of its own, and uses them there as a
# stranger would: programs in C, the manual, the completions. Then uninstalls them.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=$(mktemp -d)/prefix
work=$(mktemp -d)
trap 'rm -rf "${prefix%/prefix}" "$work"' EXIT
make=(make --no-print-directory PREFIX="$prefix")

fail() {
    echo "install: $*" >&2
    exit 1
}

# The tool.
[[ $("$prefix/bin/xkv" --version 2>&1) == "xkv "* ]] && fail "something is there already"
"${make[@]}" install

# said FIELD: what pkg-config would say, which needs not be there: xkv.pc has variables of one
# level, and requires nothing.
said() {
    sed -n "s/^$1: *//p" "$prefix/lib/pkgconfig/xkv.pc" |
        sed -e "s#\${includedir}#$prefix/include#" -e "s#\${libdir}#$prefix/lib#"
}
grep -q '^Requires' "$prefix/lib/pkgconfig/xkv.pc" && fail "xkv.pc requires other packages"
if command -v pkg-config >/dev/null; then
    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
    [[ $(pkg-config --cflags --static --libs xkv) == "$(said Cflags) $(said Libs) $(said Libs.private)"* ]] ||
        fail "pkg-config says something else than this test: $(pkg-config --cflags --static --libs xkv)"
    [[ $(pkg-config --modversion xkv) == "$(said Version)" ]] || fail "pkg-config says another version"
fi
version=$("$prefix/bin/xkv" --version)
[[ $version == "xkv $(said Version)" ]] || fail "$version is not what pkg-config says: $(said Version)"

# LMDB is in the library, so its licence comes along.
grep -q 'OpenLDAP Public License' "$prefix/share/doc/xkv/LICENSE.LMDB" || fail "LMDB's licence is missing"

# Programs, with the shared library and with the other one. The latter have a function of the name
# of one of LMDB's, too: what the archive has of LMDB is nobody else's.
echo 'int mdb_env_open(void); int mdb_env_open(void) { return 22; }' >"$work/other.c"
cc=${CC:-cc}
for source in examples/c/*.c; do
    name=$(basename "$source" .c)
    # shellcheck disable=SC2046 # lists
    "$cc" -std=c11 "$source" -o "$work/$name" $(said Cflags) $(said Libs)
    # shellcheck disable=SC2046
    "$cc" -std=c11 "$source" "$work/other.c" -o "$work/$name-static" $(said Cflags) \
        "$prefix/lib/libxkv.a" $(said Libs.private)
    (cd "$work" && LD_LIBRARY_PATH=$prefix/lib "./$name" shared.kv) >"$work/shared.out"
    (cd "$work" && "./$name-static" static.kv) >"$work/static.out"
    [[ -s $work/shared.out && -s $work/static.out ]] || fail "$name printed nothing"
    if [[ $(uname -s) == Linux ]]; then
        needed=$(LD_LIBRARY_PATH=$prefix/lib ldd "$work/$name")
        [[ $needed == *"libxkv.so.0 => $prefix/lib/"* ]] || fail "$name does not use libxkv.so.0: $needed"
        [[ $(ldd "$work/$name-static") != *libxkv* ]] || fail "$name-static needs the shared library"
        [[ $(ldd "$work/$name-static" "$prefix/lib/libxkv.so.0" "$prefix/bin/xkv") != *lmdb* ]] ||
            fail "LMDB of this system is needed"
    fi
    [[ $("$prefix/bin/xkv" count "$work/shared.kv") -gt 0 ]] || fail "$name left an empty store"
done

# The shared library has the names of xkv.h, and no others.
if [[ $(uname -s) == Linux ]]; then
    nm -D --defined-only "$prefix/lib/libxkv.so.0" | awk '{ print $3 }' | sort >"$work/exported"
    grep -Ev '^xkv_[a-z]' "$work/exported" && fail "the names above are exported, and should not be"
    sed -n '/^typedef/d; s/^[a-z][a-z0-9_ *]*[ *]\(xkv_[a-z_]*\)(.*/\1/p' xkv/include/xkv.h | sort -u >"$work/declared"
    grep -q xkv_open "$work/declared" || fail "xkv.h declares nothing"
    missing=$(comm -13 "$work/exported" "$work/declared" | grep -Ev '^xkv_(text|items_bytes)$' || true)
    [[ -z $missing ]] || fail "xkv.h declares what the shared library does not have: $missing"
fi

# The manual.
page=$prefix/share/man/man1/xkv.1
if command -v groff >/dev/null; then
    said=$(groff -man -Tutf8 -ww -z "$page" 2>&1)
    [[ -z $said ]] || fail "groff says of the manual: $said"
    text=$(groff -man -Tascii -P-cbou "$page")
    [[ $text == *'xkv get [STORE] KEY'* ]] || fail "the manual has no xkv get"
fi
if command -v mandoc >/dev/null; then
    mandoc -Tlint -Werror "$page" || fail "mandoc finds faults in the manual"
fi

# The completions.
bash -c '
    set -eu
    source "$0"
    try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _xkv; echo "${COMPREPLY[*]}"; }
    [[ $(try xkv ge) == get ]]
    [[ $(try xkv list a.kv --js) == "--json --jsonl" ]]
    [[ $(try xkv set a.kv --serialization b) == binary ]]
    [[ $(try xkv get "$0") == "$0" ]]
    [[ $(complete -p xkv) == *_xkv* ]]
' "$prefix/share/bash-completion/completions/xkv" || fail "the completion for bash does not complete"
if command -v zsh >/dev/null; then
    zsh -n "$prefix/share/zsh/site-functions/_xkv" || fail "the completion for zsh is not zsh"
    zsh -c "fpath=('$prefix/share/zsh/site-functions' \$fpath); autoload -Uz compinit && compinit -u -D
        [[ \$_comps[xkv] == _xkv ]]" || fail "zsh does not find the completion"
fi

"${make[@]}" uninstall
left=$(find "$prefix" ! -type d)
[[ -z $left ]] || fail "uninstall has left $left"

# Packagers install to another place than where it will be.
"${make[@]}" DESTDIR="$work/root" install
grep -qx "prefix=$prefix" "$work/root$prefix/lib/pkgconfig/xkv.pc" || fail "DESTDIR is in xkv.pc"
"${make[@]}" DESTDIR="$work/root" uninstall
[[ -z $(find "$work/root" ! -type d) ]] || fail "uninstall has left something in DESTDIR"
