# For examples.sh and readme.sh: sourced, not run.

# run_script K6 NAME SCRIPT [TEXT]: runs a script in the current directory. It
# must exit with 0 within 30 seconds, log no error, and print TEXT.
run_script() {
    local k6=$1 name=$2 script=$3 text=${4:-} log status=0 why= limit=()
    log=$(mktemp)
    if command -v timeout >/dev/null; then
        limit=(timeout 60)
    fi
    SECONDS=0
    K6_NO_USAGE_REPORT=true ${limit[@]+"${limit[@]}"} "$k6" run --quiet --no-color "$script" >"$log" 2>&1 </dev/null || status=$?

    if ((status != 0)); then
        why="exit status $status"
    elif grep -q 'level=error' "$log"; then
        why="it logged an error"
    elif ((SECONDS > 30)); then
        why="it took longer than 30 s"
    elif [[ -n $text ]] && ! grep -qF -- "$text" "$log"; then
        why="it did not print \"$text\""
    fi

    if [[ -z $why ]]; then
        printf '    ok      %-40s %4d s\n' "$name" "$SECONDS"
    else
        printf '    FAILED  %-40s %4d s, %s\n' "$name" "$SECONDS" "$why"
        tail -n 60 "$log" | sed 's/^/    | /'
    fi
    rm -f "$log"
    [[ -z $why ]]
}
