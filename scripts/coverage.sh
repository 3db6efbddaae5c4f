#!/usr/bin/env bash
# coverage.sh FOLDER…: how much of each source file ran, from what gcc's --coverage
# left in them. A branch counts when it was taken: of each condition, even within
# an expression, there are two.
set -euo pipefail

for folder; do gcov --no-output --branch-probabilities --object-directory "$folder" "$folder"/*.gcda; done |
    awk -F "[':%]" '
        /^File / { file = $2 ~ /^xkv\/src\/.*\.c$/ ? $2 : ""; sub(/.*\//, "", file) }
        !file { next }
        /^Lines executed/ { lines[file] = $2 }
        /^Taken at least once/ {
            of = $0
            sub(/.* of /, "", of)
            taken = int($2 * of / 100 + 0.5)
            printf "  %-16s %6.2f %% of branches (%d of %d), %6.2f %% of lines\n",
                file, $2, taken, of, lines[file]
            all += of
            all_taken += taken
        }
        END { printf "  %-16s %6.2f %% of branches\n", "all", 100 * all_taken / all }
    ' | sort
