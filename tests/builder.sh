#!/usr/bin/env bash
# Builds k6 as xk6 does: in a module of its own, which requires this one from its folder. By
# xk6 itself where it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

module=$(go list -m)
k6_module=$(go list -f '{{.Module.Path}}' go.k6.io/k6/v2/cmd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CGO_ENABLED=1

fail() {
    echo "builder: $*" >&2
    exit 1
}

if command -v xk6 >/dev/null; then
    echo "by $(xk6 version 2>/dev/null || echo xk6)"
    xk6 build --cgo --with "$module=$PWD" --output "$work/k6"
else
    echo "by hand, as xk6 is not installed"
    cat >"$work/main.go" <<END
package main

import (
	"$k6_module/cmd"

	_ "$module"
)

func main() { cmd.Execute() }
END
    (
        cd "$work"
        go mod init k6
        go mod edit -require="$module@v0.0.0" -replace="$module=$OLDPWD"
        go mod tidy
        go build -o k6 .
    ) >"$work/log" 2>&1 || { cat "$work/log"; fail "it cannot be built"; }
fi

# The extension is there, and its C part is: it keeps a store on disk, and finds it again.
version=$("$work/k6" version)
[[ $version == *"$module"*"k6/x/kv [js]"* ]] || fail "k6 does not list the extension: $version"
cat >"$work/script.js" <<'END'
import { openKv } from "k6/x/kv";

const kv = openKv({ backend: "disk", path: "builder.kv" });

export default async function () {
  console.log(`runs: ${await kv.incrementBy("runs", 1)}`);
}
END
for run in 1 2; do
    said=$(cd "$work" && ./k6 run --no-usage-report --quiet script.js 2>&1)
    [[ $said == *"runs: $run"* ]] || fail "run $run says: $said"
done

# Nothing of the system is used but its C library.
if [[ $(uname -s) == Linux ]]; then
    others=$(ldd "$work/k6" | awk '{ print $1 }' |
        grep -Ev '^(linux-vdso|linux-gate|.*/ld-linux|lib(c|pthread|resolv|dl|rt)\.so)' || true)
    [[ -z $others ]] || fail "k6 needs other libraries: $others"
fi
