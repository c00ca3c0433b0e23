#!/bin/sh
# Tunes one Lambda function, keeps the records of the run in a dated file, and always cleans up.
#
#     ./tune.sh FUNCTION [OPTION OF lpt-prepare]...
#
# From the environment:
#
# PAYLOAD   JSON file with the payload [default: none, which sends {}]
# STRATEGY  cost, speed or balanced [default: balanced]
# APPLY     yes: give the function the selected size [default: no]
#
# lpt(7) describes the tools, lpt-records(5) the records.
set -eu

usage() {
    echo "tune.sh: $1; see tune.sh --help" >&2
    exit 2
}

case ${1-} in
    -h | --help) exec sed -n '1d; /^#/!q; s/^# \{0,1\}//p' "$0" ;;
    '') usage 'name a function' ;;
    -*) usage "name the function before $1" ;;
esac
case ${APPLY:-no} in
    yes | no) ;;
    *) usage "APPLY is yes or no, not $APPLY" ;;
esac

# Lets a tool check its options before anything is published or paid: it gets a stream without records.
check() {
    echo '{"type":"end","tool":"tune.sh","records":0,"status":"complete"}' | "$@" >/dev/null
}
check lpt-invoke --quiet ${PAYLOAD:+--payload-file "$PAYLOAD"}
check lpt-analyze --quiet --strategy "${STRATEGY:-balanced}"

function=$1
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
        lpt-cleanup "$runs" >/dev/null || {
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
