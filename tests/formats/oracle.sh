#!/usr/bin/env bash
# Compares what the library reads and writes with what Python's csv and json do, and
# Node.js's JSON, on random data. XKV_SEED sets what that is.
set -euo pipefail
cd "$(dirname "$0")/../.."

make --no-print-directory --silent build/release/formats/convert
exec python3 tests/formats/oracle.py build/release/formats/convert
