#!/usr/bin/env bash
# Runs all tests, step by step, and ends with a line that counts them.
#
#   scripts/test.sh              every step
#   scripts/test.sh PATTERN...   the steps whose name has one of the patterns in it
#
# A step that passes prints little; one that fails prints what went wrong, and
# the others run all the same. Only a k6 that cannot be built ends the run.
set -uo pipefail
cd "$(dirname "$0")/.."

export K6_NO_USAGE_REPORT=true

# The same random choices each time, so that a failure is about the change and
# not about luck. To look further: XKV_SEED=$RANDOM KV_SEED=$RANDOM make test
export XKV_SEED=${XKV_SEED:-20261123} KV_SEED=${KV_SEED:-20261123}
export CGO_ENABLED=1 FUZZ_SECONDS=${FUZZ_SECONDS:-20}

# Most C tests wait for the disk for most of their time, so there are more at once than processors;
# what never waits, such as fuzzers, sets jobs by itself.
processors=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
jobs=$((processors + (processors + 1) / 2))
make=(make --no-print-directory --keep-going)
if [[ $(make --help) == *--output-sync* ]]; then
    make+=(--output-sync=target)
fi

# What single programs failed with, for the end: the beginning may be far away by then.
FAILURES=$(mktemp)
export FAILURES
trap 'rm -f "$FAILURES"' EXIT

passed=0
failed=()
wanted=("$@")

is_wanted() {
    ((${#wanted[@]})) || return 0
    local pattern
    for pattern in "${wanted[@]}"; do
        [[ $1 == *"$pattern"* ]] && return 0
    done
    return 1
}

# step NAME COMMAND...
step() {
    local name=$1 start=$SECONDS
    shift
    is_wanted "$name" || return 0
    printf '\n== %s\n' "$name"
    if "$@"; then
        passed=$((passed + 1))
        printf '== %s: passed, %d s\n' "$name" $((SECONDS - start))
    else
        failed+=("$name")
        printf '== %s: FAILED, %d s\n' "$name" $((SECONDS - start))
        return 1
    fi
}

finish() {
    printf '\n%d s in all\n' "$SECONDS"
    local name
    cut -c 5- "$FAILURES"
    for name in ${failed[@]+"${failed[@]}"}; do
        printf 'failed: %s\n' "$name"
    done
    if ((passed + ${#failed[@]} == 0)); then
        echo "no step has such a name"
        failed+=("")
    fi
    printf '%d passed, %d failed\n' "$passed" "${#failed[@]}"
    ((${#failed[@]} == 0))
    exit
}

# A make target with no test in it would pass for nothing.
c_tests() {
    local target=$1 dir
    shift
    for dir in "$@"; do
        if ! compgen -G "$dir/*.c" >/dev/null; then
            echo "there are no tests in $dir"
            return 1
        fi
    done
    "${make[@]}" "--jobs=$jobs" "$target"
}

# What go test prints, without packages that have no tests and with an end.
go_test() {
    go test "$@" 2>&1 | sed '/\[no test files\]/d' | cut -c 1-400 | tail -n 300
}

go_tests() {
    local packages
    packages=$(go list ./... | grep -vE '/tests/(js|cli)$') || return 1
    # shellcheck disable=SC2086 # a list
    go_test $packages
}

js_tests() {
    K6_BINARY=$PWD/k6 go_test -count=1 ./tests/js
}

# A module of its own, so that bbolt is no dependency of the extension.
bolt_tests() {
    (cd tests/bolt && go_test -count=1 ./...)
}

# Stores on servers: the C tests that are about no files, and linearizability. All of them beside
# one server, some beside the others; the differential test with fewer operations than by itself;
# and a few under the sanitizers (make servers-asan servers-tsan: all of them).
server_tests() {
    local kind status=0 some="claims single many order differential"
    export XKV_OPERATIONS=${XKV_OPERATIONS:-20000}
    "${make[@]}" "--jobs=$jobs" servers SERVER_KINDS=redis SPREAD_KINDS= || status=1
    "${make[@]}" "--jobs=$jobs" servers SERVER_KINDS="valkey cluster" SPREAD_KINDS=cluster-3 \
        SERVER_PROGRAMS="$(printf 'conformance/%s ' $some)" || status=1
    XKV_FAULTS=${XKV_FAULTS:-21} "${make[@]}" "--jobs=$jobs" servers-asan servers-tsan \
        SANITIZED_ALONE=faults/server_faults \
        SANITIZED_BESIDE="$(printf 'conformance/%s.redis ' order waiting differential)" || status=1
    for kind in redis cluster; do
        scripts/quietly.sh "$kind linear" scripts/servers.sh run "$kind" -- \
            go test -count=1 -v -run Linearizable ./tests/linear || status=1
    done
    return "$status"
}

c_examples() {
    c_tests examples-c examples/c && tests/examples-c.sh
}

tool_tests() {
    K6_BINARY=$PWD/k6 XKV_BINARY=$PWD/build/xkv go_test -count=1 ./tests/cli && tests/install.sh
}

step "build k6" "${make[@]}" "--jobs=$jobs" all || finish
step "k6, built as xk6 does" tests/builder.sh
step "xkv tool" tool_tests
step "C tests" c_tests release tests/unit tests/conformance tests/faults tests/threads
step "C tests, sanitized (asan, ubsan)" c_tests asan tests/unit tests/conformance
step "C tests, threads (tsan)" c_tests tsan tests/threads
step "servers (redis, valkey, cluster)" server_tests
step "formats, beside Python's and Node.js's" tests/formats/oracle.sh
step "crash tests" c_tests crash tests/crash
jobs=$processors step "fuzzing, 20 s each" c_tests fuzz tests/fuzz
step "C examples" c_examples
step "go vet" go vet ./...
step "Go tests" go_tests
step "BoltDB files" bolt_tests
step "k6 tests" js_tests
step "examples" tests/examples.sh ./k6
step "README scripts" tests/readme.sh ./k6
step "release" tests/dist/native.sh
step "types" tests/types/check.sh
step "site" "${make[@]}" site
step "check" scripts/check.sh
finish
