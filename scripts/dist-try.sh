#!/usr/bin/env bash
# dist-try.sh TARGET FOLDER: runs the programs of a release for TARGET, which lie in FOLDER, as
# far as this machine can, and prints in one line what was run:
#
#   ran                       here, in a folder that has nothing but them
#   ran under emulation: …    in a virtual machine, or under another system's loader
#   linked only: …            not at all, and why
#
# It fails if they did not do what they should.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/dist-about.sh
target=${1:?usage: dist-try.sh TARGET FOLDER}
folder=$(cd "${2:?usage: dist-try.sh TARGET FOLDER}" && pwd)
version=$(version)
exe=$(exe_of "$target")

work=$(mktemp -d)
log=$work/log
server=
clean_up() {
    [[ -z $server ]] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
have() { command -v "$1" >/dev/null 2>&1; }

fail() {
    {
        echo "dist-try.sh: $target: $*"
        tail -n 60 "$log" | sed 's/^/    | /'
    } >&2
    exit 1
}

# A server on the loopback interface; its URL is in page.
serve_page() {
    python3 -u -c '
import http.server
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
print(server.server_port)
server.serve_forever()' >"$work/port" &
    server=$!
    for _ in {1..100}; do
        [[ -s $work/port ]] && break
        sleep 0.1
    done
    page=http://127.0.0.1:$(cat "$work/port")/
}

# The steps of a trial, each a line of words: what to run, without the program's folder.
# $1 is "disk" or "memory".
steps() {
    local run options="run --quiet --no-color --address= --no-usage-report"
    echo "k6$exe version"
    if [[ $1 == memory ]]; then
        echo "k6$exe $options -e RUN=1 -e DISK=no${page:+ -e PAGE=$page} try.js"
        echo "xkv$exe --version"
        return
    fi
    for run in 1 2; do
        echo "k6$exe $options -e RUN=$run${page:+ -e PAGE=$page} try.js"
    done
    echo "xkv$exe check try.kv"
    echo "xkv$exe export try.kv tool.jsonl --prefix used:2:"
    echo "xkv$exe import try.kv tool.jsonl"
    echo "xkv$exe set try.kv runs 2"
    echo "k6$exe $options -e RUN=3 try.js"
    echo "xkv$exe backup try.kv copy.kv"
    echo "xkv$exe count copy.kv --prefix used:"
}

# What the steps must have printed; each step's output follows a line "$ step", and its end is "= status".
judge() {
    local count
    count=$(grep -c '^\$ ' "$log" || true)
    ((count == $(steps "$1" | wc -l))) || fail "$count steps of $(steps "$1" | wc -l) were run"
    ((count == $(grep -c '^= 0' "$log" || true))) || fail "a step failed"
    grep -q " v${version//./\\.}[+,].* k6/x/kv" "$log" || fail "k6 version does not name k6/x/kv v$version"
    ! grep -q 'level=error' "$log" || fail "an error was logged"
    [[ $1 == memory ]] && return
    (($(grep -c 'all is well' "$log") == 3)) || fail "not all runs came to their end"
    tail -n 2 "$log" | head -n 1 | tr -d '\r' | grep -qx 120 || fail "xkv counts something else than 120"
}

# here COMMAND...: runs the steps, each by COMMAND and its words.
here() {
    local words
    page=
    [[ $target == windows_* ]] || serve_page
    steps "$kind" >"$work/steps"
    while read -ra words; do
        echo "\$ ${words[*]}"
        "$@" "${words[@]}" </dev/null && echo "= 0" || echo "= $?"
    done <"$work/steps" >"$log" 2>&1
    judge "$kind"
}

# Folders with nothing in them but the release and the script.
empty_folder() {
    mkdir "$work/empty"
    cp "$folder/k6$exe" "$folder/xkv$exe" tests/dist/try.js "$work/empty/"
}

# change root, then the program by its name in there.
in_chroot() {
    local program=/$1
    shift
    env -i "${chroot[@]}" "$work/empty" "$program" "$@"
}
chroot=("$(PATH=$PATH:/usr/sbin:/sbin command -v chroot || true)")
((EUID == 0)) || chroot=("$(command -v unshare || true)" --map-root-user "${chroot[0]}")

in_folder() { (cd "$work/empty" && "$1" "./$2" "${@:3}"); }

windows=$PWD/scripts/windows.sh
in_wine() { (cd "$work/empty" && "$windows" run "./$1" "${@:2}"); }

# An arm64 machine: the kernel and the few tools of Debian's installer, and our programs beside
# them. The first process is a script, which runs the steps in an empty folder.
installer=/usr/lib/debian-installer/images/12/arm64/text/debian-installer/arm64
machine() {
    local root=$work/machine
    page=
    mkdir -p "$root/empty/dev"
    cp "$folder/k6" "$folder/xkv" tests/dist/try.js "$root/empty/"
    {
        echo '#!/bin/sh'
        echo 'mount -t proc none /proc; mount -t devtmpfs none /dev; ip link set lo up; mkdir -p /empty'
        echo 'mount -t tmpfs none /mnt; cp /empty/* /mnt/; echo "machine $(uname -m)"'
        steps "$kind" | while read -r step; do
            echo "echo '\$ $step'; chroot /mnt /$step </dev/null; echo \"= \$?\""
        done
        echo 'echo end of steps; poweroff -f'
    } >"$root/try"
    chmod +x "$root/try"
    (cd "$root" && find . | cpio --quiet -o -H newc) | gzip -1 >"$work/ours.gz"
    cat "$installer/initrd.gz" "$work/ours.gz" >"$work/initrd.gz"
    timeout 1200 qemu-system-aarch64 -machine virt -cpu cortex-a57 -smp 2 -m 2048 -nographic -no-reboot \
        -nic none -kernel "$installer/linux" -initrd "$work/initrd.gz" \
        -append "console=ttyAMA0 quiet panic=-1 rdinit=/try" </dev/null 2>&1 |
        tr -d '\r' | sed -n '/^machine /,/^end of steps/p' >"$work/all" || true
    grep -q '^machine aarch64' "$work/all" || { cp "$work/all" "$log"; fail "the machine did not start"; }
    sed '1d;$d' "$work/all" >"$log"
    judge "$kind"
}

kind=disk
case $target in
"$(native_target)")
    empty_folder
    if [[ $target == linux_* ]] && "${chroot[@]}" "$work/empty" /k6 version >/dev/null 2>&1; then
        here in_chroot
        echo "ran"
    else
        here in_folder env
        echo "ran, in a folder that is not its root"
    fi
    ;;
linux_arm64)
    if have qemu-system-aarch64 && have cpio && [[ -e $installer/linux ]]; then
        machine
        echo "ran under emulation: qemu-system, stores on disk and in memory"
    elif have qemu-aarch64-static; then
        kind=memory # musl asks for get_robust_list, which qemu's user mode does not have
        empty_folder
        here in_folder qemu-aarch64-static
        echo "ran under emulation: qemu-user, stores in memory only"
    else
        echo "linked only: there is no qemu-system-aarch64 with Debian's installer for arm64"
    fi
    ;;
windows_amd64)
    if have wine && have x86_64-w64-mingw32-gcc; then # which makes a library that wine lacks
        scripts/windows.sh setup
        empty_folder
        here in_wine
        echo "ran under emulation: wine"
    else
        echo "linked only: there is no wine, or no mingw-w64 for what wine lacks"
    fi
    ;;
*)
    echo "linked only: nothing here runs programs for ${target%_*} on ${target#*_}"
    ;;
esac
