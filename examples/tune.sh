#!/bin/sh
# Tunes one Lambda function, keeps the records of the run in a dated file, and cleans up whatever happens.
#
#     ./tune.sh FUNCTION [OPTION OF lpt-prepare]...
#
# PAYLOAD   file with the payload [default: none, which sends {}]
# STRATEGY  cost, speed or balanced [default: balanced]
# APPLY     yes: give the function the size that is found [default: no]
#
# lpt(7) explains the tools, lpt-records(5) the records.
set -eu

function=${1:?name a function}
shift
name=$(printf '%s' "$function" | tr -c 'A-Za-z0-9_-' '-')
runs=$name-$(date -u +%Y%m%dT%H%M%SZ).ndjson

# The first records name the run, and are written before anything is changed: whatever stops this script, the file
# says what to undo. Cleaning up what is clean does no harm.
cleanup() {
    status=$?
    # A second Ctrl-C is not to stop this.
    trap '' EXIT HUP INT TERM
    rm -f "$runs.selected"
    if [ -s "$runs" ]; then
        lpt-cleanup --quiet "$runs" >/dev/null || {
            echo "tune.sh: not all is removed; try again: lpt-cleanup $runs" >&2
            [ "$status" -ne 0 ] || status=1
        }
    fi
    exit "$status"
}
trap cleanup EXIT
# A shell runs these when the tools, which got the signal too, have ended.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# POSIX pipes lose the status of all tools but the last one. It is in the end record of the stream, which lpt-select
# refuses where it is not "complete".
lpt-prepare "$@" -- "$function" | lpt-invoke ${PAYLOAD:+--payload-file "$PAYLOAD"} >"$runs"

lpt-analyze --strategy "${STRATEGY:-balanced}" "$runs" | lpt-select >"$runs.selected"
if [ "${APPLY:-no}" = yes ]; then
    lpt-apply "$runs.selected" >/dev/null
fi
echo "tune.sh: the records are in $runs" >&2
