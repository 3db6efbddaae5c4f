#!/usr/bin/env bash
# dist-stubs.sh FOLDER: makes stubs of the macOS libraries that Go's programs are linked with,
# besides libSystem, which the cross compiler has. A stub (.tbd) is a text that names a library's
# symbols; which ones are needed, Go's sources say for their own linker:
#
#   //go:cgo_import_dynamic LOCAL SYMBOL "/path/of/the/library"
set -euo pipefail
out=${1:?usage: dist-stubs.sh FOLDER}
cd "$(dirname "$0")/.."

imports() {
    local packages='{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}'
    GOOS=darwin GOARCH=arm64 CGO_ENABLED=1 go list -deps -f "$packages" ./cmd/k6 |
        sed '/^$/d' | tr '\n' '\0' |
        xargs -0 sed -n 's#^//go:cgo_import_dynamic [^ ]* \([^ ]*\) "\(/.*\)"$#\2 \1#p' |
        sed '\#^/usr/lib/libSystem#d' | sort -u
}

# stub LIBRARY FILE: reads the symbols.
stub() {
    local symbols
    symbols=$(sed "s/.*/'_&'/" | paste -sd, -)
    mkdir -p "$(dirname "$2")"
    cat >"$2" <<END
--- !tapi-tbd
tbd-version: 4
targets: [ x86_64-macos, arm64-macos ]
install-name: '$1'
exports:
  - targets: [ x86_64-macos, arm64-macos ]
    symbols: [ $symbols ]
...
END
}

# One header is missing, too: a module that k6 has asks for it, and uses this of it.
header() {
    mkdir -p "$out/include/mach"
    cat >"$out/include/mach/mach_vm.h" <<'END'
#include <mach/vm_region.h>
#include <mach/vm_types.h>
extern kern_return_t mach_vm_region(vm_map_read_t task, mach_vm_address_t *address, mach_vm_size_t *size,
                                    vm_region_flavor_t flavor, vm_region_info_t info,
                                    mach_msg_type_number_t *count, mach_port_t *object);
END
}

rm -rf "$out"
header
all=$(imports)
for library in $(cut -d ' ' -f 1 <<<"$all" | sort -u); do
    name=$(basename "$library")
    case $library in
    *.framework/*) file=$out/$name.framework/$name.tbd ;;
    *) file=$out/${name%%.*}.tbd ;;
    esac
    awk -v library="$library" '$1 == library { print $2 }' <<<"$all" | stub "$library" "$file"
done
compgen -G "$out/*.framework" >/dev/null || {
    echo "dist-stubs.sh: Go's sources name no library of macOS" >&2
    exit 1
}
