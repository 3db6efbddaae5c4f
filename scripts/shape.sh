#!/usr/bin/env bash
# The shape of the code: the rooms of the C library and what they include, the
# length of files and of functions.
#
#   scripts/shape.sh                all of it, for people
#   scripts/shape.sh layers         fails, and says where, if a room includes one
#                                   that does not lie below it
#   scripts/shape.sh file_lengths   fails if a file is longer than LINES_MAX
set -euo pipefail
cd "$(dirname "$0")/.."

# Lowest first. Rooms on one floor do not include each other. Above all stands what
# lies in no room.
readonly FLOORS="base|command tree|formats|store|files|local|memory disk remote|(none)"
readonly LINES_MAX=700

sources() { find xkv/src -name '*.[ch]' | sort; }

# What people write and read, without the public header, which is a manual.
code() {
    find xkv kv tests \( -name node_modules -o -path xkv/include \) -prune -o -type f \
        \( -name '*.[ch]' -o -name '*.go' -o -name '*.sh' -o -name '*.[jt]s' \) -print
}

# includes: FILE:LINE ROOM INCLUDED, for each include of another room's header.
includes() {
    sources | xargs awk '
        /^#include "[a-z.]+\// {
            room = (split(FILENAME, path, "/") > 3) ? path[3] : "(none)"
            split($2, included, /["\/]/)
            if (room != included[2])
                print FILENAME ":" FNR, room, included[2]
        }
    '
}

layers() {
    includes | awk -v floors="$FLOORS" '
        BEGIN {
            count = split(floors, floor, "|")
            for (i = 1; i <= count; i++) {
                rooms = split(floor[i], room, " ")
                for (j = 1; j <= rooms; j++)
                    level[room[j]] = i
            }
        }
        !($2 in level) { print $1 ": the room " $2 " stands on no floor"; wrong = 1; next }
        !($3 in level) { print $1 ": the room " $3 " stands on no floor"; wrong = 1; next }
        level[$3] >= level[$2] { print $1 ": " $2 "/ may not include " $3 "/"; wrong = 1 }
        END { exit wrong }
    '
}

file_lengths() {
    code | xargs wc -l | awk -v max="$LINES_MAX" '
        $2 != "total" && $1 > max { print $2 " has " $1 " lines, more than " max; wrong = 1 }
        END { exit wrong }
    '
}

# How large each room is, and how often it includes which.
rooms() {
    { sources | xargs wc -l; includes; } | awk -v floors="$FLOORS" '
        NF == 2 && $2 == "total" { next }
        NF == 2 {
            in_room = (split($2, path, "/") > 3) ? path[3] : "(none)"
            files[in_room]++
            lines[in_room] += $1
            next
        }
        { times[$2, $3]++ }
        END {
            count = split(floors, room, /[| ]/)
            printf "%-9s %5s %6s   %s\n", "room", "files", "lines", "includes"
            for (i = 1; i <= count; i++) {
                if (!(room[i] in files))
                    continue
                text = ""
                for (j = 1; j <= count; j++)
                    if ((room[i], room[j]) in times)
                        text = text "  " room[j] " " times[room[i], room[j]]
                printf "%-9s %5d %6d %s\n", room[i], files[room[i]], lines[room[i]], text
            }
        }
    '
}

# functions: LENGTH FILE:LINE NAME, from the first line to the closing brace.
# clang-format sees to it that only these begin and end at the left margin.
functions() {
    sources | xargs awk '
        FNR == 1 || /^[^ \t#\/}]/ {
            begin = /^[A-Za-z_].*\(/ ? FNR : 0
            name = $0
            sub(/\(.*/, "", name)
            sub(/.*[ *]/, "", name)
            body = 0
        }
        begin && /\) \{$/ { body = 1 }
        begin && !body && /;$/ { begin = 0 }
        /^}/ {
            if (begin && body)
                print FNR - begin + 1, FILENAME ":" begin, name
            begin = 0
        }
    ' | sort -n
}

function_lengths() {
    functions | awk '
        { length_of[NR] = $1; line[NR] = sprintf("  %3d lines  %-32s %s", $1, $3, $2) }
        END {
            printf "%d functions: half have up to %d lines, nine of ten up to %d, the longest has %d\n",
                NR, length_of[int((NR + 1) / 2)], length_of[int(NR * 0.9 + 0.5)], length_of[NR]
            for (i = NR; i > 0 && i > NR - 5; i--)
                print line[i]
        }
    '
}

# told CHECK TEXT: what a check finds, or that it finds nothing.
told() {
    "$1" && echo "$2" || true
}

case ${1:-all} in
layers | file_lengths) "$1" ;;
all)
    rooms
    echo
    told layers "no room includes one that does not lie below it"
    echo
    told file_lengths "no file has more than $LINES_MAX lines"
    echo
    function_lengths
    ;;
*)
    echo "usage: scripts/shape.sh [layers|file_lengths]" >&2
    exit 2
    ;;
esac
