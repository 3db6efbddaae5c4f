#!/usr/bin/env bash
# Installs the system packages that are missing, and nothing else. Silent and
# quick when all are there.
#
#   scripts/setup.sh build    what building k6 needs
#   scripts/setup.sh test     that, and what the tests need; servers, where they can be had
#   scripts/setup.sh bench    what building and measuring need
#   scripts/setup.sh windows  what building for Windows and running that with wine need
#   scripts/setup.sh dist     what make dist needs: the cross compiler, in build/tools
#   scripts/setup.sh dist-test   that, and what tries them: a machine with another processor, containers
#   scripts/setup.sh check    installs nothing: fails if building needs more
#   scripts/setup.sh site     what making the site of the documents needs
set -euo pipefail

have() { command -v "$1" >/dev/null 2>&1; }

# header FILE: whether the C compiler finds it. Homebrew's folder is not where every one looks.
header() {
    local brew=
    [[ $(uname -s) == Darwin ]] && have brew && brew=-I$(brew --prefix)/include
    echo "#include <$1>" | "${CC:-cc}" ${brew:+"$brew"} -E - >/dev/null 2>&1
}

# clang's own libraries (sanitizers, fuzzer) come in a package apart on Debian.
clang_runtime() {
    local resources
    have clang && resources=$(clang -print-resource-dir) || return 1
    [[ -n $(find -L "$resources/lib" -name '*clang_rt.fuzzer*' -print -quit 2>/dev/null) ]]
}
clang_runtime_package() {
    local version
    version=$(clang -dumpversion)
    echo "libclang-rt-${version%%.*}-dev"
}

# want DEBIAN_PACKAGE BREW_FORMULA CHECK...: notes both names if CHECK fails.
apt_missing=()
brew_missing=()
want() {
    local apt=$1 brew=$2
    shift 2
    "$@" && return
    apt_missing+=("$apt")
    brew_missing+=("$brew")
}

want_for_build() {
    want build-essential gcc header stdio.h
}

want_for_site() {
    want python3-venv python3 python3 -c 'import ensurepip, venv'
}

want_for_test() {
    want libcmocka-dev cmocka header cmocka.h
    want libxxhash-dev xxhash header xxhash.h
    want libhiredis-dev hiredis header hiredis/hiredis.h
    want clang llvm have clang
    want clang-format clang-format have clang-format
    want nodejs node have node
    want npm node have npm
    want python3 python3 have python3
}

want_for_bench() {
    want python3 python3 have python3
    want redis-server redis have redis-server
    want gnuplot-nox gnuplot have gnuplot
}

want_for_windows() {
    want gcc-mingw-w64-x86-64 mingw-w64 have x86_64-w64-mingw32-gcc
    want wine64 wine-stable have wine
    want libxxhash-dev xxhash test -e /usr/include/xxhash.h
    want python3 python3 have python3
}

# Compilers for all systems are one package of Python's; nothing outside of build/ changes.
readonly ZIG_VERSION=0.17.1
has_pip() { python3 -m pip --version >/dev/null 2>&1; }
want_for_dist() {
    want python3 python3 have python3
    want python3-pip python3 has_pip
}
# What is not there is not tried, and said; so none of these is a must.
get_trials() {
    local package sudo=()
    have apt-get || return 0
    ((EUID == 0)) || sudo=(sudo -n)
    for package in qemu-system-arm cpio debian-installer-12-netboot-arm64 buildah busybox-static; do
        dpkg -s "$package" >/dev/null 2>&1 ||
            "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
                -o DPkg::Lock::Timeout=120 "$package" >/dev/null 2>&1 ||
            echo "$package cannot be had; what needs it is not tried"
    done
}
has_zig() { [[ $(build/tools/zig/ziglang/zig version 2>/dev/null) == "$ZIG_VERSION" ]]; }
install_zig() {
    has_zig && return
    echo "installing zig $ZIG_VERSION to build/tools"
    rm -rf build/tools/zig
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
        --only-binary :all: --target build/tools/zig "ziglang==$ZIG_VERSION" && has_zig
}

say_what_is_missing() {
    echo "These packages are missing and cannot be installed from here:" >&2
    echo "  Debian, Ubuntu: ${apt_missing[*]}" >&2
    echo "  Homebrew:       ${brew_missing[*]}" >&2
    echo "Install them, or what your system calls them, and try again." >&2
    exit 1
}

install_with_apt() {
    local sudo=() log
    if ((EUID != 0)); then
        have sudo || say_what_is_missing
        sudo=(sudo)
    fi
    log=$(mktemp)
    echo "installing ${apt_missing[*]}"
    if ! { "${sudo[@]}" apt-get update &&
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install \
            --yes --no-install-recommends -o DPkg::Lock::Timeout=120 "${apt_missing[@]}"; } \
        >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        say_what_is_missing
    fi
    rm -f "$log"
}

install_missing() {
    ((${#apt_missing[@]})) || return 0
    if have apt-get; then
        install_with_apt
    elif have brew; then
        echo "installing ${brew_missing[*]}"
        brew install --quiet "${brew_missing[@]}" || say_what_is_missing
    else
        say_what_is_missing
    fi
    apt_missing=()
    brew_missing=()
}

if ! have go; then
    echo "Go is missing. Install it (go.mod says which version) and try again." >&2
    exit 1
fi

case ${1:-} in
check)
    want_for_build
    if ((${#apt_missing[@]})); then
        echo "Building k6 needs packages that are not installed:" >&2
        echo "  Debian, Ubuntu: ${apt_missing[*]}" >&2
        echo "  Homebrew:       ${brew_missing[*]}" >&2
        echo "\"make setup\" installs them." >&2
        exit 1
    fi
    ;;
site)
    want_for_site
    install_missing
    ;;
build)
    want_for_build
    install_missing
    ;;
test)
    want_for_build
    want_for_test
    install_missing
    if have apt-get && have clang && ! clang_runtime; then # its name needs clang's version
        apt_missing=("$(clang_runtime_package)")
        brew_missing=(llvm)
        install_missing
    fi
    "${BASH_SOURCE%/*}/servers.sh" setup
    ;;
windows)
    want_for_build
    want_for_windows
    install_missing
    "${BASH_SOURCE%/*}/windows.sh" setup
    ;;
bench)
    want_for_build
    want_for_bench
    install_missing
    ;;
dist | dist-test)
    want_for_dist
    install_missing
    cd "${BASH_SOURCE%/*}/.." && install_zig
    [[ $1 == dist ]] || get_trials
    ;;
*)
    echo "usage: scripts/setup.sh build|site|test|bench|windows|dist|dist-test|check" >&2
    exit 2
    ;;
esac
