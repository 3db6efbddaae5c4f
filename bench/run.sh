#!/usr/bin/env bash
# Measures, prints tables, and writes build/bench/results.json:
#
#   bench/run.sh [--quick] K6 [OTHER]
#   PARTS="calls codec" bench/run.sh K6      only these, see the end of this file
#
# OTHER is another k6 whose scripts can import "k6/x/kv"; the two take turns.
# Expects build/release/bench/libxkv and …/files, and build/bench/k6-redis for the comparison
# with Redis: without one of them, or without redis-server, that part is left out. So it is
# with servers: …/servers and build/bench/callers.
set -euo pipefail

# Part by part: full size, or --quick.
quick=
pairs=3             # processes of each binary that take turns
rounds=(-e ROUNDS=8 -e BATCH_MS=10)
windows=(-e ROUNDS=2 -e WINDOW=0.3)
commits=(-e ROUNDS=4 -e WINDOW=1.5)
redis_windows=(-e ROUNDS=2 -e WINDOW=0.4)
servers_windows=(-e ROUNDS=2 -e WINDOW=0.7)
server_seconds=1
million=1000000
if [[ ${1:-} == --quick ]]; then
    quick=1
    export XKV_BENCH_QUICK=1
    pairs=1
    rounds=(-e ROUNDS=5 -e BATCH_MS=5)
    windows=(-e ROUNDS=1 -e WINDOW=0.2)
    commits=(-e ROUNDS=1 -e WINDOW=1)
    redis_windows=(-e ROUNDS=1 -e WINDOW=0.3)
    servers_windows=(-e ROUNDS=1 -e WINDOW=0.3)
    server_seconds=0.3
    million=100000
    shift
fi

usage="usage: bench/run.sh [--quick] K6 [OTHER]"
here=$(cd "$(dirname "$0")" && pwd)
absolute() { echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"; }

# The binaries by the name of their column.
columns=(ours)
ours=$(absolute "${1:?$usage}")
theirs=
if [[ -n ${2:-} ]]; then
    columns+=(theirs)
    theirs=$(absolute "$2")
fi

cd "$here/.."
out=$PWD/build/bench
libxkv=$PWD/build/release/bench/libxkv
files_bench=$PWD/build/release/bench/files
servers_bench=$PWD/build/release/bench/servers
k6_redis=$out/k6-redis
callers=$out/callers
mkdir -p "$out"
# Not in /tmp, which may be memory: this is about disks, too.
work=$(mktemp -d "$out/work.XXXXXX")
rows=$work/rows.jsonl
export K6_NO_USAGE_REPORT=true TMPDIR=$work XKV_BENCH_JSON=$rows

redis_pid=
clean_up() {
    [[ -z $redis_pid ]] || kill "$redis_pid" 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

limit=()
if command -v timeout >/dev/null; then
    limit=(timeout --kill-after=10 240) # for another binary that hangs
fi

say() { printf '%4d s  %s\n' "$SECONDS" "$*" >&2; }

# fresh: every part starts without the stores of the one before.
fresh() {
    rm -rf "$work/ours" "$work/theirs"
    mkdir "$work/ours" "$work/theirs"
}

# k6_run BINARY COLUMN SCRIPT ARGUMENTS...: the rows that the script prints are
# added to the others. Its failure is fatal only for our own binary.
k6_run() {
    local binary=$1 column=$2 script=$3 status=0 log=$work/log
    shift 3
    (cd "$work/$column" && ${limit[@]+"${limit[@]}"} "$binary" run --quiet --log-format raw \
        -e "BINARY=$column" "$@" "$here/$script") >"$log" 2>&1 </dev/null || status=$?
    grep '^{' "$log" >>"$rows" || true
    ((status == 0)) && return
    grep -v '^{' "$log" | tail -n 15 | cut -c 1-300 >&2 || true
    echo "$script ended with status $status ($column)" >&2
    [[ $column == theirs ]]
}

# in_turns PAIRS SCRIPT ARGUMENTS...: ours, theirs, ours, theirs.
in_turns() {
    local pairs=$1 column i
    shift
    for ((i = 0; i < pairs; i++)); do
        for column in "${columns[@]}"; do
            k6_run "${!column}" "$column" "$@"
        done
    done
}

machine() {
    python3 - "$quick" "$("$ours" version | head -n 1)" <<'PYTHON' >>"$rows"
import datetime, json, os, platform, sys
model = platform.processor()
try:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
except (OSError, StopIteration):
    pass
print(json.dumps({
    "part": "machine", "cpus": os.cpu_count(), "cpu": model, "system": platform.platform(),
    "k6": sys.argv[2], "quick": bool(sys.argv[1]),
    "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
}))
PYTHON
}

library() {
    if [[ ! -x $libxkv ]]; then
        say "libxkv alone: left out, $libxkv is missing"
        return
    fi
    say "libxkv alone, $million keys"
    "$libxkv" "$million" >/dev/null
}

calls() {
    say "calls, one virtual user"
    fresh
    in_turns "$pairs" calls.js "${rounds[@]}" -e "STORES=memory/disk/disk none"
    in_turns "$pairs" calls.js "${rounds[@]}" -e "STORES=memory/memory, metrics" -e "CALLS=get/set/randomKey"
    fresh
    if [[ $quick ]]; then
        in_turns 1 calls.js "${rounds[@]}" -e "STORES=disk, untracked" -e "CALLS=randomKey, prefix"
        return
    fi
    in_turns 1 calls.js "${rounds[@]}" -e "STORES=memory, untracked/disk, untracked/disk none, untracked"
}

sizes() {
    local entry_calls="CALLS=get/exists/set/list of 100"
    say "calls, larger values"
    fresh
    in_turns 1 calls.js "${rounds[@]}" -e "STORES=memory/disk/disk none" -e VALUE_BYTES=1024 \
        -e "$entry_calls"
    fresh # fewer keys: 64 KiB twenty thousand times would be about the disk's size
    in_turns 1 calls.js "${rounds[@]}" -e "STORES=memory/disk/disk none" -e VALUE_BYTES=65536 \
        -e KEYS=1000 -e "CALLS=get/exists/set"
}

many_keys() {
    local entry_calls="CALLS=get/exists/size/set/delete/randomKey/randomKey, prefix/list of 100"
    local step_calls="CALLS=count, prefix/incrementBy/setIfAbsent/compareAndSwap/claimRandom + releaseClaim/popRandom/getMany of 100/setMany of 100/scanKeys of 1000"
    say "calls, $million keys"
    fresh
    in_turns 1 calls.js "${rounds[@]}" -e "KEYS=$million" -e STORES=memory -e "$step_calls"
    in_turns 1 calls.js "${rounds[@]}" -e "KEYS=$million" -e "STORES=memory/disk none" \
        -e "$entry_calls"
    in_turns 1 calls.js "${rounds[@]}" -e "KEYS=$million" -e "STORES=disk none, untracked" \
        -e ROUNDS=5 -e "$entry_calls"
}

throughput() {
    say "50 virtual users"
    fresh
    in_turns $(((pairs + 1) / 2)) throughput.js -e VUS=50 "${windows[@]}" -e "STORES=memory/disk"
    [[ -z $quick ]] || return 0
    fresh
    in_turns 1 throughput.js -e VUS=50 "${windows[@]}" -e ROUNDS=1 \
        -e "STORES=memory, untracked/disk, untracked"
    say "50 virtual users, $million keys"
    fresh
    in_turns 1 throughput.js -e VUS=50 "${windows[@]}" -e ROUNDS=1 -e "KEYS=$million" \
        -e "STORES=memory/disk none"
}

turns() {
    say "the longest iteration of 50 virtual users"
    fresh
    in_turns "$pairs" turns.js
}

# What a commit costs at the least is measured before and after, as disks have moods.
group_commit() {
    say "durable calls of 1, 50 and 500 virtual users"
    fresh
    [[ ! -x $libxkv ]] || "$libxkv" 1000 "raw mdb_put" >/dev/null
    in_turns 1 group-commit.js "${commits[@]}"
    fresh
    in_turns 1 group-commit.js "${commits[@]}" -e VUS=50 -e CALL=popRandom
    [[ ! -x $libxkv ]] || "$libxkv" 1000 "raw mdb_put" >/dev/null
}

# peak COLUMN MODE: one process of million.js, its rows and its peak memory.
peak() {
    local column=$1 mode=$2 wrapper=$work/measured-k6
    printf '#!/usr/bin/env bash\nexec python3 "%s" "%s" "%s" "$@"\n' \
        "$here/peak.py" "$work/bytes" "${!column}" >"$wrapper"
    chmod +x "$wrapper"
    rm -f "$work/bytes"
    k6_run "$wrapper" "$column" million.js -e "MODE=$mode" -e "KEYS=$million" -e PEAK_ONLY=1
    [[ -s $work/bytes ]] || return 0
    printf '{"binary":"%s","part":"million","name":"peak %s","keys":%d,"bytes":%d}\n' \
        "$column" "$mode" "$million" "$(<"$work/bytes")" >>"$rows"
}

file_size() {
    local column=$1 file=$work/$1/million.kv
    [[ -f $file ]] || return 0
    printf '{"binary":"%s","part":"million","name":"file","keys":%d,"bytes":%d}\n' \
        "$column" "$million" "$(wc -c <"$file")" >>"$rows"
}

million_entries() {
    local column mode
    say "a store of $million entries"
    fresh
    for mode in empty memory disk open; do
        for column in "${columns[@]}"; do
            peak "$column" "$mode"
            [[ $mode != disk ]] || file_size "$column"
        done
    done
    in_turns 1 million.js -e MODE=memory -e "KEYS=$million"
}

codec() {
    say "encoding and decoding"
    fresh
    in_turns 1 codec.js "${rounds[@]}"
}

free_port() {
    python3 -c 'import socket
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])'
}

# start_redis PORT: our own server, on the loopback interface, writing nothing.
start_redis() {
    redis-server --port "$1" --bind 127.0.0.1 --dir "$work" --save "" --appendonly no \
        >"$work/redis.log" 2>&1 &
    redis_pid=$!
    local try
    for ((try = 0; try < 50; try++)); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
            return
        fi
        sleep 0.1
    done
    tail -n 5 "$work/redis.log" >&2
    return 1
}

stop_redis() {
    kill "$redis_pid"
    wait "$redis_pid" 2>/dev/null || true
    redis_pid=
}

# can_ask PROGRAM...: whether they and a server are there.
can_ask() {
    local program
    for program in "$@"; do
        if [[ ! -x $program ]] || ! command -v redis-server >/dev/null; then
            say "left out; \"make bench\" builds and installs what it needs"
            return 1
        fi
    done
}

redis() {
    say "k6's Redis module"
    can_ask "$k6_redis" || return 0
    fresh
    local port i
    port=$(free_port)
    start_redis "$port"
    for ((i = 0; i < (pairs + 1) / 2; i++)); do
        k6_run "$ours" ours redis/kv.js -e VUS=50 "${redis_windows[@]}"
        k6_run "$k6_redis" ours redis/redis.js -e VUS=50 "${redis_windows[@]}" \
            -e "REDIS=redis://127.0.0.1:$port"
    done
    stop_redis
}

# What the library and others ask of the same server, in turns, into $work/servers.jsonl.
ask_server() {
    local url=$1 i
    for ((i = 0; i < pairs; i++)); do
        "$servers_bench" "$url" 50 "$server_seconds"
        "$callers" "$url" 50 "$server_seconds"
    done
    for ((i = 0; i < (pairs + 1) / 2; i++)); do
        k6_run "$ours" ours redis/kv.js -e SERVER=1 -e VUS=50 "${servers_windows[@]}" -e "STORE_URL=$url"
        k6_run "$k6_redis" ours redis/redis.js -e SERVER=1 -e VUS=50 "${servers_windows[@]}" -e "REDIS=$url"
    done
    "$servers_bench" "$url" 50 "$server_seconds" 20000 randomKey/claimRandom
    "$servers_bench" "$url" 50 "$server_seconds" "$million" randomKey/claimRandom
}

# Rows get what each call took the server, see server_cpu.py.
servers() {
    say "stores on a server"
    can_ask "$servers_bench" "$callers" "$k6_redis" || return 0
    fresh
    local port sampler rows=$work/servers.jsonl
    port=$(free_port)
    start_redis "$port"
    python3 "$here/server_cpu.py" sample "$port" "$work/samples" &
    sampler=$!
    XKV_BENCH_JSON=$rows ask_server "redis://127.0.0.1:$port" >/dev/null
    stop_redis
    wait "$sampler" # which ends with the server
    python3 "$here/server_cpu.py" join "$work/samples" <"$rows" >>"$XKV_BENCH_JSON"
}

# Three servers as one cluster, and a store of as many partitions as there can be.
cluster() {
    say "stores on a cluster"
    can_ask "$servers_bench" || return 0
    scripts/servers.sh run cluster -- "$here/cluster.sh" "$servers_bench" "$server_seconds" "$work" \
        >>"$XKV_BENCH_JSON"
}

# users ROWS FILE: a CSV file.
users() {
    python3 - "$1" "$2" <<'PYTHON'
import sys
with open(sys.argv[2], "w", encoding="utf-8") as file:
    file.write("id,name,email,city,age,balance,active,note\n")
    for i in range(int(sys.argv[1])):
        active = "true" if i % 3 else "false"
        file.write(f'user:{i:08d},Ada Lovelace {i},ada{i}@example.com,"London, UK",{18 + i % 60},{i % 10000}.25,{active},none\n')
PYTHON
}

files() {
    say "files"
    [[ ! -x $files_bench ]] || "$files_bench" "$million" >/dev/null
    [[ ! -x $files_bench ]] || "$files_bench" "$million" import scattered >/dev/null
}

# Other ways to have users in a test; papaparse comes from the registry of npm.
csv() {
    local count=100000 mode round papaparse=$out/npm/node_modules/papaparse/papaparse.min.js
    say "$count users from a CSV file"
    if [[ ! -f $papaparse ]] && ! npm install --silent --prefix "$out/npm" papaparse@5.5.3 >/dev/null 2>&1; then
        say "papaparse: left out, it could not be installed"
    fi
    fresh
    users "$count" "$work/users.csv"
    for ((round = 0; round < pairs; round++)); do
        for mode in ours shared experimental; do
            [[ $mode != shared || -f $papaparse ]] || continue
            k6_run "$ours" ours csv.js -e "MODE=$mode" -e "ROWS=$count" -e "FILE=$work/users.csv" \
                -e "PAPAPARSE=$papaparse"
        done
        [[ -z $theirs ]] || k6_run "$theirs" theirs csv.js -e MODE=theirs -e "ROWS=$count" \
            -e "FILE=$work/users.csv"
    done
}

all_parts="library calls sizes many_keys throughput turns group_commit million_entries codec files csv redis servers cluster"
default_parts=$all_parts
if [[ $quick ]]; then
    default_parts="library calls throughput turns group_commit million_entries codec files csv redis servers cluster"
fi
machine
for part in ${PARTS:-$default_parts}; do
    if [[ " $all_parts " != *" $part "* ]]; then
        echo "there is no part $part; there are: $all_parts" >&2
        exit 2
    fi
    "$part"
done
say "done"
echo
python3 "$here/report.py" "$rows" "$out/results.json"
echo
echo "all figures: build/bench/results.json"
