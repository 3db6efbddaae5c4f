#!/usr/bin/env bash
# All tests of releases, the longest last.
set -uo pipefail
cd "$(dirname "$0")/../.."
export TEST_TIMEOUT=${TEST_TIMEOUT:-3600}
status=0
for name in native planted source image same; do
    scripts/quietly.sh "release: $name" "tests/dist/$name.sh" || status=1
done
exit "$status"
