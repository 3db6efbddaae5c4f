# What the scripts for releases share: sourced, in the project's folder.

readonly ALL_TARGETS=(linux_amd64 linux_arm64 darwin_amd64 darwin_arm64 windows_amd64 windows_arm64)

compiler_path() { echo "${ZIG:-$PWD/build/tools/zig/ziglang/zig}"; }

# Go's own resolver and user look-up: the C library's would load others at run time.
tags_of() {
    case $1 in
    linux_*) echo netgo,osusergo ;;
    esac
}

# The version stands in the header; scripts/check.sh compares it with CHANGELOG.md and git's tag.
version() { sed -n 's/^#define XKV_VERSION "\(.*\)"$/\1/p' xkv/include/xkv.h; }

# What was built, and when it was made: of the last commit, where there is git.
commit() { git describe --always --dirty --exclude='*' 2>/dev/null || true; }
epoch() { echo "${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1600000000)}"; }

native_target() {
    echo "$(go env GOHOSTOS)_$(go env GOHOSTARCH)"
}

exe_of() {
    case $1 in
    windows_*) echo .exe ;;
    esac
}

# hides_paths FILE...: who builds, and where, is nobody's business, and would be other bits elsewhere.
hides_paths() {
    local path
    for path in "$PWD" "$(go env GOMODCACHE)" "$(go env GOROOT)" "$HOME/"; do
        if grep -aqF "$path" "$@"; then
            echo "$path stands in one of $*" >&2
            return 1
        fi
    done
}
