#!/usr/bin/env bash
# The checks of a release find what is planted: programs that do too little, paths of who built
# them, a part without a licence, a mode or a time in an archive. Needs build/dist-test, which
# native.sh leaves.
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/dist-about.sh
target=$(native_target)
good=$PWD/build/dist-test/stage/xk6-kv_$(version)_$target
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "release: $*" >&2
    exit 1
}

# refuses WHAT COMMAND...: it must fail, and say WHAT.
refuses() {
    local what=$1
    shift
    if "$@" >"$work/said" 2>&1; then fail "passed: $*"; fi
    grep -q "$what" "$work/said" || { cat "$work/said"; fail "not said: $what"; }
}

# Programs, each with the other one sound.
planted() {
    rm -rf "$work/programs"
    mkdir "$work/programs"
    cp "$good/k6" "$good/xkv" "$work/programs/"
}
planted
cp "$work/programs/xkv" "$work/programs/k6"
refuses "a step failed" scripts/dist-try.sh "$target" "$work/programs"
planted
cp "$work/programs/k6" "$work/programs/xkv"
refuses "a step failed" scripts/dist-try.sh "$target" "$work/programs"
planted
sed -i.old 's#k6/x/kv#k6/x/vk#g' "$work/programs/k6"
refuses "does not name\|a step failed" scripts/dist-try.sh "$target" "$work/programs"

# Paths.
printf 'x%s/y' "$PWD" >"$work/program"
refuses "stands in one of" hides_paths "$work/program"
hides_paths "$good/k6" "$good/xkv"

# A signature that is not of this program, and none.
echo 'int main(void) { return 0; }' >"$work/empty.c"
scripts/dist-cc.sh darwin_arm64 -O2 -o "$work/signed" "$work/empty.c"
python3 scripts/dist-signed.py "$work/signed"
printf X | dd of="$work/signed" bs=1 seek=2000 conv=notrunc status=none
refuses "has changed since it was signed" python3 scripts/dist-signed.py "$work/signed"
refuses "no program for macOS" python3 scripts/dist-signed.py "$work/empty.c"

# A module whose licence is not in its folder.
mkdir "$work/nothing"
cat >"$work/go" <<'END'
#!/bin/sh
real=$(PATH=${PATH#*:} command -v go)
"$real" "$@" | sed "s#$(printf '\t')[^$(printf '\t')]*/cascadia@[^$(printf '\t')]*#$(printf '\t')$NOTHING#g"
END
chmod +x "$work/go"
refuses "no licence found for github.com/andybalholm/cascadia@" \
    env PATH="$work:$PATH" NOTHING="$work/nothing" scripts/dist-licences.sh "$target" "$work/licences"

# Archives: times, owners and the order of files do not matter, contents and modes do.
mkdir "$work/a" "$work/b"
for folder in a b; do
    mkdir "$work/$folder/x"
    echo one >"$work/$folder/x/one"
    printf '#!/bin/sh\n' >"$work/$folder/x/two"
    chmod 755 "$work/$folder/x/two"
done
chmod 600 "$work/b/x/one"
touch -t 200101010101 "$work/b/x/one"
for kind in tar.gz zip; do
    pack() { python3 scripts/dist-pack.py "$work/$1/x" "$work/$1.$kind" 1700000000; }
    pack a
    pack b
    cmp "$work/a.$kind" "$work/b.$kind" || fail "$kind: not the same twice"
    chmod 644 "$work/b/x/two"
    pack b
    ! cmp -s "$work/a.$kind" "$work/b.$kind" || fail "$kind: modes are lost"
    chmod 755 "$work/b/x/two"
done
