#!/usr/bin/env bash
# [WHERE=disk] speed.sh K6 OTHER [ROUNDS]: what OTHER, such as a release's k6, needs for the same calls, as a
# ratio to K6. They take turns; what is compared is the processor's time, without that of a run
# that calls nothing: it depends less on what else the machine does than the clock on the wall.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ours=$(realpath "${1:?usage: speed.sh K6 OTHER [ROUNDS]}") other=$(realpath "${2:?}") rounds=${3:-5}
work=$(mktemp -d "$PWD/speed.XXXXXX") # not in memory, as /tmp may be
trap 'rm -rf "$work"' EXIT
cd "$work"

# cost K6 WHERE CALLS: milliseconds of the processor.
cost() {
    rm -f speed.kv*
    python3 - "$@" "$here/speed.js" <<'PYTHON'
import resource, subprocess, sys
k6, where, calls, script = sys.argv[1:]
subprocess.run([k6, "run", "--quiet", "--address=", "--no-usage-report", "-e", "CALLS=" + calls, "-e", "WHERE=" + where, script],
               check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(round((used.ru_utime + used.ru_stime) * 1000))
PYTHON
}

for where in ${WHERE:-memory disk}; do
    calls=100000
    [[ $where == memory ]] || calls=10000
    for ((round = 0; round < rounds; round++)); do
        for k6 in "$ours" "$other"; do
            name=ours
            [[ $k6 == "$ours" ]] || name=other
            echo "$where $name $(($(cost "$k6" "$where" "$calls") - $(cost "$k6" "$where" 0)))"
        done
    done
done | tee costs >&2
python3 - costs <<'PYTHON'
import statistics, sys
rows = [line.split() for line in open(sys.argv[1])]
for where in sorted({place for place, _, _ in rows}, reverse=True):
    ours, other = ([int(ms) for place, name, ms in rows if (place, name) == (where, which)] for which in ("ours", "other"))
    ratios = [b / a for a, b in zip(ours, other)]
    print(f"{where}: {statistics.median(ratios):.2f} times the processor's time, from {min(ratios):.2f} to {max(ratios):.2f}")
PYTHON
