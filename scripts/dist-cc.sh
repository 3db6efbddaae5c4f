#!/usr/bin/env bash
# dist-cc.sh TARGET ARGUMENTS...: a C compiler that compiles and links for TARGET, which is a
# system and a processor as Go names them: linux_arm64. "scripts/setup.sh dist" installs it.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

case $1 in
linux_amd64) triple=x86_64-linux-musl ;;
linux_arm64) triple=aarch64-linux-musl ;;
darwin_amd64) triple=x86_64-macos.12.0 ;; # the oldest one that Go's own library runs on
darwin_arm64) triple=aarch64-macos.12.0 ;;
windows_amd64) triple=x86_64-windows-gnu ;;
windows_arm64) triple=aarch64-windows-gnu ;;
*)
    echo "dist-cc.sh: no such target: $1" >&2
    exit 2
    ;;
esac
system=${1%_*}
shift

# What macOS programs are linked with, see dist-stubs.sh.
stubs=()
if [[ $system == darwin && -d $root/build/dist/stubs ]]; then
    stubs=("-F$root/build/dist/stubs" "-L$root/build/dist/stubs" -idirafter "$root/build/dist/stubs/include")
fi

exec "${ZIG:-$root/build/tools/zig/ziglang/zig}" cc -target "$triple" ${stubs[@]+"${stubs[@]}"} "$@"
