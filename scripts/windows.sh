#!/usr/bin/env bash
# Runs what was built for Windows, with wine.
#
#   scripts/windows.sh setup        makes a Windows for us, in build/windows/wine
#   scripts/windows.sh run FILE…    runs a program there
#   scripts/windows.sh unit NAME    runs a C test, tests/NAME.c
#   scripts/windows.sh test         runs the C tests, the JavaScript tests and the exchange of files
#                                   with this system, and counts
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export WINEPREFIX=$root/build/windows/wine WINEDEBUG=${WINEDEBUG:--all}
export LC_ALL=C.UTF-8 # for names of files that are not ASCII
# Go programs need a library that wine 8 has not got: it is made below. Of what a new Windows would
# install, nothing is needed.
export WINEDLLOVERRIDES="bcryptprimitives=n;mscoree,mshtml="

list=$root/tests/windows/unix-only.txt
made=$WINEPREFIX/made

setup() {
    [[ -e $made ]] && return
    mkdir -p "$WINEPREFIX"
    wine wineboot --init >"$root/build/windows/wine.log" 2>&1 </dev/null
    x86_64-w64-mingw32-gcc -shared -O2 -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" \
        "$root/tests/windows/bcryptprimitives.c" -ladvapi32
    touch "$made"
}

# Services begin with the first program and live a little longer than the last: they must not
# keep our output open. A server for all of them ends when this does.
server=
serve() {
    setup
    wineserver --foreground --persistent >/dev/null 2>&1 </dev/null &
    server=$!
    trap 'kill "$server" 2>/dev/null || true' EXIT
    wine wineboot >/dev/null 2>&1 </dev/null
}
wineserver() { command wineserver "$@" 2>/dev/null || /usr/lib/wine/wineserver "$@"; }

# What the list says of the tests of a program, as "TEST|TEST".
listed() { awk -v program="$1" '$1 == program { print $2 }' "$list" | paste -sd'|' -; }

c_tests() {
    local log=$1 program
    (cd "$root" && make --no-print-directory --keep-going -j "$(nproc)" windows-programs) | tee "$log" || true
    # What is listed, and not there any more, hides nothing, but says something wrong.
    while read -r program test _; do
        [[ $program == \#* || $program == js || -z $program ]] && continue
        [[ -f $root/tests/$program.c ]] && { [[ $test == '*' ]] ||
            grep -q "$test" "$root/tests/$program.c"; } && continue
        echo "    FAILED  $program $test is listed, and not there" | tee -a "$log"
    done <"$list"
}

js_tests() {
    local log=$1 skipped
    skipped=$(listed js)
    sed "s#@ROOT@#$root#g" "$root/tests/windows/k6.sh" >"$root/build/windows/k6"
    chmod +x "$root/build/windows/k6"
    (cd "$root" && K6_BINARY=$root/build/windows/k6 go test -count=1 -v -timeout 40m ./tests/js \
        -skip "^($skipped)\$") >"$log" 2>&1 || true
    grep -aE '^--- FAIL|^FAIL|^panic' "$log" || true
}

test_all() {
    local out=$root/build/windows
    serve
    c_tests "$out/c.log"
    js_tests "$out/js.log"
    "$root/tests/windows/exchange.sh" | tee "$out/exchange.log" || true
    count "$out"
}

count() {
    local failed
    echo "C programs:       $(grep -c '^    ok ' "$1/c.log") passed, $(grep -c '^    FAILED' "$1/c.log") failed"
    echo "JavaScript tests: $(grep -ac '^--- PASS' "$1/js.log") passed, $(grep -ac '^--- FAIL' "$1/js.log") failed"
    echo "exchange:         $(grep -c '^ok' "$1/exchange.log") passed, $(grep -c '^FAILED' "$1/exchange.log") failed"
    echo "Unix only:        $(grep -vcE '^#|^$' "$list") listed in tests/windows/unix-only.txt"
    failed=$(cat "$1"/{c,js,exchange}.log | grep -acE '^ *FAILED|^--- FAIL|^panic|^FAIL' || true)
    ((failed == 0))
}

case ${1:-} in
setup) setup ;;
run)
    shift
    exec wine "$@"
    ;;
unit)
    export XKV_PROGRAM=$2 XKV_UNIX_ONLY=$list
    exec wine "$root/build/windows/$2.exe"
    ;;
test) test_all ;;
*)
    echo "usage: scripts/windows.sh setup|run|unit|test" >&2
    exit 2
    ;;
esac
