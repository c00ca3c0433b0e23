#!/bin/sh
# The demo of `make demo`: measures a real function at six memory sizes, without an AWS account.
#
# lpt-local runs the function's own process behind Lambda's API, with the CPU share of each size. On AWS the
# pipe is the same, without lpt-local around it.
set -eu

function=${LPT_FUNCTION:-target/debug/examples/cpu-bound}

show_and_run() {
	printf '\n$ %s\n' "$1"
	sh -c "$1"
}

# lpt-local sets the endpoint and stand-in credentials in the environment of the command that it runs.
show_and_run "lpt-local --function cpu-bound=$function,memory=128 -- sh -c '
    lpt-prepare cpu-bound | lpt-invoke --save runs.ndjson --overwrite | lpt-analyze --strategy balanced |
    lpt-select | lpt-apply | lpt-cleanup > result.ndjson'"

printf '\nThe invocations are in runs.ndjson. Another strategy needs no new measurement:\n'
show_and_run 'lpt-analyze --strategy speed runs.ndjson | lpt-select --format table'

printf '\nA page to send to a colleague:\n'
show_and_run 'lpt-analyze --strategy balanced runs.ndjson | lpt-plot - runs.ndjson --output report.html'
