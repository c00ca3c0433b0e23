#!/bin/sh
# Tunes one Lambda function, keeps the records of the run in a dated file, and always cleans up.
#
#     ./tune.sh FUNCTION [OPTION OF lpt-prepare]...
#
# PAYLOAD   file with the payload [default: none, which sends {}]
# STRATEGY  cost, speed or balanced [default: balanced]
# APPLY     yes: give the function the selected size [default: no]
#
# lpt(7) describes the tools, lpt-records(5) the records.
set -eu

function=${1:?name a function}
shift
name=$(printf '%s' "$function" | tr -c 'A-Za-z0-9_-' '-')
runs=$name-$(date -u +%Y%m%dT%H%M%SZ).ndjson

# The first records name the run, and are written before anything is changed. So whatever stops this script,
# the file tells what to undo. To clean up twice does no harm.
cleanup() {
    status=$?
    # A second Ctrl-C must not stop the cleanup.
    trap '' EXIT HUP INT TERM
    rm -f "$runs.selected"
    if [ -s "$runs" ]; then
        lpt-cleanup --quiet "$runs" >/dev/null || {
            echo "tune.sh: the cleanup is not complete; try again: lpt-cleanup $runs" >&2
            [ "$status" -ne 0 ] || status=1
        }
    fi
    exit "$status"
}
trap cleanup EXIT
# The tools get the signal too. The shell runs these traps when the tools have ended.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# A POSIX pipe loses the exit codes of all tools but the last one. The end record of the stream keeps the
# status, and lpt-select refuses a stream whose status is not "complete".
lpt-prepare "$@" -- "$function" | lpt-invoke ${PAYLOAD:+--payload-file "$PAYLOAD"} >"$runs"

lpt-analyze --strategy "${STRATEGY:-balanced}" "$runs" | lpt-select >"$runs.selected"
if [ "${APPLY:-no}" = yes ]; then
    lpt-apply "$runs.selected" >/dev/null
fi
echo "tune.sh: the records are in $runs" >&2
